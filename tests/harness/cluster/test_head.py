"""Runs on a Ray cluster of two machines that are processes of this one: the same drives, whatever becomes of either."""

from __future__ import annotations

import json
import platform
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.cluster.head import Machine, check_address, share_of
from harness.errors import HarnessError, ServerError
from harness.run import main
from tests.harness import tiny

# It says which GPUs it may see.
AGENT = tiny.WAITING_AGENT.replace('print("saw"', 'print(os.environ.get("CUDA_VISIBLE_DEVICES"), "saw"')

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def drives_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the machines of the cluster keep temporary files."""
    return tmp_path_factory.mktemp("drives")


@pytest.fixture(scope="module")
def cluster(drives_folder: Path) -> Iterator[Any]:
    """Of one machine; tests may add others."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(drives_folder))
        patch.setenv("RAY_TMPDIR", "/tmp")  # for its sockets: their paths must be short
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        own = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1, "include_dashboard": False})
        yield own
        own.shutdown()


def drives_under(folder: Path) -> list[psutil.Process]:
    """The workers that live somewhere on the cluster."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(folder) and "harness.worker" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_lost_machines_drives_are_driven_again_and_an_interrupted_run_leaves_none(
    cluster: Any,
    drives_folder: Path,
    start: Callable[..., tiny.Run],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    agent = tiny.agent_file(tmp_path, AGENT)
    options = ["--scenario", tiny.scenario_file(tmp_path, 2, 2), "--agent", agent, "--arms", "rgb,fused", "--seeds", 1]
    there = [*options, "--out", tmp_path / "there", "--ray", cluster.address]
    other = cluster.add_node(num_cpus=1, num_gpus=1)
    rooms = drives_folder / f"nightloop-{psutil.Process().uids().real}"

    def both_drive() -> bool:
        return sum("saw" in log.read_text() for log in rooms.glob("drive-*/log")) == 2

    interrupted = start(*there)
    interrupted.until(lambda: len(drives_under(drives_folder)) == 2)
    interrupted.process.send_signal(signal.SIGINT)
    assert interrupted.end() == 130
    assert "interrupted; what is finished is kept" in interrupted.said
    assert drives_under(drives_folder) == []
    assert not list(rooms.iterdir())

    run = start(*there, "--ray-gpus", 1)  # nothing was finished: there is nothing to resume
    run.until(both_drive)
    cluster.remove_node(other, allow_graceful=False)
    (tmp_path / "go").touch()
    assert run.end() == 0, run.said
    assert "its machine is gone; running it again (attempt 2)" in run.said
    assert "2 at a time on 2 machines" in run.said
    records = [json.loads(file.read_text()) for file in (tmp_path / "there/episodes").glob("*/record.json")]
    assert sorted(record["attempt"] for record in records) == [1, 2]
    logs = [log.read_text() for log in (tmp_path / "there" / "logs").glob("1-*.log")]
    assert len(logs) == 2
    assert all("0 saw" in log for log in logs)

    # A drive of this machine alone, in the place of one of theirs.
    drives, summary = tiny.drives_of(tmp_path / "there"), tiny.summary_of(tmp_path / "there")
    shutil.rmtree(tmp_path / "there/episodes/1-fused-seed0")
    here = main([*map(str, options), "--out", str(tmp_path / "there"), "--resume"])
    assert here == 0, capsys.readouterr().err
    assert tiny.drives_of(tmp_path / "there") == drives
    assert tiny.summary_of(tmp_path / "there") == summary


def test_a_machine_that_would_drive_otherwise_is_told_before_anything_is_driven(
    cluster: Any, start: Callable[..., tiny.Run], tmp_path: Path
) -> None:
    (tmp_path / "scipy-0.1.dist-info").mkdir()
    (tmp_path / "scipy-0.1.dist-info/METADATA").write_text("Name: scipy\nVersion: 0.1\n")
    other = cluster.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(tmp_path)})
    scenario = tiny.scenario_file(tmp_path)
    run = start("--scenario", scenario, "--agent", "blind", "--out", tmp_path / "out", "--ray", cluster.address)
    assert run.end() == 2
    cluster.remove_node(other)
    assert run.said.splitlines()[-1] == (
        f"nightloop: machine {platform.node()}: scipy 0.1 in place of {version('scipy')}: "
        "install the same on every machine"
    )
    assert not list((tmp_path / "out/episodes").iterdir())


@pytest.mark.parametrize(
    ("workers", "gpus", "expected"),
    [
        (None, 0.0, (40, 1)),
        (8, 0.0, (8, 4)),
        (2, 0.0, (2, 16)),
        (None, 1.0, (4, 8)),
        (None, 0.5, (8, 4)),
        (3, 0.5, (3, 10)),
    ],
)
def test_cores_are_shared_out_so_that_every_drive_fits_a_machine(
    workers: int | None, gpus: float, expected: tuple[int, int]
) -> None:
    machines = [Machine("large", 32, 4.0), Machine("small", 8, 0.0)]
    share = share_of(machines, workers, gpus)
    assert (share.workers, share.cpus) == expected


def test_more_gpus_than_any_machine_has_are_told() -> None:
    with pytest.raises(HarnessError, match=r"--ray-gpus 8: no machine of the cluster has so many GPUs"):
        share_of([Machine("large", 32, 4.0)], None, 8.0)


def test_an_address_where_something_else_answers_is_told_at_once() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as dashboard:
        threading.Thread(target=dashboard.serve_forever, daemon=True).start()
        with pytest.raises(ServerError, match=r"what answers at 127\.0\.0\.1:\d+ is no Ray cluster"):
            check_address(f"127.0.0.1:{dashboard.server_port}")
        dashboard.shutdown()
