"""The maps that one server can load: generated towns, one from a file, and what a client sends as OpenDRIVE text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from simulator.towns.aliases import CARLA_TOWNS, UNOPTIMISED
from simulator.towns.placement import moved
from simulator.towns.store import NAMES, build_town
from simulator.towns.town import Town
from simulator.towns.xodr.records import GenerationParameters

OPENDRIVE_MAP = "OpenDriveMap"
"""CARLA's name of the map that was made from a client's text."""


@dataclass(frozen=True)
class OpenDriveText:
    text: str
    parameters: GenerationParameters


@dataclass
class Maps:
    """files: maps from files, by name. sent: the last text of a client; `OpenDriveMap` until there is another."""

    carla_aliases: bool = False
    files: dict[str, OpenDriveText] = field(default_factory=dict)
    sent: OpenDriveText | None = None
    _built: tuple[OpenDriveText, Town] | None = None

    @property
    def names(self) -> Sequence[str]:
        """What `get_available_maps` lists. The map of a client's text is not among them, as on CARLA's server."""
        return (*NAMES, *self.files, *(CARLA_TOWNS if self.carla_aliases else ()))

    def resolve(self, name: str) -> str | None:
        """The map that a client means by `Carla/Maps/X`, `/Game/Carla/Maps/X`, `X` or `X_Opt`; None without one."""
        short = name.rsplit("/", 1)[-1]
        for candidate in (short, short.removesuffix(UNOPTIMISED)):
            if candidate in self.names or (candidate == OPENDRIVE_MAP and self.sent is not None):
                return candidate
        return None

    def add_file(self, path: Path) -> str:
        """Makes the map of an .xodr file loadable by its stem. Raises OSError, UnicodeDecodeError, OpenDriveError."""
        text = path.read_text(encoding="utf-8-sig")
        _check(text)
        self.files[path.stem] = OpenDriveText(text, GenerationParameters())
        return path.stem

    def receive(self, text: str, parameters: GenerationParameters) -> None:
        """The next `OpenDriveMap`. Raises OpenDriveError."""
        _check(text)
        self.sent = OpenDriveText(text, parameters)

    def build(self, name: str) -> Town:
        """`name` as `resolve` gives it. A town under CARLA's name bears that name."""
        source = self.sent if name == OPENDRIVE_MAP else self.files.get(name)
        if source is None:
            if not self.carla_aliases or name not in CARLA_TOWNS:
                return build_town(name)
            ours = CARLA_TOWNS[name]
            town = build_town(ours.town)
            return replace(moved(town, ours.x_m, ours.y_m) if ours.x_m or ours.y_m else town, name=name)
        if self._built is None or self._built[0] is not source:
            from simulator.towns.xodr.world import town_from_opendrive  # loads scipy

            self._built = source, town_from_opendrive(source.text, name, source.parameters)
        return self._built[1]


def _check(text: str) -> None:
    from simulator.towns.xodr.world import check_opendrive  # loads scipy

    check_opendrive(text)
