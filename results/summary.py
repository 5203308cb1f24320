"""`summary.json`, `routes.csv` and the leaderboard files: everything a run says in numbers, from what lies on disk.

The same drives give byte-identical files, apart from wall-clock figures: `times` in the summary, `duration_system` in
the leaderboard's schema.
Crashed and missing episodes count as zero in every figure of an arm; next to it stands the same figure without them
(`without_crashed`), since both readings are in use. What compares arms counts crashed ones the same two ways, but is
null as long as one of these arms lacks drives: zeros in place of what is to come would make it. Neither the
infractions nor the kilometres of a crashed drive count: what cannot be vouched for is no rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from results import arms_compared, atomic, leaderboard, statistics
from results.arm_figures import arm_figures
from results.drives import of_arm, read_run
from results.layout import RunFolder
from results.manifest import Manifest
from results.record import EpisodeRecord
from results.routes_csv import routes_csv


def write(folder: RunFolder) -> dict[str, Any]:
    """Make all number files of a run and hand back the summary."""
    manifest, records = read_run(folder)
    summary = summarise(manifest, records)
    for arm in manifest.arms:
        atomic.write_json(folder.leaderboard(arm), leaderboard.to_json(manifest, of_arm(records, arm)))
    atomic.write_text(folder.routes_csv, routes_csv(records, manifest.metric_version))
    atomic.write_json(folder.summary, summary)
    return summary


def summarise(manifest: Manifest, records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    version = manifest.metric_version
    recovery = arms_compared.recovery(manifest, records, version)
    return {
        "scenario": manifest.scenario,
        "agent": manifest.agent,
        "track": manifest.track,
        "metric_version": version,
        "complete": len(records) == manifest.expected_episodes * len(manifest.arms),
        "arms": {arm: arm_figures(manifest, of_arm(records, arm)) for arm in manifest.arms},
        "paired": arms_compared.paired(manifest, records),
        "recovery_ratio": recovery["ratio"] if recovery else None,
        "recovery": recovery,
        "droplets": arms_compared.by_droplets(manifest, records),
        "other_fusions": arms_compared.other_fusions(manifest, records),
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


def _times(records: Sequence[EpisodeRecord]) -> dict[str, float | None]:
    system_s = sum(record.duration_system_s for record in records)
    ticks = sum(record.tick_count for record in records)
    game_s = sum(record.duration_game_s for record in records)
    return {
        "duration_system_s": round(system_s, 3),
        "ticks_per_s": round(ticks / system_s, 3) if system_s > 0 else None,
        "real_time_factor": round(game_s / system_s, 3) if system_s > 0 else None,
    }
