"""Workers that finish, fail, hang and die: each is seen, none is left behind."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest

from harness.executor import Job, run_jobs
from harness.lifeline import end_group

# A worker in miniature: reads its request, reports, and does what the request says.
WORKER = """
import faulthandler, json, os, subprocess, sys, time
pipe = int(sys.argv[1])
request = json.loads(sys.stdin.read())
tell = lambda **message: os.write(pipe, json.dumps(message).encode() + b"\\n")
tell(event="progress")
does = request["does"]
if does == "hang with a child" or (does == "hang once" and request["attempt"] == 1):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open(request["pids"], "a").write(f"{os.getpid()} {child.pid} ")
    time.sleep(600)
if does == "freeze once" and request["attempt"] == 1:
    os.kill(os.getpid(), 19)  # SIGSTOP: like a client whose threads wait for each other, it answers to nothing
if does == "lose its server once" and request["attempt"] == 1:
    life = int(sys.argv[3])
    subprocess.Popen([sys.executable, "-c", "pass"], pass_fds=(life,))
    os.close(life)
    time.sleep(600)  # as in a call that the server will never answer
if does == "die":
    os._exit(9)
if does == "crash" or (does == "crash, then be killed" and request["attempt"] == 1):
    faulthandler.enable()
    exec(compile("import ctypes\\n\\nctypes.string_at(0)", request["config"]["agent"], "exec"))
if does == "fail":
    tell(event="failed", reason="the reason")
    sys.exit(1)
if does == "crash, then be killed":
    os.kill(os.getpid(), 9)
print("chatter of an agent")
tell(event="finished", attempt=request["attempt"])
"""


@pytest.fixture
def worker(tmp_path: Path) -> tuple[str, ...]:
    file = tmp_path / "worker.py"
    file.write_text(WORKER)
    return (sys.executable, str(file))


def job(tmp_path: Path, does: str, name: str = "job") -> Job:
    config = {"agent": str(tmp_path / "agent.py")}
    return Job(name, {"does": does, "pids": str(tmp_path / "pids"), "config": config}, tmp_path / f"logs/{name}.log")


def run(jobs: list[Job], worker: tuple[str, ...], workers: int = 2, limit_s: float = 30.0, attempts: int = 2) -> list:
    heard: list = []
    outcomes = run_jobs(
        jobs, workers, lambda job, message: heard.append((job.name, message)), limit_s, 30.0, attempts, worker
    )
    return [*outcomes, heard]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def all_end(pids: list[int], within_s: float = 30.0) -> bool:
    """Who gets SIGKILL is gone when the kernel has come to it."""
    deadline = time.monotonic() + within_s
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_every_job_is_run_and_what_it_prints_goes_to_its_log(tmp_path: Path, worker: tuple[str, ...]) -> None:
    *outcomes, heard = run([job(tmp_path, "finish", f"job{i}") for i in range(3)], worker)
    assert sorted(o.job.name for o in outcomes) == ["job0", "job1", "job2"]
    assert all(o.finished is not None and o.attempts == 1 for o in outcomes)
    assert "chatter of an agent" in (tmp_path / "logs" / "job0.log").read_text()
    assert ("job0", {"event": "progress"}) in heard


def test_a_worker_that_stops_ticking_is_ended_with_its_children_and_run_again(
    tmp_path: Path, worker: tuple[str, ...]
) -> None:
    *outcomes, heard = run([job(tmp_path, "hang once")], worker, limit_s=1.5)
    assert outcomes[0].finished == {"event": "finished", "attempt": 2}
    retry = next(message for _, message in heard if message["event"] == "retry")
    assert "no tick" in retry["reason"]
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    assert all_end(pids)


def test_a_worker_that_is_frozen_is_killed_and_run_again(
    tmp_path: Path, worker: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.executor.end_group", partial(end_group, grace_s=0.2))
    *outcomes, heard = run([job(tmp_path, "freeze once")], worker, limit_s=1.5)
    assert outcomes[0].finished == {"event": "finished", "attempt": 2}
    assert "no tick" in next(message for _, message in heard if message["event"] == "retry")["reason"]


def test_a_worker_that_waits_for_a_server_that_is_gone_is_run_again(
    tmp_path: Path, worker: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.executor.SERVER_GONE_LIMIT_S", 0.3)
    *outcomes, heard = run([job(tmp_path, "lose its server once")], worker, limit_s=60.0)
    assert outcomes[0].finished == {"event": "finished", "attempt": 2}
    retry = next(message for _, message in heard if message["event"] == "retry")
    assert retry["reason"] == "the embedded simulator ended in the middle"


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("die", "ended without a result (exit code 9)"),
        ("crash", "ended without a result (ended by SIGSEGV) (agent.py:3)"),
        ("crash, then be killed", "ended without a result (ended by SIGKILL)"),
        ("fail", "the reason"),
    ],
)
def test_a_worker_that_fails_every_time_is_given_up_with_its_reason(
    tmp_path: Path, worker: tuple[str, ...], does: str, reason: str
) -> None:
    *outcomes, _ = run([job(tmp_path, does)], worker)
    assert outcomes[0].finished is None
    assert outcomes[0].attempts == 2
    assert outcomes[0].reason.endswith(reason)


def test_leaving_early_ends_all_workers(tmp_path: Path, worker: tuple[str, ...]) -> None:
    jobs = [job(tmp_path, "finish", "first"), job(tmp_path, "hang with a child", "second")]
    outcomes = run_jobs(jobs, 2, lambda job, message: None, 60.0, 60.0, 1, worker)
    assert isinstance(outcomes, Generator)
    next(outcomes)
    while not (tmp_path / "pids").exists() or len((tmp_path / "pids").read_text().split()) < 2:
        time.sleep(0.02)
    outcomes.close()  # what an exception or Ctrl-C does
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert all_end(pids)
