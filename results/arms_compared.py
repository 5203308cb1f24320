"""What one arm has over another, from the drives that both have: differences, and what share was recovered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from results import statistics
from results.arm_figures import mean_scores
from results.arms import BASELINE, CEILING, TREATMENT
from results.drives import driving_scores, of_arm
from results.manifest import Manifest
from results.record import EpisodeRecord
from results.rounding import rounded
from results.scores import METRIC_VERSIONS

NO_DIFFERENCE: Mapping[str, Any] = {
    **dict.fromkeys(field.name for field in fields(statistics.Paired)),
    "pairs": 0,
    "routes": 0,
    "includes_zero": None,
    "sample_too_small": None,
}
"""In place of a difference: no pair of drives is left, or drives are missing."""

NO_RECOVERY: Mapping[str, Any] = {
    **dict.fromkeys(field.name for field in fields(statistics.Recovery)),
    "pairs": 0,
    "reason": "drives are missing",
}


def paired(manifest: Manifest, records: Sequence[EpisodeRecord]) -> dict[str, Any] | None:
    """Treatment minus baseline, None where the run has not both arms."""
    if not {BASELINE, TREATMENT} <= manifest.arms.keys():
        return None
    return rounded(
        {
            "baseline": BASELINE,
            "treatment": TREATMENT,
            **_both_ways(manifest, records, manifest.metric_version),
            "metrics": {version: _difference(manifest, records, version) for version in METRIC_VERSIONS},
        }
    )


def by_droplets(manifest: Manifest, records: Sequence[EpisodeRecord]) -> list[dict[str, Any]] | None:
    """One entry per size of droplets in which fused frames were driven, the smallest first; None without a baseline.

    What the eye sees does not depend on their size: the baseline's drives are those of every entry.
    """
    if BASELINE not in manifest.arms or not manifest.droplets:
        return None
    version = manifest.metric_version
    return [
        rounded(
            {
                "arm": arm,
                **droplets,
                **mean_scores(of_arm(records, arm), version, manifest.expected_episodes),
                "paired": _both_ways(manifest, records, version, treatment=arm),
                "recovery": recovery(manifest, records, version, treatment=arm),
            }
        )
        for arm, droplets in sorted(manifest.droplets.items(), key=lambda item: item[1]["radius_um"])
    ]


def other_fusions(manifest: Manifest, records: Sequence[EpisodeRecord]) -> list[dict[str, Any]]:
    """Arms beside the three and FusionProxy in other fog: each compared with RGB, and fused frames with it."""
    known = {BASELINE, TREATMENT, CEILING, *manifest.droplets}
    return [
        rounded(
            {
                "arm": arm,
                **mean_scores(of_arm(records, arm), manifest.metric_version, manifest.expected_episodes),
                "over_rgb": _between(manifest, records, BASELINE, arm),
                "fused_over": _between(manifest, records, arm, TREATMENT),
            }
        )
        for arm in manifest.arms
        if arm not in known
    ]


def _between(
    manifest: Manifest, records: Sequence[EpisodeRecord], baseline: str, treatment: str
) -> dict[str, Any] | None:
    if not {baseline, treatment} <= manifest.arms.keys():
        return None
    return _both_ways(manifest, records, manifest.metric_version, baseline=baseline, treatment=treatment)


def _both_ways(
    manifest: Manifest,
    records: Sequence[EpisodeRecord],
    version: str,
    treatment: str = TREATMENT,
    baseline: str = BASELINE,
) -> dict[str, Any]:
    """With crashed drives as zeros, and without them."""
    found = _difference(manifest, records, version, treatment=treatment, baseline=baseline)
    is_sound = not any(record.is_crash for record in records if record.arm in (baseline, treatment))
    without = found if is_sound else _difference(manifest, records, version, True, treatment, baseline)
    return {**found, "without_crashed": without}


def _difference(
    manifest: Manifest,
    records: Sequence[EpisodeRecord],
    version: str,
    without_crashed: bool = False,
    treatment: str = TREATMENT,
    baseline: str = BASELINE,
) -> dict[str, Any]:
    if not _are_driven(manifest, records, baseline, treatment):
        return dict(NO_DIFFERENCE)
    of = [driving_scores(records, arm, version, without_crashed) for arm in (baseline, treatment)]
    result = statistics.paired(of[0], of[1])
    if result is None:
        return dict(NO_DIFFERENCE)
    return {
        **asdict(result),
        "includes_zero": result.includes_zero,
        "sample_too_small": result.sample_too_small,
    }


def recovery(
    manifest: Manifest, records: Sequence[EpisodeRecord], version: str, treatment: str = TREATMENT
) -> dict[str, Any] | None:
    compared = (BASELINE, treatment, CEILING)
    if not manifest.arms.keys() >= set(compared):
        return None
    if not _are_driven(manifest, records, *compared):
        return dict(NO_RECOVERY)
    of = [driving_scores(records, arm, version) for arm in compared]
    result = statistics.recovery(of[0], of[1], of[2])
    return None if result is None else rounded(asdict(result))


def _are_driven(manifest: Manifest, records: Sequence[EpisodeRecord], *arms: str) -> bool:
    """Whether no drive of these arms is missing."""
    return all(len(of_arm(records, arm)) == manifest.expected_episodes for arm in arms)
