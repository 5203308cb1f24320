"""The results file of one arm in the schema of the CARLA leaderboard 2.x, for the tools people already have.

What differs from a file of the leaderboard itself: every file names its `metric_version`, a record names its `seed`
(both are extra keys, which readers of the schema pass over), and a crashed episode scores zero and has no infractions
whatever it had driven and done until then: rates per kilometre follow from the file's own records.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from results.events import INFRACTION_KINDS, EventKind
from results.manifest import Manifest
from results.record import EpisodeRecord
from results.scores import Failure, Score

# Label and infraction key of `labels` and `values` after the three scores, in the leaderboard's order.
_LABELLED: tuple[tuple[str, EventKind], ...] = (
    ("Collisions with pedestrians", EventKind.COLLISION_PEDESTRIAN),
    ("Collisions with vehicles", EventKind.COLLISION_VEHICLE),
    ("Collisions with layout", EventKind.COLLISION_LAYOUT),
    ("Red lights infractions", EventKind.RED_LIGHT),
    ("Stop sign infractions", EventKind.STOP_SIGN),
    ("Off-road infractions", EventKind.OUTSIDE_ROUTE_LANES),
    ("Route deviations", EventKind.ROUTE_DEVIATION),
    ("Route timeouts", EventKind.ROUTE_TIMEOUT),
    ("Agent blocked", EventKind.VEHICLE_BLOCKED),
    ("Yield emergency vehicles infractions", EventKind.YIELD_EMERGENCY_VEHICLE),
    ("Scenario timeouts", EventKind.SCENARIO_TIMEOUT),
    ("Min speed infractions", EventKind.MIN_SPEED),
)
LABELS: tuple[str, ...] = (
    "Avg. driving score",
    "Avg. route completion",
    "Avg. infraction penalty",
    *(label for label, _ in _LABELLED),
)
_SCORES = {
    "score_composed": "driving_score",
    "score_route": "route_completion",
    "score_penalty": "infraction_penalty",
}


def to_json(manifest: Manifest, records: Sequence[EpisodeRecord], version: str | None = None) -> dict[str, Any]:
    """`records` are those of one arm, in the order in which they count; missing ones weigh on the mean as zeros. Before
    the first there is nothing to be said of all: the leaderboard's own file has nothing there, either."""
    version = version or manifest.metric_version
    total = manifest.expected_episodes
    records = [record.judged_by(version) for record in records]
    scores = [record.score(version) for record in records]
    overall = _global_record(manifest, records, scores, total)
    means, per_km = overall["scores_mean"], overall["infractions"]
    values = [str(means[key]) for key in _SCORES] + [str(per_km[kind.value]) for _, kind in _LABELLED]
    entry_status = _entry_status(records, total)
    return {
        "_checkpoint": {
            "global_record": overall if records else {},
            "progress": [len(records), total],
            "records": [
                _record(manifest, index, record, score) for index, (record, score) in enumerate(zip(records, scores))
            ],
        },
        "entry_status": entry_status,
        "eligible": entry_status == "Finished",
        "sensors": list(dict.fromkeys(icon for record in records for icon in record.sensors)),
        "values": values if records else [],
        "labels": list(LABELS) if records else [],
        "metric_version": version,
    }


def infractions_per_km(records: Sequence[EpisodeRecord]) -> dict[str, float]:
    """By infraction key: number over the kilometres driven by all routes together (route length x completion, at least
    1 m). Outside route lanes: the kilometres driven there, not divided (both as the leaderboard 2.x has it).
    Crashed drives count in neither."""
    counted = [record for record in records if not record.is_crash]
    driven_km = sum(r.route_length_m / 1000.0 * r.completion / 100.0 for r in counted)
    counts = dict.fromkeys(INFRACTION_KINDS, 0.0)
    for record in counted:
        for event in record.infractions:
            if event.kind is EventKind.OUTSIDE_ROUTE_LANES:
                counts[event.kind] += float(event.details.get("distance_m") or 0.0) / 1000.0
            else:
                counts[event.kind] += 1.0 / max(driven_km, 0.001)
    return {kind.value: round(count, 3) for kind, count in counts.items()}


