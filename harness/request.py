"""What a worker is told on its standard input to drive one episode."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from results.layout import RunFolder


class _Drive(TypedDict):
    config: dict[str, Any]  # `RunConfig.to_dict()`
    config_hash: str
    scenario: str
    routes: str
    town: str
    route_id: str
    arm: str
    seed: int
    out: str
    carla: str | None
    fog_table: str
    threads: int
    agent_python: str


class Request(_Drive, total=False):
    """JSON. Paths are absolute, and "" where there is none.

    `scenario` and `routes` are as `--scenario` and `--routes` name them, `out` is the run's folder. `carla`: the
    servers of `--carla`, one of them by the time a worker reads it; None for the embedded simulator. `agent_python`:
    the interpreter of an agent that has its own. `attempt` counts from 1 and is the executor's.
    """

    attempt: int


def name_of(request: Request) -> str:
    """The drive's, also as a file's."""
    return RunFolder(Path(request["out"])).episode(request["route_id"], request["arm"], request["seed"]).path.name
