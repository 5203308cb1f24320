"""Where the files of one run lie.

    OUT/run.json                                  what was asked for: configuration, hash, routes, arms, seeds, versions
    OUT/episodes/<route>-<arm>-seed<k>/
        record.json                               how the episode went; written last: without it, unfinished
        ticks.npz                                 the state at every tick (`results.ticks`)
        events.jsonl                              what happened (`results.events`)
        strips/*.jpg, *.webp                      RGB | thermal | fused at each infraction, and the seconds before it
    OUT/leaderboard/<arm>.json                    one results file per arm in the leaderboard's own schema
    OUT/summary.json  OUT/routes.csv  OUT/report.html

Everything below the first three lines is made from them and can be made again: `python -m results.report OUT`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_UNSAFE_IN_A_FILE_NAME = re.compile(r"[^A-Za-z0-9._]+")


@dataclass(frozen=True)
class EpisodeFolder:
    path: Path

    @property
    def record(self) -> Path:
        return self.path / "record.json"

    @property
    def ticks(self) -> Path:
        return self.path / "ticks.npz"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def strips(self) -> Path:
        return self.path / "strips"

    @property
    def is_finished(self) -> bool:
        return self.record.is_file()


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def run(self) -> Path:
        return self.path / "run.json"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def routes_csv(self) -> Path:
        return self.path / "routes.csv"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def episodes(self) -> Path:
        return self.path / "episodes"

    def leaderboard(self, arm: str) -> Path:
        return self.path / "leaderboard" / f"{file_name_of(arm)}.json"

    def episode(self, route_id: str, arm: str, seed: int) -> EpisodeFolder:
        return EpisodeFolder(self.episodes / f"{file_name_of(route_id)}-{file_name_of(arm)}-seed{seed}")

    def finished_episodes(self) -> list[EpisodeFolder]:
        """In the order of their names, so that nothing downstream depends on the file system."""
        if not self.episodes.is_dir():
            return []
        folders = (EpisodeFolder(path) for path in sorted(self.episodes.iterdir()) if path.is_dir())
        return [folder for folder in folders if folder.is_finished]


def file_name_of(name: str) -> str:
    """A name of a route or an arm as part of a file name: one path component on every system."""
    cleaned = _UNSAFE_IN_A_FILE_NAME.sub("_", name).strip("._")
    if not cleaned:
        raise ValueError(f"{name!r} has no character that a file name can carry")
    return cleaned
