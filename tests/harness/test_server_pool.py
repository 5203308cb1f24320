"""Runs on servers that the user runs: several at a time, and going on when one of them ends."""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import carla
import pytest

from harness.errors import HarnessError, ServerError
from harness.executor import Job, Outcome, run_jobs
from harness.run import main
from harness.server import ServerAddress
from harness.server_pool import Servers, check_servers, parse_addresses
from simulator.process import ServerProcess, server_process
from tests.harness import tiny
from tests.simulator import serving
from tests.simulator.serving import RunningServer, until_ready

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def lasting() -> Iterator[ServerProcess]:
    with server_process("--town", "Elm02", "--only-cameras") as server:
        yield server


@pytest.fixture(scope="module")
def mortals() -> Iterator[list[RunningServer]]:
    """All that were started, the last one last."""
    started: list[RunningServer] = []
    yield started
    for server in started:
        server.process.terminate()
        server.process.communicate(timeout=20.0)


@pytest.fixture
def mortal(mortals: list[RunningServer]) -> RunningServer:
    """A server that lives, whatever a test before has done to the last one."""
    if not mortals or mortals[-1].process.poll() is not None:
        mortals.append(until_ready(serving.start("--town", "Elm02", "--only-cameras")))
    return mortals[-1]


def test_agents_that_fail_are_recorded_while_the_others_drive(
    lasting: ServerProcess, mortal: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = tiny.agent_file(tmp_path, tiny.FAILING_AGENT, "failing")
    out = tmp_path / "out"
    asked = ["--scenario", tiny.scenario_file(tmp_path), "--agent", agent, "--arms", "rgb", "--seeds", 5, "--out", out]
    asked += ["--carla", f"127.0.0.1:{lasting.port},127.0.0.1:{mortal.port}"]
    run = tiny.run_here(*asked)
    assert run.code == 1, run.said
    assert run.leaves_nothing()
    assert run.said.splitlines()[-1].startswith("nightloop: 4 of 5 episodes failed"), run.said
    at_line = dict(enumerate(tiny.FAILING_AGENT.splitlines(), 1))
    setup, step = (next(n for n, text in at_line.items() if said in text) for said in ("no model", "lost the lane"))
    expected = {
        f"Agent couldn't be set up: FileNotFoundError: no model here (failing.py:{setup})",
        f"Agent crashed: RuntimeError: lost the lane (failing.py:{step})",
        "Agent crashed: run_step returned throttle nan, steer ",
        "Agent's sensors were invalid: ",
    }
    failed = [line for line in run.said.splitlines() if "Failed - " in line]
    assert len(failed) == 4
    assert all(sum(text in line for line in failed) == 1 for text in expected), failed
    crashed = next(line for line in failed if "lost the lane" in line)
    log = (out / "logs" / f"{crashed.split(':')[0]}.log").read_text()
    assert "Traceback" in log
    assert 'raise RuntimeError("lost the lane")' in log
    kept = json.loads((out / "summary.json").read_text())["arms"]["rgb"]
    assert kept["episodes"] == {"expected": 5, "driven": 5, "crashed": 4}
    assert kept["without_crashed"]["route_completion"] == 100.0
    assert main([*map(str, asked), "--resume"]) == 1  # nothing is left to drive, and the failures stay
    assert capsys.readouterr().err.splitlines()[-1].startswith("nightloop: 4 of 5 episodes failed")


def test_a_run_uses_all_servers_and_goes_on_without_one_that_ends(
    lasting: ServerProcess,
    mortal: RunningServer,
    start: Callable[..., tiny.Run],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    agent = tiny.agent_file(tmp_path, tiny.WAITING_AGENT)
    options = ["--scenario", tiny.scenario_file(tmp_path, 2, 2), "--agent", agent, "--arms", "rgb,fused", "--seeds", 1]
    addresses = f"127.0.0.1:{lasting.port},127.0.0.1:{mortal.port}"
    run = start(*options, "--carla", addresses, "--out", tmp_path / "out")
    logs = [tmp_path / "out" / "logs" / f"1-{arm}-seed0.log" for arm in ("rgb", "fused")]
    run.until(lambda: all(log.exists() and "saw" in log.read_text() for log in logs))
    mortal.process.send_signal(signal.SIGKILL)
    (tmp_path / "go").touch()
    assert run.end() == 0, run.said
    assert "2 at a time" in run.said
    ended = f"the CARLA server at 127.0.0.1:{mortal.port} has ended; running it again (attempt 2)"
    assert sum(line.endswith(ended) for line in run.said.splitlines()) == 1, run.said

    there = f"127.0.0.1:{lasting.port}"
    alone = [*options, "--arms", "fused", "--carla", there, "--out", tmp_path / "alone"]
    assert main([*map(str, alone)]) == 0, capsys.readouterr().err
    assert "1 at a time" in capsys.readouterr().err
    # A drive that is interrupted takes away what it has spawned, and gives the server its own pace back.
    (tmp_path / "go").unlink()
    log = tmp_path / "stopped" / "logs" / "1-rgb-seed0.log"
    stopped = start(*options, "--carla", there, "--out", tmp_path / "stopped")
    stopped.until(lambda: log.exists() and "saw" in log.read_text())
    stopped.process.send_signal(signal.SIGINT)
    assert stopped.end() == 130
    assert stopped.leaves_nothing()
    client = carla.Client("127.0.0.1", lasting.port)
    client.set_timeout(20.0)
    world = client.get_world()
    assert not world.get_settings().synchronous_mode
    world.wait_for_tick()
    assert not [actor for actor in world.get_actors() if actor.type_id.startswith(("vehicle.", "walker."))]
    # What was driven before on a server, and on which of them a drive takes place, changes nothing.
    assert tiny.drives_of(tmp_path / "alone") == tiny.drives_of(tmp_path / "out", "fused")


# Says which server it was given.
WORKER = """
import json, os, sys
request = json.loads(sys.stdin.read())
os.write(int(sys.argv[1]), json.dumps({"event": "finished", "server": request["carla"]}).encode() + b"\\n")
"""


def outcomes_on(
    server: ServerAddress, tmp_path: Path, back_limit_s: float, waiting: Callable[[], None]
) -> list[Outcome]:
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    jobs = [Job(f"job{number}", {"carla": "all of them"}, tmp_path / f"{number}.log") for number in range(2)]

    def report(job: Job, message: dict) -> None:
        if message["event"] == "waiting":
            assert message["reason"] == "no CARLA server that is free answers"
            waiting()

    command = (sys.executable, str(worker))
    pool = Servers([server])
    return list(run_jobs(jobs, 1, report, worker=command, servers=pool, back_limit_s=back_limit_s))


def test_drives_wait_for_a_server_that_comes_back(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = ServerAddress(*server.getsockname(), "carla")
        outcomes = outcomes_on(address, tmp_path, 60.0, server.listen)
    assert [outcome.finished for outcome in outcomes] == [{"event": "finished", "server": str(address)}] * 2


def test_drives_fail_when_no_server_comes_back(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = ServerAddress(*server.getsockname(), "carla")
        outcomes = outcomes_on(address, tmp_path, 0.3, lambda: None)
    assert [outcome.job.name for outcome in outcomes] == ["job0", "job1"]
    assert {outcome.reason for outcome in outcomes} == {"no CARLA server has answered for 0 s"}
    assert {outcome.attempts for outcome in outcomes} == {0}


def test_servers_of_one_run_are_of_one_version(lasting: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"127.0.0.1:{lasting.port}, localhost:{lasting.port},127.0.0.1:{lasting.port}"
    servers = parse_addresses(text)
    assert [str(server) for server in servers] == [f"127.0.0.1:{lasting.port}", f"localhost:{lasting.port}"]
    check_servers(servers)
    versions = iter(["0.9.15", "0.9.16"])
    monkeypatch.setattr("carla.Client.get_server_version", lambda client: next(versions))
    with pytest.raises(ServerError, match=rf"one version of CARLA: 127\.0\.0\.1:{lasting.port} is 0\.9\.15, localhost"):
        check_servers(servers)
    with pytest.raises(HarnessError, match="--carla : give HOST:PORT"):
        parse_addresses("localhost:2000,")
