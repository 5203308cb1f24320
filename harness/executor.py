"""Runs episodes in worker processes, several at a time; one that stops answering is ended and run again."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.last_words import LAST_WORDS_BYTES, place_of_death
from harness.lifeline import end_group
from harness.server import ServerAddress, how_it_ended
from harness.server_pool import BACK_LIMIT_S, Servers, has_ended

# A first episode on a new machine compiles the renderer before its first tick.
FIRST_TICK_LIMIT_S = 420.0
TICK_LIMIT_S = 90.0
CLOSING_LIMIT_S = 15.0
# A worker tells itself that its server is gone, unless the client waits for an answer: it keeps Python's lock.
SERVER_GONE_LIMIT_S = 5.0
ASK_SERVER_EVERY_S = 3.0
"""In silence: a client in the middle of a call to a server that is gone waits for minutes."""
ATTEMPTS = 3
WORKER = (sys.executable, "-m", "harness.worker")


@dataclass(frozen=True)
class Job:
    """One episode to run. `request` is the worker's JSON input, `log` the file that takes whatever it prints.

    `attempt`: the number of the first attempt, more than 1 where others were made elsewhere.
    """

    name: str
    request: dict[str, Any]
    log: Path
    attempt: int = 1


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `finished` is the worker's last message when it wrote a record; else `reason` says why not."""

    job: Job
    finished: dict[str, Any] | None
    reason: str
    attempts: int


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    messages: int
    server_life: int
    attempt: int
    heard_at: float
    server: ServerAddress | None
    log_from: int
    asked_server_s: float = 0.0
    ticking: bool = False
    buffer: bytes = b""
    finished: dict[str, Any] | None = None
    closed: bool = False
    gone: bool = False
    server_gone_at: float | None = None
    reason: str = ""
    final: bool = False


Report = Callable[[Job, dict[str, Any]], None]


def first_limit_s(tick_limit_s: float) -> float:
    """How long a worker may be silent before its first tick: whoever gives an agent longer for each gives it no less
    for this one."""
    return max(FIRST_TICK_LIMIT_S, tick_limit_s)


def run_jobs(
    jobs: Iterable[Job],
    workers: int,
    report: Report,
    tick_limit_s: float = TICK_LIMIT_S,
    first_tick_limit_s: float = FIRST_TICK_LIMIT_S,
    attempts: int = ATTEMPTS,
    worker: Sequence[str] = WORKER,
    servers: Servers | None = None,
    back_limit_s: float = BACK_LIMIT_S,
) -> Iterator[Outcome]:
    """Yields outcomes in the order in which jobs end; on leaving early (an exception, Ctrl-C) ends all workers.

    `report(job, message)` gets every message of every worker. A worker is silent for at most `tick_limit_s` seconds
    (`first_tick_limit_s` before its first tick); then its whole process group is ended. Jobs whose worker died, hung
    or met a server failure run again, `attempts` times in all; those whose failure would repeat itself do not.

    Of `servers`, those of the user, each job gets one that answers. If none does, jobs wait for `back_limit_s` seconds
    for one to come back; then those that are left fail.

    A worker gets the number of a pipe to write messages to, our process number, and the number of a pipe that it hands
    on to its server and closes: the pipe's end is the server's.
    """
    waiting = [(job, job.attempt) for job in jobs][::-1]
    running: list[_Running] = []
    selector = selectors.DefaultSelector()
    is_silent = False
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                server = servers.take() if servers else None
                if servers and server is None:
                    if not is_silent:
                        report(waiting[-1][0], {"event": "waiting", "reason": "no CARLA server that is free answers"})
                    is_silent = True
                    break
                is_silent = False
                job, attempt = waiting.pop()
                one = _start(job, attempt, worker, server)
                running.append(one)
                selector.register(one.messages, selectors.EVENT_READ, one)
                selector.register(one.server_life, selectors.EVENT_READ, one)
            if servers and not running and servers.silent_s > back_limit_s:
                reason = f"no CARLA server has answered for {back_limit_s:.0f} s"
                yield from (Outcome(job, None, reason, attempt - 1) for job, attempt in waiting[::-1])
                return
            for one in running:  # looked at before its messages: whatever it said before it ended is heard first
                one.gone = one.process.poll() is not None
            for key, _ in selector.select(timeout=0.5):
                if key.fd == key.data.messages:
                    _hear(key.data, report)
                else:  # nothing is ever written here: its last holder is gone
                    selector.unregister(key.fd)
                    key.data.server_gone_at = time.monotonic()
            for one in list(running):
                if not _is_over(one, tick_limit_s if one.ticking else first_tick_limit_s):
                    continue
                running.remove(one)
                if servers and one.server:
                    servers.give_back(one.server)
                selector.unregister(one.messages)
                if one.server_gone_at is None:
                    selector.unregister(one.server_life)
                _end(one)
                if one.finished is None and not one.reason:
                    one.reason = _how_it_died(one)
                if one.finished is None and one.attempt < attempts and not one.final:
                    report(one.job, {"event": "retry", "reason": one.reason, "attempt": one.attempt})
                    waiting.append((one.job, one.attempt + 1))
                else:
                    yield Outcome(one.job, one.finished, one.reason, one.attempt)
    finally:
        for one in running:
            _end(one)
        selector.close()


