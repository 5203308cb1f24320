"""What the report's template shows, route by route and table by table."""

from __future__ import annotations

import base64
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from results import plots
from results.arms import BASELINE, TREATMENT
from results.events import INFRACTION_KINDS, OF_A_STRETCH, EventKind
from results.figure import arm_number
from results.layout import EpisodeFolder, RunFolder
from results.manifest import Manifest, RouteEntry
from results.plots import DrivenTrace, Mark
from results.record import EpisodeRecord, RecordError
from results.ticks import Tick, read_ticks
from results.traces import trace_of

# A page with more pictures than this is slow on a phone; the rest is named by file.
MAX_STRIPS = 60

WORDS: Mapping[EventKind, str] = {
    EventKind.COLLISION_PEDESTRIAN: "collision with a pedestrian",
    EventKind.COLLISION_VEHICLE: "collision with a vehicle",
    EventKind.COLLISION_LAYOUT: "collision with the layout",
    EventKind.RED_LIGHT: "red light",
    EventKind.STOP_SIGN: "stop sign",
    EventKind.OUTSIDE_ROUTE_LANES: "outside the route's lanes",
    EventKind.MIN_SPEED: "slower than the traffic",
    EventKind.YIELD_EMERGENCY_VEHICLE: "did not yield to an emergency vehicle",
    EventKind.SCENARIO_TIMEOUT: "scenario timeout",
    EventKind.ROUTE_DEVIATION: "left the route",
    EventKind.VEHICLE_BLOCKED: "blocked",
    EventKind.ROUTE_TIMEOUT: "route timeout",
}


MISSING = "missing"
"""In place of the status of a drive that is not there."""


@dataclass(frozen=True)
class ArmName:
    name: str
    number: int  # of its colour
    weather: str


@dataclass(frozen=True)
class Infraction:
    """`strip` and `film` are data URIs; `left_out` names the file of what is not on the page."""

    number: int
    arm: ArmName
    seed: int
    time_s: float
    words: str
    message: str
    strip: str = ""
    film: str = ""
    caption: str = ""
    left_out: str = ""


@dataclass(frozen=True)
class Cell:
    """One arm on one route: `driving_score` is the mean over the seeds driven, None if none was."""

    arm: ArmName
    driving_score: float | None
    route_completion: float | None
    infraction_penalty: float | None
    statuses: tuple[str, ...]

    @property
    def statuses_counted(self) -> tuple[tuple[str, int], ...]:
        return tuple(Counter(self.statuses).items())


@dataclass(frozen=True)
class RouteSection:
    anchor: str
    title: str
    route: RouteEntry
    length_m: float | None
    cells: tuple[Cell, ...]
    difference: float | None
    map_svg: str
    speed_svg: str
    infractions: tuple[Infraction, ...]
    crashes: tuple[str, ...]


def arm_names(manifest: Manifest) -> tuple[ArmName, ...]:
    arms = list(manifest.arms)
    return tuple(ArmName(arm, arm_number(arm, arms), weather) for arm, weather in manifest.arms.items())


def route_sections(folder: RunFolder, manifest: Manifest, records: Sequence[EpisodeRecord]) -> tuple[RouteSection, ...]:
    strips_left = MAX_STRIPS
    sections = []
    judged = [record.judged_by(manifest.metric_version) for record in records]
    for index, route in enumerate(manifest.routes):
        own = [record for record in judged if record.route_id == route.id]
        section = _route_section(folder, manifest, index, route, own, strips_left)
        strips_left -= sum(bool(infraction.strip) for infraction in section.infractions)
        sections.append(section)
    return tuple(sections)


