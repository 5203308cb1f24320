"""Environment variables that published agents read: their leaderboards' scripts set them."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def agent_environment(routes: Path, metric_version: str, drive: str = "") -> Iterator[None]:
    """ROUTES: the route file, by a name of its own for each drive, as agents call what they save by its stem and the
    second in which they begin. IS_BENCH2DRIVE, unless the user has set it: whether Bench2Drive scores the run."""
    before = {name: os.environ.get(name) for name in ("ROUTES", "IS_BENCH2DRIVE")}
    with tempfile.TemporaryDirectory(prefix="nightloop-routes-") as folder:
        link = Path(folder) / f"{routes.stem}{'_' if drive else ''}{drive}{routes.suffix}"
        link.symlink_to(routes.resolve())
        os.environ["ROUTES"] = str(link)
        if metric_version == "bench2drive":
            os.environ.setdefault("IS_BENCH2DRIVE", "True")
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def config_told(agent_config: str, drive: str) -> str:
    """What `--agent-config` becomes for one drive: Bench2Drive's agents save below SAVE_PATH by the name that its
    evaluator appends, and end where that is there already."""
    if not (os.environ.get("IS_BENCH2DRIVE") and os.environ.get("SAVE_PATH")):
        return agent_config
    return f"{agent_config}+{drive}_{time.strftime('%m_%d_%H_%M_%S')}"