def _record(manifest: Manifest, index: int, record: EpisodeRecord, score: Score) -> dict[str, Any]:
    infractions: dict[str, list[str]] = {kind.value: [] for kind in INFRACTION_KINDS}
    counted = () if record.is_crash else record.infractions
    for event in counted:
        infractions[event.kind.value].append(event.message)
    return {
        "index": index,
        "route_id": _route_id(manifest, record),
        "status": record.status,
        "num_infractions": len(counted),
        "infractions": infractions,
        "scores": {
            "score_route": score.route_completion,
            "score_penalty": score.infraction_penalty,
            "score_composed": score.driving_score,
        },
        "meta": {
            "route_length": round(record.route_length_m, 3),
            "duration_game": round(record.duration_game_s, 3),
            "duration_system": round(record.duration_system_s, 3),
        },
        "scenario_name": record.scenario,
        "town_name": record.town,
        "seed": record.seed,
    }


def _global_record(
    manifest: Manifest, records: Sequence[EpisodeRecord], scores: Sequence[Score], total: int
) -> dict[str, Any]:
    columns = {key: [getattr(score, name) for score in scores] for key, name in _SCORES.items()}
    failed = [(i, record) for i, record in enumerate(records) if record.status.startswith("Failed")]
    return {
        "index": -1,
        "route_id": -1,
        "status": _overall_status(records),
        "infractions": infractions_per_km(records),
        "scores_mean": {key: round(sum(column) / max(total, 1), 6) for key, column in columns.items()},
        "scores_std_dev": {key: _std_dev(column, total) for key, column in columns.items()},
        "meta": {
            "total_length": round(sum(record.route_length_m for record in records), 3),
            "duration_game": round(sum(record.duration_game_s for record in records), 3),
            "duration_system": round(sum(record.duration_system_s for record in records), 3),
            "exceptions": [[_route_id(manifest, record), i, record.status] for i, record in failed],
        },
    }


def _route_id(manifest: Manifest, record: EpisodeRecord) -> str:
    return f"RouteScenario_{record.route_id}_rep{manifest.seeds.index(record.seed)}"


def _overall_status(records: Sequence[EpisodeRecord]) -> str:
    """The worst of all: Perfect, Completed, Failed."""
    words = {record.status.split(" ")[0] for record in records}
    return next((word for word in ("Failed", "Completed") if word in words), "Perfect")


def _entry_status(records: Sequence[EpisodeRecord], total: int) -> str:
    failures = {record.failure for record in records if record.is_crash}
    if Failure.SENSORS_INVALID in failures:
        return "Rejected"
    if Failure.SIMULATION_CRASHED in failures:
        return "Crashed"
    return "Finished" if len(records) == total else "Started"


def _std_dev(column: Sequence[float], total: int) -> float:
    """Over N - 1, where N counts the missing routes but the sum does not: the leaderboard's own formula."""
    if total <= 1:
        return 0.0
    mean = sum(column) / total
    return round(math.sqrt(sum((value - mean) ** 2 for value in column) / (total - 1)), 3)


def sensor_icons(sensors: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The leaderboard's icon names of an agent's sensor list, each once, in order of appearance."""
    icons = [_ICON_OF_SENSOR[sensor["type"]] for sensor in sensors if sensor["type"] in _ICON_OF_SENSOR]
    return tuple(dict.fromkeys(icons))


_ICON_OF_SENSOR = {
    "sensor.camera.rgb": "carla_camera",
    "sensor.lidar.ray_cast": "carla_lidar",
    "sensor.other.radar": "carla_radar",
    "sensor.other.gnss": "carla_gnss",
    "sensor.other.imu": "carla_imu",
    "sensor.opendrive_map": "carla_opendrive_map",
    "sensor.speedometer": "carla_speedometer",
}
