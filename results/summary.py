"""`summary.json`, `routes.csv` and the leaderboard files: everything a run says in numbers, from what lies on disk.

The same drives give byte-identical files, apart from wall-clock figures: `times` in the summary, `duration_system` in
the leaderboard's schema.
Crashed and missing episodes count as zero in every figure of an arm; next to it stands the same figure without them
(`without_crashed`), since both readings are in use. What compares arms counts crashed ones the same two ways, but is
null as long as one of these arms lacks drives: zeros in place of what is to come would make it. Neither the
infractions nor the kilometres of a crashed drive count: what cannot be vouched for is no rate.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from results import atomic, leaderboard, statistics
from results.arms import BASELINE, CEILING, TREATMENT
from results.events import INFRACTION_KINDS
from results.layout import RunFolder
from results.manifest import Manifest, read_manifest
from results.record import EpisodeRecord, RecordError, read_episode
from results.scores import METRIC_VERSIONS

SCORE_NAMES = ("driving_score", "route_completion", "infraction_penalty")

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


def write(folder: RunFolder) -> dict[str, Any]:
    """Make all number files of a run and hand back the summary."""
    manifest, records = read_run(folder)
    summary = summarise(manifest, records)
    for arm in manifest.arms:
        atomic.write_json(folder.leaderboard(arm), leaderboard.to_json(manifest, of_arm(records, arm)))
    atomic.write_text(folder.routes_csv, routes_csv(records, manifest.metric_version))
    atomic.write_json(folder.summary, summary)
    return summary


def read_run(folder: RunFolder) -> tuple[Manifest, tuple[EpisodeRecord, ...]]:
    """The manifest and all finished episodes in the order of arms, routes and seeds of the manifest."""
    manifest = read_manifest(folder)
    routes = [route.id for route in manifest.routes]
    expected = [(arm, route, seed) for arm in manifest.arms for route in routes for seed in manifest.seeds]
    found: dict[tuple[str, str, int], EpisodeRecord] = {}
    for episode in folder.finished_episodes():
        record = read_episode(episode)
        if record.config_hash not in (manifest.config_hash, *manifest.extended):
            raise RecordError(f"{episode.path}: driven with another configuration than that of {folder.run}")
        found[record.arm, record.route_id, record.seed] = record
    strangers = sorted(found.keys() - set(expected))
    if strangers:
        arm, route, seed = strangers[0]
        raise RecordError(f"{folder.path}: route {route}, arm {arm}, seed {seed} is not part of the run in run.json")
    records = tuple(found[key] for key in expected if key in found)
    return _as_driven(manifest, records), records


def _as_driven(manifest: Manifest, records: Sequence[EpisodeRecord]) -> Manifest:
    """With the agent's track and the server's version as the drives found them: run.json was written before."""
    if not records:
        return manifest
    tracks, versions = ({getattr(r, name) for r in records} for name in ("track", "server_version"))
    server = {**manifest.server, "version": ", ".join(sorted(versions))}
    return replace(manifest, track=", ".join(sorted(tracks)), server=server)


def summarise(manifest: Manifest, records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    version = manifest.metric_version
    recovery = _recovery(manifest, records, version)
    return {
        "scenario": manifest.scenario,
        "agent": manifest.agent,
        "track": manifest.track,
        "metric_version": version,
        "complete": len(records) == manifest.expected_episodes * len(manifest.arms),
        "arms": {arm: _arm(manifest, of_arm(records, arm)) for arm in manifest.arms},
        "paired": _paired(manifest, records),
        "recovery_ratio": recovery["ratio"] if recovery else None,
        "recovery": recovery,
        "droplets": _droplets(manifest, records),
        "other_fusions": _other_fusions(manifest, records),
        "provenance": {
            "config_hash": manifest.config_hash,
            "extended": list(manifest.extended),
            "config": dict(manifest.config),
            "seeds": list(manifest.seeds),
            "routes": [asdict(route) for route in manifest.routes],
            "weather": dict(manifest.arms),
            "server": dict(manifest.server),
            "weights": dict(manifest.weights),
            "limits": dict(manifest.limits),
            "versions": dict(manifest.versions),
            "bootstrap": {
                "resamples": statistics.RESAMPLES,
                "seed": statistics.BOOTSTRAP_SEED,
                "draws": "routes, then their seeds",
                "interval": "expanded percentile",
            },
            "crashed_and_missing": "zero in the figures of an arm, without them under without_crashed; no difference "
            "of arms that lack drives",
        },
        "times": {arm: _times(of_arm(records, arm)) for arm in manifest.arms},
    }


def of_arm(records: Sequence[EpisodeRecord], arm: str) -> list[EpisodeRecord]:
    return [record for record in records if record.arm == arm]


def driving_scores(
    records: Sequence[EpisodeRecord], arm: str, version: str, without_crashed: bool = False
) -> dict[tuple[str, int], float]:
    """By (route, seed), of the drives that are there. Those that crashed are zero, or left out."""
    return {
        (record.route_id, record.seed): record.score(version).driving_score
        for record in of_arm(records, arm)
        if not (without_crashed and record.is_crash)
    }


def _are_driven(manifest: Manifest, records: Sequence[EpisodeRecord], *arms: str) -> bool:
    """Whether no drive of these arms is missing."""
    return all(len(of_arm(records, arm)) == manifest.expected_episodes for arm in arms)


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
            + [_rounded(record.score(version).route_completion)]
            + [_rounded(value) for s in scores for value in (s.driving_score, s.infraction_penalty)]
            + counts
            + [round(record.route_length_m, 3), round(judged.duration_game_s, 3), judged.tick_count, record.attempt]
            + [record.error]
        )
    return out.getvalue()


def _arm(manifest: Manifest, records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    version, total = manifest.metric_version, manifest.expected_episodes
    sound = [record for record in records if not record.is_crash]
    judged = [record.judged_by(version) for record in records]
    counted = [record for record in judged if not record.is_crash]
    statuses = sorted({record.status for record in judged})
    return {
        **_means(records, version, total),
        "success_rate": _rounded(sum(record.is_success for record in judged) / max(total, 1)),
        "episodes": {"expected": total, "driven": len(records), "crashed": len(records) - len(sound)},
        "statuses": {status: sum(record.status == status for record in judged) for status in statuses},
        "infractions": {
            kind.value: sum(event.kind is kind for record in counted for event in record.events)
            for kind in INFRACTION_KINDS
        },
        "infractions_per_km": leaderboard.infractions_per_km(judged),
        "driven_km": _rounded(sum(r.route_length_m * r.completion / 1e5 for r in counted)),
        "duration_game_s": _rounded(sum(record.duration_game_s for record in judged)),
        "ticks": sum(record.tick_count for record in judged),
        "without_crashed": {**_means(sound, version, len(sound)), "episodes": len(sound)},
        "metrics": {v: _means(records, v, total) for v in METRIC_VERSIONS},
    }


def _means(records: Sequence[EpisodeRecord], version: str, total: int) -> dict[str, float | None]:
    """Three independent means, as the leaderboard has them: the first is not the product of the other two."""
    scores = [record.score(version) for record in records]
    return {
        name: _rounded(sum(getattr(score, name) for score in scores) / total) if total else None for name in SCORE_NAMES
    }


def _paired(manifest: Manifest, records: Sequence[EpisodeRecord]) -> dict[str, Any] | None:
    """Treatment minus baseline, None where the run has not both arms."""
    if not {BASELINE, TREATMENT} <= manifest.arms.keys():
        return None
    return _rounded(
        {
            "baseline": BASELINE,
            "treatment": TREATMENT,
            **_both_ways(manifest, records, manifest.metric_version),
            "metrics": {version: _difference(manifest, records, version) for version in METRIC_VERSIONS},
        }
    )


def _droplets(manifest: Manifest, records: Sequence[EpisodeRecord]) -> list[dict[str, Any]] | None:
    """One entry per size of droplets in which fused frames were driven, the smallest first; None without a baseline.

    What the eye sees does not depend on their size: the baseline's drives are those of every entry.
    """
    if BASELINE not in manifest.arms or not manifest.droplets:
        return None
    version = manifest.metric_version
    return [
        _rounded(
            {
                "arm": arm,
                **droplets,
                **_means(of_arm(records, arm), version, manifest.expected_episodes),
                "paired": _both_ways(manifest, records, version, treatment=arm),
                "recovery": _recovery(manifest, records, version, treatment=arm),
            }
        )
        for arm, droplets in sorted(manifest.droplets.items(), key=lambda item: item[1]["radius_um"])
    ]


def _other_fusions(manifest: Manifest, records: Sequence[EpisodeRecord]) -> list[dict[str, Any]]:
    """Arms beside the three and FusionProxy in other fog: each compared with RGB, and fused frames with it."""
    known = {BASELINE, TREATMENT, CEILING, *manifest.droplets}
    return [
        _rounded(
            {
                "arm": arm,
                **_means(of_arm(records, arm), manifest.metric_version, manifest.expected_episodes),
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


def _recovery(
    manifest: Manifest, records: Sequence[EpisodeRecord], version: str, treatment: str = TREATMENT
) -> dict[str, Any] | None:
    compared = (BASELINE, treatment, CEILING)
    if not manifest.arms.keys() >= set(compared):
        return None
    if not _are_driven(manifest, records, *compared):
        return dict(NO_RECOVERY)
    of = [driving_scores(records, arm, version) for arm in compared]
    result = statistics.recovery(of[0], of[1], of[2])
    return None if result is None else _rounded(asdict(result))


def _times(records: Sequence[EpisodeRecord]) -> dict[str, float | None]:
    system_s = sum(record.duration_system_s for record in records)
    ticks = sum(record.tick_count for record in records)
    game_s = sum(record.duration_game_s for record in records)
    return {
        "duration_system_s": round(system_s, 3),
        "ticks_per_s": round(ticks / system_s, 3) if system_s > 0 else None,
        "real_time_factor": round(game_s / system_s, 3) if system_s > 0 else None,
    }


def _rounded(value: Any) -> Any:
    """Six digits, as the leaderboard rounds scores; below that lies the order in which sums were taken."""
    if isinstance(value, float):
        return round(value, 6) + 0.0  # + 0.0 turns -0.0 into 0.0
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
