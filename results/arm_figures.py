"""What an arm has scored, broken and driven in all its episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from results import leaderboard
from results.events import INFRACTION_KINDS
from results.manifest import Manifest
from results.record import EpisodeRecord
from results.rounding import rounded
from results.scores import METRIC_VERSIONS

SCORE_NAMES = ("driving_score", "route_completion", "infraction_penalty")


def arm_figures(manifest: Manifest, records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    version, total = manifest.metric_version, manifest.expected_episodes
    sound = [record for record in records if not record.is_crash]
    judged = [record.judged_by(version) for record in records]
    counted = [record for record in judged if not record.is_crash]
    statuses = sorted({record.status for record in judged})
    return {
        **mean_scores(records, version, total),
        "success_rate": rounded(sum(record.is_success for record in judged) / max(total, 1)),
        "episodes": {"expected": total, "driven": len(records), "crashed": len(records) - len(sound)},
        "statuses": {status: sum(record.status == status for record in judged) for status in statuses},
        "infractions": {
            kind.value: sum(event.kind is kind for record in counted for event in record.events)
            for kind in INFRACTION_KINDS
        },
        "infractions_per_km": leaderboard.infractions_per_km(judged),
        "driven_km": rounded(sum(r.route_length_m * r.completion / 1e5 for r in counted)),
        "duration_game_s": rounded(sum(record.duration_game_s for record in judged)),
        "ticks": sum(record.tick_count for record in judged),
        "without_crashed": {**mean_scores(sound, version, len(sound)), "episodes": len(sound)},
        "metrics": {v: mean_scores(records, v, total) for v in METRIC_VERSIONS},
    }


def mean_scores(records: Sequence[EpisodeRecord], version: str, total: int) -> dict[str, float | None]:
    """Three independent means, as the leaderboard has them: the first is not the product of the other two."""
    scores = [record.score(version) for record in records]
    return {
        name: rounded(sum(getattr(score, name) for score in scores) / total) if total else None for name in SCORE_NAMES
    }
