"""Two runs side by side, drive by drive: other weights, another agent, another thermal camera, another weather.

python -m results.compare runs/before runs/after
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from results import atomic, statistics
from results.arms import BASELINE
from results.counting import counted
from results.drives import driving_scores, read_run
from results.layout import RunFolder
from results.manifest import Manifest
from results.record import EpisodeRecord, RecordError
from results.scores import METRIC_VERSIONS
from results.statistics import Scores

EXIT_USAGE = 2

SAME_WAY_M = 10.0
"""Two servers plan a little differently along the same key points."""

# What a run may have more of than another makes no drive another drive. Its metric version may: plan and lens of an
# agent hang on it.
_NO_DIFFERENCE = ("arms", "seeds", "route_ids")

# What the thermal camera sees and what is made of it: no frame of rgb comes of these.
_OF_FUSION = frozenset({"weights", "weights_checksum", "thermal_preset", "thermal_checksum"})


@dataclass(frozen=True)
class Run:
    """A run as it lies in `folder`."""

    folder: RunFolder
    manifest: Manifest
    records: tuple[EpisodeRecord, ...]

    @property
    def towns(self) -> dict[str, str]:
        """Of each route."""
        return {route.id: route.town for route in self.manifest.routes}

    @property
    def ways(self) -> dict[str, tuple[tuple[float, float], ...]]:
        """Of each route that was driven: its path, x and y in m."""
        return {record.route_id: record.route_xy for record in self.records if record.route_xy}

    def scores(self, arm: str, version: str, without_crashed: bool = False) -> dict[tuple[str, int], float]:
        """Of the drives that are there: those that are still to come are no zeros."""
        return driving_scores(self.records, arm, version, without_crashed)

    def episodes(self, arms: Collection[str]) -> dict[str, int]:
        """How many drives these arms are to have, and have."""
        driven = sum(record.arm in arms for record in self.records)
        return {"expected": self.manifest.expected_episodes * len(arms), "driven": driven}

    def crashed(self, arm: str, keys: Collection[tuple[str, int]]) -> int:
        """How many of these drives."""
        return sum(r.arm == arm and r.is_crash and (r.route_id, r.seed) in keys for r in self.records)


def compare(first: RunFolder, second: RunFolder, version: str = "", arms: Sequence[str] = ()) -> dict[str, Any]:
    """The difference of driving scores, second minus first, for each arm that both runs have.

    Pairs are drives of the same arm, route and seed. `gains` is the difference of what an arm gains over rgb: what
    changed rgb itself (another agent, say) is no part of it. Crashed drives count as zero; for an arm that has any,
    `crashed` tells how many in each run, and `without_crashed` the difference without their pairs (None where none is
    left). `episodes` tells for each run how many drives of these arms there are to be and are: no drive that is missing
    makes a pair. `left_out` tells of every other arm (of `arms` where they are named) why. `version` is that of the
    score, by default that of the first run.
    RecordError says why the runs cannot be compared.
    """
    one, other = (Run(folder, *read_run(folder)) for folder in (first, second))
    version = version or one.manifest.metric_version
    for route, town in one.towns.items():
        if town != (elsewhere := other.towns.get(route, town)):
            raise RecordError(
                f"route {route} of {first.path} lies in {town}, that of {second.path} in {elsewhere}: no pair of drives"
            )
    for route in sorted(one.ways.keys() & other.ways.keys()):
        if _apart_m(one.ways[route], other.ways[route]) > SAME_WAY_M:
            raise RecordError(
                f"route {route} of {first.path} is another way than that of {second.path}: no pair of drives"
            )
    for run in (one, other):
        if lacking := [arm for arm in arms if arm not in run.manifest.arms]:
            raise RecordError(f"{run.folder.path} has no arm {lacking[0]}: it has {', '.join(run.manifest.arms)}")
    shared = [arm for arm in arms or one.manifest.arms if arm in other.manifest.arms]
    found = {arm: _paired(one.scores(arm, version), other.scores(arm, version)) for arm in shared}
    if not any(found.values()):
        raise RecordError(f"{first.path} and {second.path} share no drive: same arm, route and seed")
    gains = {arm: _gains(one, other, arm, version) for arm in shared if arm != BASELINE}
    crashed = {arm: _crashed(one, other, arm, version) for arm in shared}
    crashed = {arm: counts for arm, counts in crashed.items() if any(counts)}
    return {
        "runs": [str(run.folder.path) for run in (one, other)],
        "metric_version": version,
        "differing": _differing(one.manifest, other.manifest),
        "episodes": [run.episodes(shared) for run in (one, other)],
        "left_out": _left_out(one, other, found, arms),
        "arms": {arm: pair for arm, pair in found.items() if pair},
        "gains": {arm: pair for arm, pair in gains.items() if pair},
        "crashed": crashed,
        "without_crashed": {
            arm: _paired(one.scores(arm, version, True), other.scores(arm, version, True)) for arm in crashed
        },
    }


def _left_out(one: Run, other: Run, found: Mapping[str, Any], arms: Sequence[str]) -> dict[str, str]:
    """By arm, why it is not compared."""
    had = [run.manifest.arms for run in (one, other)]
    why = {arm: f"{'AB'[arm in had[0]]} has no such arm" for arm in arms or {**had[0], **had[1]} if arm not in found}
    return why | {arm: "there is no drive of it that both have" for arm, pair in found.items() if pair is None}


def _apart_m(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> float:
    """How far the ends of two ways lie from each other, or how much longer one is."""
    ends = [math.dist(one[index], other[index]) for index in (0, -1)]
    lengths_m = [sum(math.dist(a, b) for a, b in pairwise(way)) for way in (one, other)]
    return max(*ends, abs(lengths_m[0] - lengths_m[1]))


def _paired(first: Scores, second: Scores) -> dict[str, Any] | None:
    keys = first.keys() & second.keys()
    found = statistics.paired(first, second)
    if found is None:
        return None
    means = [statistics.mean({key: scores[key] for key in keys}) for scores in (first, second)]
    return {"driving_score": means, **asdict(found)}


def _crashed(one: Run, other: Run, arm: str, version: str) -> list[int]:
    """Of the drives that make pairs, in each run."""
    keys = one.scores(arm, version).keys() & other.scores(arm, version).keys()
    return [run.crashed(arm, keys) for run in (one, other)]


def _gains(one: Run, other: Run, arm: str, version: str) -> dict[str, Any] | None:
    def gained(run: Run) -> Scores:
        rgb, own = run.scores(BASELINE, version), run.scores(arm, version)
        return {key: own[key] - rgb[key] for key in rgb.keys() & own.keys()}

    found = statistics.paired(gained(one), gained(other))
    return asdict(found) if found else None


def _differing(one: Manifest, other: Manifest) -> dict[str, list[Any]]:
    """Settings and versions that the runs do not share."""
    settings = [dict(m.config) | {f"versions.{name}": v for name, v in m.versions.items()} for m in (one, other)]
    names = sorted(name for name in {*settings[0], *settings[1]} if name not in _NO_DIFFERENCE)
    return {
        name: [values.get(name) for values in settings]
        for name in names
        if settings[0].get(name) != settings[1].get(name)
    }


def _told(found: Mapping[str, Any], console: Console) -> None:
    first, second = found["runs"]
    rgb = found["arms"].get(BASELINE)

    def tell(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    tell(f"A = {first}\nB = {second}")
    named = [f"{name} ({', '.join(_short(v) for v in values)})" for name, values in found["differing"].items()]
    tell(f"they differ in {'; '.join(named)}" if named else "they were asked for the same")
    for run, count in zip("AB", found["episodes"]):
        if count["driven"] < count["expected"]:
            drives = counted(count["expected"], "drive")
            tell(f"{run} has {count['driven']} of {drives}; compared are those that both have")
    for arm, why in found["left_out"].items():
        tell(f"{arm} is left out: {why}")
    table = Table(title=f"driving score, {found['metric_version']}")
    for heading in ("arm", "A", "B", "B - A", "95 % interval", "better, worse, equal"):
        table.add_column(heading, justify="left" if heading == "arm" else "right")
    for arm, pair in found["arms"].items():
        table.add_row(arm, *(f"{mean:.1f}" for mean in pair["driving_score"]), *_row(pair))
    for arm, pair in found["gains"].items():
        table.add_row(f"{arm} - {BASELINE}", "", "", *_row(pair))
    console.print(table)
    for arm, counts in found["crashed"].items():
        tell(_crashes(arm, counts, found["without_crashed"][arm]))
    if rgb:
        tell(_of_rgb(rgb, found["differing"]))
    if any(pair["routes"] < statistics.MIN_ROUTES for pair in found["arms"].values()):
        tell(f"Fewer than {statistics.MIN_ROUTES} routes: no difference can be told from chance.")


def _crashes(arm: str, counts: Sequence[int], pair: Mapping[str, Any] | None) -> str:
    crashed = " and ".join(f"{count} in {run}" for count, run in zip(counts, "AB") if count)
    without = "no pair is left"
    if pair:
        difference, interval, _ = _row(pair)
        without = f"B - A is {difference}, 95 % interval {interval}, pairs {pair['pairs']}"
    return f"Crashed drives of {arm} count as zero, {crashed}. Without them {without}."


def _of_rgb(rgb: Mapping[str, Any], differing: Mapping[str, Any]) -> str:
    """Equal scores alone do not say that two runs are of one world."""
    if rgb["equal"] < rgb["pairs"]:
        count = rgb["pairs"] - rgb["equal"]
        return f"{BASELINE} differs in {count} of {rgb['pairs']} pairs: more than the other arms' frames differs."
    same = f"{BASELINE} scores the same in all {rgb['pairs']} pairs"
    return f"{same}: nothing but the other arms' frames differs." if differing.keys() <= _OF_FUSION else f"{same}."


def _row(pair: Mapping[str, Any]) -> tuple[str, str, str]:
    ends = pair["ci95"]
    interval = f"[{ends[0]:+.1f}, {ends[1]:+.1f}]" if ends else "one pair has none"
    return f"{pair['difference']:+.1f}", interval, f"{pair['better']}, {pair['worse']}, {pair['equal']}"


def _short(value: object) -> str:
    """A checksum is not read to its end."""
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 and "/" not in text else text


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m results.compare", description="Compares two runs drive by drive: the second minus the first."
    )
    parser.add_argument("runs", type=Path, nargs=2, metavar="RUN", help="the folder of a run")
    parser.add_argument("--arm", action="append", default=[], help="compare this arm alone; may be given several times")
    parser.add_argument("--metric", default="", choices=METRIC_VERSIONS, help="the score (default: the first run's)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the figures to a file, too")
    options = parser.parse_args(arguments)
    try:
        first, second = map(RunFolder, options.runs)
        found = compare(first, second, options.metric, options.arm)
        _told(found, Console())
        if options.json:
            atomic.write_json(options.json, found)
    except RecordError as error:
        print(f"nightloop: {error}", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        print(f"nightloop: {error.filename or options.json}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
