"""`report.html`: one page that holds everything it shows and asks the network for nothing.

python -m results.report OUT   makes the numbers and the page again from the episodes on disk
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from results import atomic, plots, sections, summary, wording
from results.arm_figures import SCORE_NAMES
from results.arms import BASELINE, CEILING, TREATMENT
from results.drives import of_arm, read_run
from results.layout import RunFolder
from results.manifest import Manifest
from results.record import EpisodeRecord, RecordError
from results.scores import METRIC_VERSIONS
from results.statistics import MIN_LOSS, MIN_ROUTES

_ARM_WORDS = {
    "rgb": "The agent on its own camera frames.",
    "fused": "The same agent; each camera frame fused with a thermal frame.",
    "clear": "The same agent on its own camera frames, without the conditions: its ceiling.",
    "restored": "The same agent; each camera frame restored by FusionProxy's network, taught without thermal ones.",
    "equalized": "The same agent; each camera frame with its contrast equalized (CLAHE), without a thermal frame.",
    "average": "The same agent; each camera frame averaged with a thermal frame.",
    "maximum": "The same agent; of each camera frame and a thermal frame the brighter, pixel by pixel.",
    "luminance_swap": "The same agent; a thermal frame in the colours of each camera frame.",
    "thermal": "The same agent; a thermal frame in place of each camera frame.",
}


def write(folder: RunFolder) -> Path:
    """Make the page of a run from its manifest, records, ticks and strips; hands back where it lies."""
    manifest, records = read_run(folder)
    atomic.write_text(folder.report, html(folder, manifest, records))
    return folder.report


def html(folder: RunFolder, manifest: Manifest, records: Sequence[EpisodeRecord]) -> str:
    found = summary.summarise(manifest, records)
    figures = _readable(found)
    routes = sections.route_sections(folder, manifest, records)
    arms = sections.arm_names(manifest)
    paired = figures["paired"]["without_crashed"] if figures["paired"] else {}
    left_out = "; crashed drives left out" if wording.are_left_out(found) else ""
    return _template().render(
        manifest=manifest,
        summary=figures,
        headline=wording.headline(found),
        server_words="embedded simulator" if manifest.server.get("kind") == "embedded" else "CARLA server",
        arms=arms,
        arm_words=_ARM_WORDS | dict.fromkeys(manifest.droplets, _ARM_WORDS["fused"]),
        routes=routes,
        scores_svg=plots.scores_svg(
            {arm.name: _scores_of(manifest, records, arm.name) for arm in arms},
            {arm.name: figures["arms"][arm.name]["driving_score"] for arm in arms},
            paired.get("difference"),
            paired.get("ci95"),
            left_out,
        ),
        pairs_svg=plots.pairs_svg(
            # Several routes may have the same hazards.
            [(f"{route.route.id}: {route.title}", _seed_scores(manifest, records, route.route.id)) for route in routes],
            [arm.name for arm in arms],
            len(manifest.seeds),
        ),
        left_out=left_out,
        droplets_svg=_droplets_svg(figures["droplets"] or ()),
        infraction_rows=sections.infraction_rows(manifest, figures),
        metric_versions=METRIC_VERSIONS,
        min_routes=MIN_ROUTES,
        min_loss=MIN_LOSS,
    )


def _scores_of(manifest: Manifest, records: Sequence[EpisodeRecord], arm: str) -> list[float]:
    """Of the drives that are there."""
    return [record.score(manifest.metric_version).driving_score for record in of_arm(records, arm)]


def _droplets_svg(droplets: Sequence[Mapping[str, Any]]) -> str:
    """Nothing where there is one size alone, or no difference yet."""
    are_compared = any(entry["paired"]["difference"] is not None for entry in droplets)
    return plots.droplets_svg(droplets) if len(droplets) > 1 and are_compared else ""


def _readable(found: Mapping[str, Any]) -> dict[str, Any]:
    """A summary without means of arms that are still being driven: zeros in place of what is to come would make them,
    and there is nothing to be read from these."""
    whole = {arm for arm, of in found["arms"].items() if of["episodes"]["driven"] == of["episodes"]["expected"]}
    no_scores = dict.fromkeys(SCORE_NAMES)

    def arm(name: str, of: Mapping[str, Any]) -> dict[str, Any]:
        metrics = dict.fromkeys(METRIC_VERSIONS, no_scores)
        return {**of} if name in whole else {**of, **no_scores, "success_rate": None, "metrics": metrics}

    def recovery(one: Mapping[str, Any] | None, treatment: str) -> Any:
        is_told = whole >= {BASELINE, treatment, CEILING} and not wording.crashed_of_recovery(found, treatment)
        return one if is_told else None

    def other(entry: Mapping[str, Any]) -> dict[str, Any]:
        return {**entry} if entry["arm"] in whole else {**entry, **no_scores}

    return {
        **found,
        "arms": {name: arm(name, of) for name, of in found["arms"].items()},
        "recovery": recovery(found["recovery"], TREATMENT),
        "droplets": found["droplets"]
        and [other(entry) | {"recovery": recovery(entry["recovery"], entry["arm"])} for entry in found["droplets"]],
        "other_fusions": [other(entry) for entry in found["other_fusions"]],
    }


def _seed_scores(manifest: Manifest, records: Sequence[EpisodeRecord], route_id: str) -> dict[str, list[float]]:
    """By arm, what was driven on one route."""
    return {
        arm: [r.score(manifest.metric_version).driving_score for r in of_arm(records, arm) if r.route_id == route_id]
        for arm in manifest.arms
    }


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "signed": wording.signed,
        "interval": wording.interval,
        "percent": wording.percent,
        "fixed": _fixed,
        "probability": _probability,
    }
    return environment.get_template("report.html.j2")


def _fixed(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _probability(p: float) -> str:
    """No test says that something cannot be chance: a p of 0.000 is told as one below 0.001."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m results.report", description="Rebuild a run's numbers and report.")
    parser.add_argument("run", type=Path, help="the folder of a run")
    folder = RunFolder(parser.parse_args(arguments).run)
    try:
        summary.write(folder)
        page = write(folder)
    except (RecordError, OSError) as error:
        print(f"nightloop: {error}", file=sys.stderr)
        return 2
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
