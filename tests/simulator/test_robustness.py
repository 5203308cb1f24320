"""Clients that misbehave: the server and its other clients live on."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import carla
import msgpack
import psutil
import pytest

from simulator import fuzz
from simulator.process import ServerProcess, server_process
from simulator.proofs.traffic import synchronous


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with server_process() as running:
        yield running


@pytest.fixture
def world(server: ServerProcess) -> carla.World:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(30.0)
    world = client.get_world()
    synchronous(world)
    return world


def request(method: str, *arguments: object) -> bytes:
    return msgpack.packb([0, 1, method, [[False], *arguments]])


def test_malformed_messages_are_not_fatal(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--messages", "2000", "--seed", "7"]) == 0
    assert "live on" in capsys.readouterr().out


def test_a_client_that_dies_in_the_middle_of_a_message_is_forgotten(server: ServerProcess, world: carla.World) -> None:
    for cut in (1, 5, 20):
        with socket.create_connection(("127.0.0.1", server.port)) as peer:
            peer.sendall(request("set_weather_parameters", [0.0] * 14)[:cut])
    frame = world.tick()
    assert world.tick() == frame + 1


def test_who_asks_and_never_reads_waits_and_costs_no_memory(server: ServerProcess, world: carla.World) -> None:
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    with socket.create_connection(("127.0.0.1", server.port)) as greedy:
        greedy.setblocking(False)
        flood = request("get_actor_definitions") * 20_000  # gigabytes of answers
        while flood:
            try:
                flood = flood[greedy.send(flood) :]
            except BlockingIOError:
                break
        for _ in range(20):
            world.tick()
        assert process.memory_info().rss - before < 100e6


def test_a_flood_of_ticks_leaves_other_clients_their_turn(server: ServerProcess, world: carla.World) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as flooding:
        flooding.sendall(request("tick_cue") * 3000)
        started_s = time.monotonic()
        world.get_weather()
        world.tick()
        assert time.monotonic() - started_s < 10.0
    frames = [world.tick() for _ in range(20)]  # one of its ticks may still have been under way
    assert frames[-10:] == list(range(frames[-10], frames[-10] + 10))  # nobody ticks for the one that is gone


def test_a_listener_that_never_reads_holds_up_nobody(server: ServerProcess, world: carla.World) -> None:
    with socket.create_connection(("127.0.0.1", server.stream_port)) as lazy:
        lazy.sendall(struct.pack("<I", 1))
        started_s = time.monotonic()
        frames = [world.tick() for _ in range(100)]
        assert frames == list(range(frames[0], frames[0] + 100))
        assert time.monotonic() - started_s < 20.0


def test_actors_of_a_dead_client_stay_as_on_the_real_server_and_anyone_may_destroy_them(
    server: ServerProcess, world: carla.World
) -> None:
    place = world.get_map().get_spawn_points()[0]
    at = [[place.location.x, place.location.y, place.location.z], [0.0, place.rotation.yaw, 0.0]]
    with socket.create_connection(("127.0.0.1", server.port)) as peer:
        peer.sendall(request("spawn_actor", [0, "vehicle.tesla.model3", []], at))
        peer.recv(1)
    world.tick()
    (car,) = world.get_actors().filter("vehicle.*")
    assert car.destroy()
