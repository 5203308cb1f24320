"""`routes.csv`: the episodes of a run, a line each."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from results.events import INFRACTION_KINDS
from results.record import EpisodeRecord
from results.rounding import rounded
from results.scores import METRIC_VERSIONS


def routes_csv(records: Sequence[EpisodeRecord], version: str) -> str:
    """One line per episode, the scores of every metric version side by side; all else is as `version` judges it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    kinds = [kind.value for kind in INFRACTION_KINDS]
    writer.writerow(
        ["route_id", "route_name", "town", "arm", "seed", "status", "route_completion"]
        + [f"{name}.{version}" for version in METRIC_VERSIONS for name in ("driving_score", "infraction_penalty")]
        + kinds
        + ["route_length_m", "duration_game_s", "ticks", "attempt", "error"]
    )
    for record in records:
        scores = [record.score(rule) for rule in METRIC_VERSIONS]
        judged = record.judged_by(version)
        counts = [sum(event.kind is kind for event in judged.events) for kind in INFRACTION_KINDS]
        writer.writerow(
            [record.route_id, record.route_name, record.town, record.arm, record.seed, judged.status]
            + [rounded(record.score(version).route_completion)]
            + [rounded(value) for s in scores for value in (s.driving_score, s.infraction_penalty)]
            + counts
            + [round(record.route_length_m, 3), round(judged.duration_game_s, 3), judged.tick_count, record.attempt]
            + [record.error]
        )
    return out.getvalue()