def infraction_rows(manifest: Manifest, summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per kind that happened at all: count and number per km in each arm."""
    rows = []
    for kind in INFRACTION_KINDS:
        counts = {arm: summary["arms"][arm]["infractions"][kind.value] for arm in manifest.arms}
        rates = {arm: summary["arms"][arm]["infractions_per_km"][kind.value] for arm in manifest.arms}
        if any(counts.values()):
            unit = "km there" if kind is EventKind.OUTSIDE_ROUTE_LANES else "per km"
            rows.append({"words": WORDS[kind], "counts": counts, "rates": rates, "unit": unit})
    return rows


def _route_section(
    folder: RunFolder,
    manifest: Manifest,
    index: int,
    route: RouteEntry,
    records: Sequence[EpisodeRecord],
    strips_left: int,
) -> RouteSection:
    arms = list(manifest.arms)
    names = {name.name: name for name in arm_names(manifest)}
    driven = [
        # What was driven beyond Bench2Drive's cap is no part of the drive by its rule.
        DrivenTrace(record.arm, record.seed, trace_of(_ticks(episode)[: record.tick_count]))
        for record in records
        if (episode := _folder_of(folder, record)).ticks.is_file()
    ]
    infractions, marks = _infractions(folder, names, records, strips_left)
    path = next((np.array(record.route_xy) for record in records if record.route_xy), np.zeros((0, 2)))
    cells = tuple(_cell(names[arm], [r for r in records if r.arm == arm], manifest) for arm in arms)
    return RouteSection(
        anchor=f"route-{index + 1}",
        # A drive knows what of its route was left out.
        title=next((r.route_name for r in records if r.route_name), route.name) or f"route {route.id}",
        route=route,
        length_m=records[0].route_length_m if records else None,
        cells=cells,
        difference=_difference(cells),
        map_svg=plots.map_svg(path, driven, marks, arms) if driven or len(path) else "",
        speed_svg=plots.speed_svg(driven, marks, arms) if driven else "",
        infractions=tuple(infractions),
        crashes=tuple(
            f"{record.arm}, seed {record.seed}: {record.status}" + (f": {record.error}" if record.error else "")
            for record in records
            if record.is_crash
        ),
    )


def _infractions(
    folder: RunFolder, names: Mapping[str, ArmName], records: Sequence[EpisodeRecord], strips_left: int
) -> tuple[list[Infraction], list[Mark]]:
    """Numbered through all drives of a route, so that one number means one thing in list, map and timeline."""
    infractions: list[Infraction] = []
    marks: list[Mark] = []
    for record in records:
        episode = _folder_of(folder, record)
        clips = {clip.event: clip for clip in record.clips}
        for place, event in enumerate(record.events):
            if not event.is_infraction:
                continue
            number = len(infractions) + 1
            strip, film, caption, left_out = "", "", "", ""
            if place in clips:
                path = episode.path / clips[place].file
                if strips_left > 0 and path.is_file():
                    strip, caption = _data_uri(path, "image/jpeg"), clips[place].caption
                    moving = episode.path / clips[place].film
                    film = _data_uri(moving, "image/webp") if moving.is_file() else ""
                    strips_left -= 1
                else:
                    left_out = str(path.relative_to(folder.path))
            infractions.append(
                Infraction(
                    number,
                    names[record.arm],
                    record.seed,
                    event.time_s,
                    WORDS[event.kind],
                    event.message,
                    strip,
                    film,
                    caption,
                    left_out,
                )
            )
            if event.kind not in OF_A_STRETCH:
                marks.append(Mark(number, record.arm, (event.location[0], event.location[1]), event.time_s))
    return infractions, marks


def _cell(arm: ArmName, records: Sequence[EpisodeRecord], manifest: Manifest) -> Cell:
    """Means over the seeds that were driven, as the picture of the routes has them; a missing one is named."""
    if not records:
        return Cell(arm, None, None, None, ())
    scores = [record.score(manifest.metric_version) for record in records]
    missing = len(manifest.seeds) - len(records)
    return Cell(
        arm,
        sum(s.driving_score for s in scores) / len(scores),
        sum(s.route_completion for s in scores) / len(scores),
        sum(s.infraction_penalty for s in scores) / len(scores),
        tuple(record.status for record in records) + (MISSING,) * missing,
    )


def _difference(cells: Sequence[Cell]) -> float | None:
    scores = {cell.arm.name: cell.driving_score for cell in cells if MISSING not in cell.statuses}
    baseline, treatment = scores.get(BASELINE), scores.get(TREATMENT)
    return None if baseline is None or treatment is None else treatment - baseline


def _ticks(episode: EpisodeFolder) -> tuple[Tick, ...]:
    try:
        return read_ticks(episode.ticks)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RecordError(
            f"{episode.ticks}: not a readable record of ticks; take {episode.path} away, then --resume"
        ) from error


def _folder_of(folder: RunFolder, record: EpisodeRecord) -> EpisodeFolder:
    return folder.episode(record.route_id, record.arm, record.seed)


def _data_uri(path: Path, kind: str) -> str:
    return f"data:{kind};base64," + base64.b64encode(path.read_bytes()).decode("ascii")
