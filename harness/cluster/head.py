"""Hands a run's drives to the machines of a Ray cluster and collects what they made."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.cluster.likeness import Likeness
from harness.cluster.node import Driven, drive, prepare
from harness.errors import HarnessError, ServerError
from harness.executor import ATTEMPTS, CLOSING_LIMIT_S, Job, Outcome, Report
from results import atomic
from results.layout import RunFolder

PREPARATION_LIMIT_S = 1800.0
"""Every machine may have to compile; one that the cluster still lists may be gone."""
LOOK_EVERY_S = 0.5
ENTERED, LEFT = "entered", "left"
"""A drive's first and last message."""
ANSWER_LIMIT_S = 5.0
HTTP2_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HTTP2_SETTINGS
"""RFC 9113, 3.4 and 6.5: what gRPC, which Ray speaks, begins with on both sides. The fourth byte is a frame's type."""


@dataclass(frozen=True)
class Machine:
    """One that takes drives."""

    node_id: str
    cpus: int
    gpus: float


@dataclass(frozen=True)
class Share:
    """How many drives at a time, and what each of them has."""

    workers: int
    cpus: int
    gpus: float


def check_address(address: str) -> None:
    """Raises ServerError unless something that may be Ray answers there: Ray itself would wait for ever."""
    if address in ("auto", "local"):
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65_536):
        raise HarnessError(f"--ray {address}: give HOST:PORT of a cluster's head, auto or local")
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWER_LIMIT_S) as line:
            if os.environ.get("RAY_USE_TLS") == "1":
                return
            line.sendall(HTTP2_GREETING)
            answer = line.recv(len(HTTP2_SETTINGS))
    except OSError as error:
        raise ServerError(f"no Ray cluster answers at {address} ({error.strerror or error})") from error
    if answer[3:4] != HTTP2_SETTINGS[3:4]:
        raise ServerError(f"what answers at {address} is no Ray cluster; give the address that `ray start --head` told")