def _start(job: Job, attempt: int, worker: Sequence[str], server: ServerAddress | None) -> _Running:
    read_end, write_end = os.pipe()
    server_life, held_by_server = os.pipe()
    job.log.parent.mkdir(parents=True, exist_ok=True)
    command = [*worker, str(write_end), str(os.getpid()), str(held_by_server)]
    with job.log.open("ab") as log:
        log_from = log.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(write_end, held_by_server),
            start_new_session=True,  # its own group: the worker, its server and its agent are ended together
        )
    os.close(write_end)
    os.close(held_by_server)
    assert process.stdin is not None
    try:
        own = {"attempt": attempt} | ({"carla": str(server)} if server else {})
        process.stdin.write(json.dumps({**job.request, **own}).encode())
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died at start; the empty pipe tells
    return _Running(job, process, read_end, server_life, attempt, time.monotonic(), server, log_from)


def _hear(one: _Running, report: Report) -> None:
    chunk = os.read(one.messages, 1 << 16)
    one.heard_at, one.asked_server_s = time.monotonic(), 0.0
    if not chunk:
        one.closed = True
        return
    *lines, one.buffer = (one.buffer + chunk).split(b"\n")
    for line in lines:
        message = json.loads(line)
        one.ticking = one.ticking or message["event"] == "progress"
        if message["event"] == "finished":
            one.finished = message
        elif message["event"] == "failed":
            one.reason, one.final = message["reason"], message.get("final", False)
        report(one.job, message)


def _is_over(one: _Running, limit_s: float) -> bool:
    silent_s = time.monotonic() - one.heard_at
    # A process that the agent has started may hold the pipe open after the worker itself is gone.
    if one.closed or (one.gone and silent_s > 2.0):
        return True
    if one.finished is not None:
        return silent_s > CLOSING_LIMIT_S
    if one.server and silent_s > one.asked_server_s + ASK_SERVER_EVERY_S:
        one.asked_server_s = silent_s
        if has_ended(one.server):
            one.reason = one.reason or f"the CARLA server at {one.server} has ended"
            return True
    if one.server_gone_at is not None and time.monotonic() - one.server_gone_at > SERVER_GONE_LIMIT_S:
        one.reason = one.reason or "the embedded simulator ended in the middle"
        return True
    if silent_s > limit_s:
        one.reason = f"no tick for {limit_s:.0f} s"
        return True
    return False


def _how_it_died(one: _Running) -> str:
    """With the agent's file and line, where `faulthandler` has told of them in the log."""
    place, agent = "", Path(one.job.request.get("config", {}).get("agent", ""))
    if one.process.returncode < 0 and agent.suffix:
        with one.job.log.open("rb") as log:  # what earlier attempts have left there is not of this one
            log.seek(max(one.log_from, one.job.log.stat().st_size - LAST_WORDS_BYTES))
            place = place_of_death(log.read().decode(errors="replace"), agent.expanduser().resolve().parent)
    return f"the worker process ended without a result ({how_it_ended(one.process.returncode)}){place}"


def _end(one: _Running) -> None:
    if one.closed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.process.wait(timeout=1.0)  # it is about to end by itself: let its exit code be its own
    end_group(one.process)
    os.close(one.messages)
    os.close(one.server_life)
