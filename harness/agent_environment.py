"""Environment variables that published agents read: their leaderboards' scripts set them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def agent_environment(routes: Path, metric_version: str, own_name: Path | None = None) -> Iterator[None]:
    """ROUTES: the route file, by `own_name` where there is one, as agents call what they save by its stem and the
    second in which they begin. IS_BENCH2DRIVE, unless the user has set it: whether Bench2Drive scores the run.

    `own_name` is there meanwhile. What a drive leaves of it that is killed is replaced when that is driven again.
    """
    before = {name: os.environ.get(name) for name in ("ROUTES", "IS_BENCH2DRIVE")}
    if own_name is not None:
        _link(routes, own_name)
    os.environ["ROUTES"] = str(own_name or routes.absolute())
    if metric_version == "bench2drive":
        os.environ.setdefault("IS_BENCH2DRIVE", "True")
    try:
        yield
    finally:
        if own_name is not None:
            own_name.unlink(missing_ok=True)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _link(routes: Path, own_name: Path) -> None:
    own_name.parent.mkdir(parents=True, exist_ok=True)
    own_name.unlink(missing_ok=True)
    try:
        own_name.symlink_to(routes.resolve())
    except OSError:  # not every file system has links
        shutil.copyfile(routes, own_name)


def config_told(agent_config: str, drive: str) -> str:
    """What `--agent-config` becomes for one drive: Bench2Drive's agents save below SAVE_PATH by the name that its
    evaluator appends, and end where that is there already."""
    if not (os.environ.get("IS_BENCH2DRIVE") and os.environ.get("SAVE_PATH")):
        return agent_config
    return f"{agent_config}+{drive}_{time.strftime('%m_%d_%H_%M_%S')}"