@contextmanager
def connected(address: str, log: Path) -> Iterator[tuple[Machine, ...]]:
    """The machines of the cluster at `address`: HOST:PORT, ray://HOST:PORT, auto (this machine's), local (a new one).

    On leaving, whatever still runs there for us is ended. What Ray prints meanwhile goes to `log`.
    ServerError says why there is no such cluster.
    """
    try:
        import ray
    except ImportError:
        raise HarnessError("--ray needs Ray: pip install 'nightloop[ray]', here and on every machine") from None
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as said, contextlib.redirect_stdout(said):
        try:
            ray.init(
                address,
                include_dashboard=False if address == "local" else None,
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:  # not there, or another version
            if address == "auto" and isinstance(error, ConnectionError):
                raise ServerError("--ray auto: no Ray cluster runs here; give HOST:PORT of its head") from error
            hint = "; does it ask for a token? then set RAY_AUTH_MODE=token" if isinstance(error, OSError) else ""
            raise ServerError(f"--ray {address}: {_first_line(error).rstrip('.')}{hint}") from error
        try:
            for number, handler in before.items():  # Ray has its own, which leave a run in the middle
                signal.signal(number, handler)
            nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
            if not nodes:
                raise ServerError(f"--ray {address}: no machine of the cluster has a CPU to drive with")
            yield tuple(_machine(node) for node in nodes)
        finally:
            ray.shutdown()


def share_of(machines: Sequence[Machine], workers: int | None, gpus: float) -> Share:
    """One core for each drive, or more where there are more cores than the `workers` asked for.

    gpus: of one machine's GPUs, for each drive; less than 1 where several share one.
    """

    def room_for_drives_of(cpus: int) -> int:
        by_gpus = [math.floor(machine.gpus / gpus + 1e-9) if gpus else machine.cpus for machine in machines]
        return sum(min(machine.cpus // cpus, most) for machine, most in zip(machines, by_gpus))

    most = room_for_drives_of(1)
    if most == 0:
        raise HarnessError(f"--ray-gpus {gpus:g}: no machine of the cluster has so many GPUs")
    workers = min(workers or most, most)
    fitting = (cpus for cpus in range(max(m.cpus for m in machines), 0, -1) if room_for_drives_of(cpus) >= workers)
    return Share(workers, next(fitting), gpus)


def prepare_all(machines: Sequence[Machine], wanted: Likeness) -> None:
    """Has every machine compile; HarnessError names the first that is not like this one."""
    import ray

    there: Any = ray.remote(_prepare)  # Ray's types know no options that leave the arguments out
    waiting = [
        there.options(num_cpus=0, max_retries=0, scheduling_strategy=_on(m.node_id)).remote(wanted) for m in machines
    ]
    try:
        ray.get(waiting, timeout=PREPARATION_LIMIT_S)
    except HarnessError as error:
        raise HarnessError(str(_cause(error))) from None
    except ray.exceptions.RayError as error:
        raise HarnessError(f"the machines of the cluster cannot be prepared: {_reason(error)}") from error


def run_on_cluster(
    jobs: Sequence[Job], share: Share, report: Report, tick_limit_s: float, wanted: Likeness, run_folder: RunFolder
) -> Iterator[Outcome]:
    """As `harness.executor.run_jobs`, on the cluster that is connected; what was driven is kept in `run_folder`.

    A drive whose machine is lost is run again on another, like one whose process ended.
    """
    import ray
    from ray.util.queue import Queue

    here = ray.get_runtime_context().get_node_id()
    messages = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": _on(here)})
    there = ray.remote(_drive).options(num_cpus=share.cpus, num_gpus=share.gpus or None, max_retries=0)
    waiting, running = list(jobs)[::-1], dict[Any, int]()
    attempted: dict[int, Job] = {}
    on_machines: set[int] = set()
    try:
        while waiting or running:
            while waiting and len(running) < share.workers:
                job = waiting.pop()
                number = len(attempted)
                attempted[number] = job
                running[there.remote(number, job, wanted, tick_limit_s, messages)] = number
                report(job, {"event": "state", "text": "waiting for a machine"})
            ended, _ = ray.wait(list(running), timeout=LOOK_EVERY_S)
            for number, message in messages.get_nowait_batch(messages.size()):
                job = attempted[number]
                if _came_or_went(on_machines, number, message):
                    continue
                if message["event"] == "retry":
                    attempted[number] = replace(job, attempt=message["attempt"] + 1)
                report(job, message)
            for one in ended:
                number = running.pop(one)
                on_machines.discard(number)  # a lost machine does not say so
                job = attempted[number]
                try:
                    driven: Driven = ray.get(one)
                except ray.exceptions.RayError as error:
                    reason = _reason(error)
                    if job.attempt < ATTEMPTS:
                        report(job, {"event": "retry", "reason": reason, "attempt": job.attempt})
                        waiting.append(replace(job, attempt=job.attempt + 1))
                    else:
                        yield Outcome(job, None, reason, job.attempt)
                    continue
                _keep(driven, job, run_folder)
                yield driven.outcome
    except ray.exceptions.RayError as error:
        name = type(error).__name__
        raise ServerError(f"the cluster is lost ({name}); what is finished is kept, go on with --resume") from error
    finally:
        with contextlib.suppress(ray.exceptions.RayError):
            _end(list(running), on_machines, messages)


def _end(drives: list[Any], on_machines: set[int], messages: Any) -> None:
    """Lets drives tidy up; what is still there when we leave the cluster is killed.

    Ray calls a drive ended as soon as it has been told to end, so each says itself when it has.
    """
    import ray
    from ray.util.queue import Empty

    for number, message in messages.get_nowait_batch(messages.size()):  # a drive may have begun since we last looked
        _came_or_went(on_machines, number, message)
    for one in drives:
        ray.cancel(one)
    deadline = time.monotonic() + CLOSING_LIMIT_S
    with contextlib.suppress(Empty):
        while on_machines:
            _came_or_went(on_machines, *messages.get(timeout=max(deadline - time.monotonic(), 0.01)))


def _came_or_went(on_machines: set[int], number: int, message: dict[str, Any]) -> bool:
    """Keeps account of the drives that are on a machine; False for messages about anything else."""
    if message["event"] == ENTERED:
        on_machines.add(number)
    elif message["event"] == LEFT:
        on_machines.discard(number)
    else:
        return False
    return True


def _prepare(wanted: Likeness) -> None:
    prepare(wanted)


def _drive(number: int, job: Job, wanted: Likeness, tick_limit_s: float, messages: Any) -> Driven:
    def tell(message: dict[str, Any]) -> None:
        messages.put((number, message))

    # Ray tells a drive to end by an interrupt, which a cluster that was started in the background would ignore.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tell({"event": ENTERED})
    try:
        return drive(job, wanted, tick_limit_s, tell)
    finally:
        tell({"event": LEFT})


def _keep(driven: Driven, job: Job, run_folder: RunFolder) -> None:
    """Writes the episode's folder, the record last: without it the episode has not been finished."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        log.write(driven.log)
    request = job.request
    folder = run_folder.episode(request["route_id"], request["arm"], request["seed"])
    if driven.files:
        shutil.rmtree(folder.strips, ignore_errors=True)  # those of a drive that was interrupted here
    for name, content in sorted(driven.files.items(), key=lambda file: file[0] == folder.record.name):
        atomic.write_bytes(folder.path / name, content)


def _machine(node: dict[str, Any]) -> Machine:
    resources = node["Resources"]
    return Machine(node["NodeID"], int(resources["CPU"]), resources.get("GPU", 0.0))


def _on(node_id: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id, soft=False)


def _cause(error: BaseException) -> BaseException:
    """What was raised on the machine: Ray's own error is a page."""
    return getattr(error, "cause", None) or error


def _reason(error: BaseException) -> str:
    cause = _cause(error)
    if isinstance(cause, HarnessError):
        return str(cause)
    known = {"NodeDiedError": "its machine is gone", "WorkerCrashedError": "its process on the machine was killed"}
    name = type(cause).__name__
    return known.get(name) or f"{name}: {_first_line(cause)}"


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
