"""How one episode (a route, an arm, a seed) went, as it is kept on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from results import atomic
from results.events import Event, EventKind, read_events, write_events
from results.layout import EpisodeFolder
from results.scores import (
    DEFAULT_VERSION,
    METRIC_VERSIONS,
    Failure,
    Score,
    completion_of,
    cut_by_rule,
    is_success,
    score,
    status,
)
from results.tick_cap import MOST_TICKS
from results.ticks import Tick, write_ticks

FORMAT = 1

_COMPLETION_KINDS = (EventKind.ROUTE_COMPLETION, EventKind.ROUTE_COMPLETED)


class RecordError(Exception):
    """A file of a run that cannot be understood; the message is one line that names the file."""


@dataclass(frozen=True)
class Clip:
    """A strip of RGB | thermal | fused frames: `file` relative to the episode's folder, `event` the index of the event
    it shows (-1: none in particular); `film` the file with the seconds before it, if there is one."""

    file: str
    event: int = -1
    frame: int = 0
    caption: str = ""
    film: str = ""


@dataclass(frozen=True)
class EpisodeRecord:
    """One finished attempt at a route.

    `failure` is set where something other than an event ended the episode, `error` is its one-line cause;
    `agent` and `track` name who drove and what it was allowed to see; `attempt` counts from 1; `route_xy` is the
    planned path (m, CARLA's axes) for the map; `sensors` are the leaderboard's icon names of what the agent asked for.
    `duration_system_s` is the only wall-clock figure.
    """

    scenario: str
    town: str
    route_id: str
    arm: str
    seed: int
    agent: str
    track: str
    events: tuple[Event, ...]
    route_length_m: float
    duration_game_s: float
    duration_system_s: float
    tick_count: int
    config_hash: str
    server_kind: str
    server_version: str
    attempt: int = 1
    failure: Failure | None = None
    error: str = ""
    route_name: str = ""
    sensors: tuple[str, ...] = ()
    clips: tuple[Clip, ...] = ()
    route_xy: tuple[tuple[float, float], ...] = ()

    @property
    def completion(self) -> float:
        """Per cent, 0..100."""
        return completion_of(self.events)

    @property
    def status(self) -> str:
        return status(self.events, self.completion, self.failure)

    @property
    def infractions(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.is_infraction)

    @property
    def is_crash(self) -> bool:
        return self.failure is not None and self.failure.is_crash and self.completion < 100.0

    @property
    def is_success(self) -> bool:
        return not self.is_crash and is_success(self.events, self.completion)

    def judged_by(self, version: str) -> EpisodeRecord:
        """As the rule has it: Bench2Drive ends long drives. A crashed one stays what it is."""
        cut = None if self.is_crash else cut_by_rule(self.events, version)
        if cut is None:
            return self
        return replace(
            self, events=cut, failure=Failure.TICK_CAP, tick_count=MOST_TICKS, duration_game_s=cut[-1].time_s
        )

    def score(self, version: str = DEFAULT_VERSION) -> Score:
        """A crashed episode counts as zero: what it had driven until then cannot be vouched for."""
        if self.is_crash:
            return Score(0.0, 0.0, 0.0, version)
        return score(self.events, self.completion, version)


def write_episode(
    folder: EpisodeFolder, record: EpisodeRecord, ticks: Sequence[Tick], strips: Mapping[str, bytes] | None = None
) -> None:
    """Keep an episode. `strips` are the files that `record.clips` names, by file name.

    `record.json` comes last and atomically: as long as it is missing the episode has not been finished.
    """
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.record.unlink(missing_ok=True)
    if folder.strips.is_dir():
        for stale in folder.strips.iterdir():
            stale.unlink()
    for name, data in (strips or {}).items():
        atomic.write_bytes(folder.path / name, data)
    write_ticks(folder.ticks, ticks)
    write_events(folder.events, record.events)
    atomic.write_json(folder.record, _to_json(record))


def read_episode(folder: EpisodeFolder) -> EpisodeRecord:
    """The record with its events. Keys this version does not know are passed over."""
    try:
        kept: dict[str, Any] = json.loads(folder.record.read_text(encoding="utf-8"))
        known = {field.name for field in fields(EpisodeRecord)}
        values = {name: value for name, value in kept.items() if name in known}
        values["failure"] = Failure(kept["failure"]) if kept.get("failure") else None
        values["sensors"] = tuple(kept.get("sensors", ()))
        values["clips"] = tuple(Clip(**clip) for clip in kept.get("clips", ()))
        values["route_xy"] = tuple((float(x), float(y)) for x, y in kept.get("route_xy", ()))
        values["events"] = read_events(folder.events)
        values |= {name: float(kept[name]) for name in ("route_length_m", "duration_game_s", "duration_system_s")}
        values |= {name: int(kept[name]) for name in ("seed", "tick_count")}
        record = EpisodeRecord(**values)
        for version in METRIC_VERSIONS:
            record.score(version)  # events that no score can be made of
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(f"{folder.record}: not a readable episode record ({error})") from error
    # A drive that has lost events would pass for a better or a worse one.
    is_told = record.is_crash or any(event.kind in _COMPLETION_KINDS for event in record.events)
    if not is_told or len(record.events) != kept.get("event_count", len(record.events)):
        raise RecordError(
            f"{folder.events}: not all events of the drive are there; take {folder.path} away, then --resume drives it "
            "again"
        )
    return record


def _to_json(record: EpisodeRecord) -> dict[str, Any]:
    """All fields but the events, which have their own file, and how many there are in it."""
    kept = {"format": FORMAT} | {f.name: getattr(record, f.name) for f in fields(record) if f.name != "events"}
    kept["event_count"] = len(record.events)
    kept["failure"] = record.failure.value if record.failure else None
    kept["clips"] = [asdict(clip) for clip in record.clips]
    kept["route_xy"] = [[round(x, 2), round(y, 2)] for x, y in record.route_xy]
    return kept
