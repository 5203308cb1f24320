"""Where the drives of a run take place: in processes of this machine, or on those of a cluster."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from harness.cores import usable_cores
from harness.errors import HarnessError
from harness.executor import Job, Outcome, Report, first_limit_s, run_jobs
from harness.kernels import compile_kernels
from harness.preflight import Asked
from harness.server import ServerAddress
from harness.server_pool import Servers, parse_addresses
from results.counting import counted
from results.layout import RunFolder

MOST_BY_DEFAULT = 8


@dataclass(frozen=True)
class Place:
    """`workers` drives at a time with `threads` each; `run(jobs, report)` as `harness.executor.run_jobs`."""

    workers: int
    threads: int
    machines: str
    run: Callable[[Sequence[Job], Report], Iterator[Outcome]]


def check_place(options: argparse.Namespace) -> None:
    """Options that contradict each other, and a cluster that is not there."""
    if options.ray and options.carla:
        raise HarnessError("--ray drives on embedded simulators, one for each drive; leave out --carla")
    if options.ray_gpus and not options.ray:
        raise HarnessError("--ray-gpus belongs to --ray: drives of this machine see all of its GPUs")
    if options.ray:
        from harness.cluster.head import check_address

        check_address(options.ray)


@contextmanager
def place_of(
    options: argparse.Namespace, asked: Asked, folder: RunFolder, jobs: int, tell: Callable[[str], None]
) -> Iterator[Place]:
    """Made ready for `jobs` drives; `tell` gets a line where that takes long."""
    if options.ray:
        with _cluster(options, asked, folder, jobs, tell) as place:
            yield place
        return
    if jobs:
        compile_kernels(tell)
    servers = parse_addresses(options.carla) if options.carla else ()
    most = len(servers) or options.workers or min(usable_cores(), MOST_BY_DEFAULT)  # one server, one episode at a time
    most = min(options.workers or most, most)
    workers = max(1, min(most, jobs))
    run = partial(_run_here, workers, options.tick_limit, servers)
    # The last few drives get no more threads than those before: sums of PyTorch depend on them in the last bits.
    yield Place(workers, max(1, usable_cores() // most), "", run)


def _run_here(
    workers: int, tick_limit_s: float, servers: Sequence[ServerAddress], jobs: Sequence[Job], report: Report
) -> Iterator[Outcome]:
    return run_jobs(
        jobs, workers, report, tick_limit_s, first_limit_s(tick_limit_s), servers=Servers(servers) if servers else None
    )


@contextmanager
def _cluster(
    options: argparse.Namespace, asked: Asked, folder: RunFolder, jobs: int, tell: Callable[[str], None]
) -> Iterator[Place]:
    from harness.cluster.head import connected, prepare_all, run_on_cluster, share_of
    from harness.cluster.likeness import OwnPython, likeness

    config = asked.config
    own = OwnPython(asked.agent_python, config.agent, config.agent_python) if asked.agent_python else None
    wanted = likeness(asked.files, own)
    with connected(options.ray, folder.path / "logs" / "ray.log") as machines:
        share = share_of(machines, options.workers, options.ray_gpus)
        count = counted(len(machines), "machine")
        if jobs:
            tell(f"preparing {count} of the cluster")
            prepare_all(machines, wanted)

        def run(jobs: Sequence[Job], report: Report) -> Iterator[Outcome]:
            return run_on_cluster(jobs, share, report, options.tick_limit, wanted, folder)

        yield Place(max(1, min(share.workers, jobs)), share.cpus, f" on {count}", run)
