"""The life of the server's process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import carla
import msgpack
import psutil
import pytest

from simulator import serve
from tests.simulator.serving import RunningServer, running_server, start, until_ready


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server() as running:
        yield running


def _wait_for_end(pid: int, timeout_s: float = 60.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_client_has_the_world_right_after_the_ready_line() -> None:
    # processor time, which other programs of a busy machine do not lengthen as they do a wait
    with running_server() as server:
        process = psutil.Process(server.process.pid)
        before_s = sum(process.cpu_times()[:2])
        client = carla.Client("127.0.0.1", server.port)
        client.set_timeout(60.0)
        world = client.get_world()
        assert sum(process.cpu_times()[:2]) - before_s < 2.0
        assert world.get_map().name.endswith("Elm01")
        assert client.get_server_version() == client.get_client_version()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(number: signal.Signals) -> None:
    process = start()
    server = until_ready(process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1.0)


@pytest.mark.parametrize("how", [[], ["--parent-pid"]], ids=["unasked", "asked"])
def test_the_server_ends_with_its_parent(how: list[str]) -> None:
    parent = (
        "import json, os, subprocess, sys\n"
        "command = [sys.executable, '-m', 'simulator.serve', '--port', '0', *sys.argv[1:]]\n"
        "command += [str(os.getpid())] if sys.argv[1:] else []\n"
        "server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)\n"
        "print(json.loads(server.stdout.readline())['pid'], flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    process = subprocess.run([sys.executable, "-c", parent, *how], stdout=subprocess.PIPE, text=True, timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert _wait_for_end(int(process.stdout))


def test_a_parent_that_is_gone_already_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert serve.main(["--port", "0", "--parent-pid", str(gone.pid)]) == 2
    assert capsys.readouterr() == ("", f"simulator: the parent process {gone.pid} is gone\n")


def test_a_wrong_town_is_one_clear_line() -> None:
    process = start("--town", "Elm99")
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    towns = "Elm01, Elm02, Fell01, Mere01, Ring01"
    assert errors == f"simulator: no town 'Elm99': there are {towns}, or an OpenDRIVE file (.xodr)\n"


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--port", str(port))
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert errors == f"simulator: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_crash_in_a_tick_ends_the_server_and_tells_the_client() -> None:
    broken = (
        "from simulator.world.world import World\n"
        "from simulator import serve\n"
        "step = World.step\n"
        "def failing_step(world, delta_s):\n"
        "    if world.settings.synchronous_mode: raise RuntimeError('a wheel came off')\n"
        "    return step(world, delta_s)\n"
        "World.step = failing_step\n"
        "serve.run()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", broken, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    client = carla.Client("127.0.0.1", until_ready(process).port)
    client.set_timeout(60.0)
    world = client.get_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True))
    with pytest.raises(RuntimeError, match="rpc_error during call in function tick_cue"):  # and no time-out
        world.tick()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 70
    assert "simulator: the simulation failed" in errors
    assert errors.count("a wheel came off") == 1


def test_a_client_that_is_killed_leaves_the_server_to_others(server: RunningServer) -> None:
    victim = (
        "import carla, os, sys\n"
        "client = carla.Client('127.0.0.1', int(sys.argv[1]))\n"
        "client.set_timeout(60.0)\n"
        "world = client.get_world()\n"
        "world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))\n"
        "blueprint = world.get_blueprint_library().find('sensor.other.imu')\n"
        "imu = world.spawn_actor(blueprint, carla.Transform())\n"
        "imu.listen(lambda reading: os.kill(os.getpid(), 9))\n"
        "world.tick()\n"
        "world.tick()\n"
    )
    killed = subprocess.run([sys.executable, "-c", victim, str(server.port)], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(60.0)
    world = client.get_world()
    frame = world.tick()
    assert [world.tick() for _ in range(5)] == list(range(frame + 1, frame + 6))


def _call(peer: socket.socket, method: str, *arguments: object) -> list[Any]:
    """`[error, result]` of a call as it travels."""
    peer.sendall(msgpack.packb([0, 1, method, [[False], *arguments]]))
    unpacker = msgpack.Unpacker()
    while True:
        unpacker.feed(peer.recv(1 << 20))
        for answer in unpacker:
            return answer[2:]


def test_calls_that_no_client_should_make_are_answered(server: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60.0) as peer:
        assert _call(peer, "make_coffee")[0] == "server could not find function 'make_coffee' with argument count 1"
        assert _call(peer, "get_actors_by_id", [1, "two"])[1] == [
            [0, ["get_actors_by_id: [1]: expected an integer, got 'two'"]]
        ]
        assert _call(peer, "destroy_actor")[1] == [[0, ["destroy_actor: takes 1 arguments, got 0"]]]
        assert _call(peer, "apply_batch", [[[2, [7]]], [[99, [1]]], 5], False)[1] == [
            [[0, ["apply_control_to_vehicle: takes 2 arguments, got 1"]]],
            [[0, ["apply_batch: malformed command"]]],
            [[0, ["apply_batch: malformed command"]]],
        ]


def test_a_traffic_manager_is_forgotten_with_its_client(server: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60.0) as owner:
        assert _call(owner, "add_traffic_manager_running", ["10.0.0.1", 8000])[1] == [[1, True]]
        with socket.create_connection(("127.0.0.1", server.port), timeout=60.0) as other:
            assert _call(other, "add_traffic_manager_running", ["10.0.0.2", 8000])[1] == [[1, False]]
            assert _call(other, "get_traffic_manager_running", 8000)[1] == [[1, ["10.0.0.1", 8000]]]
    with socket.create_connection(("127.0.0.1", server.port), timeout=60.0) as other:
        assert _call(other, "is_traffic_manager_running", 8000)[1] == [[1, False]]
        assert _call(other, "add_traffic_manager_running", ["10.0.0.2", 8000])[1] == [[1, True]]


def test_only_this_machine_can_connect_unless_told_otherwise(server: RunningServer) -> None:
    for port in (server.port, server.stream_port):
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=1.0):
            pass


def test_two_servers_live_side_by_side(server: RunningServer) -> None:
    with running_server("--town", "Elm02") as second:
        assert len({server.port, server.stream_port, second.port, second.stream_port}) == 4
        names = []
        for one in (server, second):
            client = carla.Client("127.0.0.1", one.port)
            client.set_timeout(60.0)
            names.append(client.get_world().get_map().name)
        assert names == ["Carla/Maps/Elm01", "Carla/Maps/Elm02"]
