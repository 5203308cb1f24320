import json

import pytest

from results.events import INFRACTION_KINDS, EventKind
from results.leaderboard import infractions_per_km, sensor_icons, to_json
from results.scores import Failure
from tests.results.synthetic import ROUTES, completion, event, manifest, record, tick_cap

# The schema of the leaderboard 2.x, key by key.
INFRACTION_KEYS = {
    "collisions_layout",
    "collisions_pedestrian",
    "collisions_vehicle",
    "red_light",
    "stop_infraction",
    "outside_route_lanes",
    "min_speed_infractions",
    "yield_emergency_vehicle_infractions",
    "scenario_timeouts",
    "route_dev",
    "vehicle_blocked",
    "route_timeout",
}
LABELS = [
    "Avg. driving score",
    "Avg. route completion",
    "Avg. infraction penalty",
    "Collisions with pedestrians",
    "Collisions with vehicles",
    "Collisions with layout",
    "Red lights infractions",
    "Stop sign infractions",
    "Off-road infractions",
    "Route deviations",
    "Route timeouts",
    "Agent blocked",
    "Yield emergency vehicles infractions",
    "Scenario timeouts",
    "Min speed infractions",
]
TWO_ROUTES = manifest(routes=ROUTES[:2], seeds=(7,))
FIRST, SECOND = ROUTES[0].id, ROUTES[1].id


def test_the_file_has_the_leaderboards_keys() -> None:
    red = record(FIRST, seed=7, events=(event(EventKind.RED_LIGHT), completion(100.0)))
    file = json.loads(json.dumps(to_json(TWO_ROUTES, [red, record(SECOND, seed=7)])))
    assert {"_checkpoint", "entry_status", "eligible", "sensors", "values", "labels"} <= file.keys()
    checkpoint = file["_checkpoint"]
    assert checkpoint.keys() == {"global_record", "progress", "records"}
    overall = checkpoint["global_record"]
    assert overall.keys() == {
        "index",
        "route_id",
        "status",
        "infractions",
        "scores_mean",
        "scores_std_dev",
        "meta",
    }
    assert (overall["index"], overall["route_id"]) == (-1, -1)
    assert overall["infractions"].keys() == INFRACTION_KEYS
    assert overall["scores_mean"].keys() == {"score_composed", "score_route", "score_penalty"}
    assert overall["scores_std_dev"].keys() == overall["scores_mean"].keys()
    assert overall["meta"].keys() == {"total_length", "duration_game", "duration_system", "exceptions"}
    for entry in checkpoint["records"]:
        assert {"index", "route_id", "status", "num_infractions", "infractions", "scores", "meta"} <= entry.keys()
        assert entry["infractions"].keys() == INFRACTION_KEYS
        assert entry["scores"].keys() == {"score_route", "score_penalty", "score_composed"}
        assert entry["meta"].keys() == {"route_length", "duration_game", "duration_system"}
    assert checkpoint["records"][0]["route_id"] == f"RouteScenario_{FIRST}_rep0"
    assert checkpoint["records"][0]["infractions"]["red_light"] == ["Agent: red_light at (x=0.0, y=0.0)"]
    assert checkpoint["records"][0]["num_infractions"] == 1
    assert file["metric_version"] == "leaderboard-2.0"


def test_labels_and_values_match_in_order() -> None:
    events = (event(EventKind.COLLISION_PEDESTRIAN), event(EventKind.MIN_SPEED, percentage=100.0), completion(100.0))
    file = to_json(TWO_ROUTES, [record(FIRST, seed=7, events=events), record(SECOND, seed=7)])
    assert file["labels"] == LABELS
    values = dict(zip(file["labels"], file["values"]))
    assert all(isinstance(value, str) for value in file["values"])
    assert values["Avg. driving score"] == "75.0"
    assert values["Avg. route completion"] == "100.0"
    assert values["Avg. infraction penalty"] == "0.75"
    assert values["Collisions with pedestrians"] == "2.0"  # one in half a kilometre
    assert values["Min speed infractions"] == "2.0"
    assert values["Collisions with vehicles"] == "0.0"


def test_means_count_missing_routes_as_zero_and_deviate_over_n_minus_1() -> None:
    one = to_json(TWO_ROUTES, [record(FIRST, seed=7)])
    overall = one["_checkpoint"]["global_record"]
    assert overall["scores_mean"]["score_composed"] == 50.0
    assert overall["scores_std_dev"]["score_composed"] == 50.0
    assert one["_checkpoint"]["progress"] == [1, 2]
    assert (one["entry_status"], one["eligible"]) == ("Started", False)
    single = to_json(manifest(routes=ROUTES[:1], seeds=(7,)), [record(FIRST, seed=7)])
    assert single["_checkpoint"]["global_record"]["scores_std_dev"]["score_composed"] == 0.0


def test_the_three_means_are_independent() -> None:
    half = record(FIRST, seed=7, events=(event(EventKind.COLLISION_PEDESTRIAN), completion(100.0)))
    short = record(SECOND, seed=7, events=(event(EventKind.VEHICLE_BLOCKED), completion(20.0)))
    means = to_json(TWO_ROUTES, [half, short])["_checkpoint"]["global_record"]["scores_mean"]
    assert means == {"score_composed": 35.0, "score_route": 60.0, "score_penalty": 0.75}


@pytest.mark.parametrize(
    ("failure", "entry_status"),
    [
        (None, "Finished"),
        (Failure.AGENT_CRASHED, "Finished"),
        (Failure.SIMULATION_CRASHED, "Crashed"),
        (Failure.SENSORS_INVALID, "Rejected"),
    ],
)
def test_entry_status_follows_the_worst_failure(failure: Failure | None, entry_status: str) -> None:
    events = (completion(100.0),) if failure is None else ()
    file = to_json(TWO_ROUTES, [record(FIRST, seed=7, events=events, failure=failure), record(SECOND, seed=7)])
    assert file["entry_status"] == entry_status
    assert file["eligible"] is (entry_status == "Finished")


def test_failed_routes_are_listed_as_exceptions_and_name_the_worst_status() -> None:
    crashed = record(SECOND, seed=7, events=(), failure=Failure.AGENT_CRASHED)
    overall = to_json(TWO_ROUTES, [record(FIRST, seed=7), crashed])["_checkpoint"]["global_record"]
    assert overall["status"] == "Failed"
    assert overall["meta"]["exceptions"] == [[f"RouteScenario_{SECOND}_rep0", 1, "Failed - Agent crashed"]]
    assert to_json(TWO_ROUTES, [record(FIRST, seed=7)])["_checkpoint"]["global_record"]["status"] == "Perfect"


def test_a_long_drive_is_in_bench2drives_file_as_it_would_have_ended_there() -> None:
    before, after = event(EventKind.STOP_SIGN, 50.0), event(EventKind.RED_LIGHT, 210.0)
    outside = event(EventKind.OUTSIDE_ROUTE_LANES, 220.0, percentage=25.0, distance_m=50.0)
    events = (before, tick_cap(60.0, 10.0, 15.0), after, outside, completion(100.0))
    drives = [record(FIRST, seed=7, events=events, duration_game_s=220.0), record(SECOND, seed=7)]
    entry = to_json(TWO_ROUTES, drives, "bench2drive")["_checkpoint"]["records"][0]
    assert entry["status"] == "Failed - TickRuntime"
    assert entry["scores"] == {"score_route": 60.0, "score_penalty": 0.72, "score_composed": 43.2}
    assert entry["meta"]["duration_game"] == 199.95
    assert entry["infractions"]["red_light"] == []
    assert entry["infractions"]["outside_route_lanes"] == [
        "Agent went outside its route lanes for about 15.0 meters (10.0% of the completed route)"
    ]
    assert to_json(TWO_ROUTES, drives)["_checkpoint"]["records"][0]["status"] == "Completed"


def test_rates_are_over_the_kilometres_driven_by_all_routes_together() -> None:
    reds = (event(EventKind.RED_LIGHT),) * 3
    records = [
        record(FIRST, route_length_m=1000.0, events=(*reds, completion(50.0))),
        record(SECOND, route_length_m=500.0, events=(completion(100.0),)),
    ]
    rates = infractions_per_km(records)
    assert rates["red_light"] == pytest.approx(3.0)
    assert rates.keys() == {kind.value for kind in INFRACTION_KINDS}


def test_rates_follow_from_the_files_own_records_after_a_crash() -> None:
    """As the leaderboard makes them of a file: over length x score_route, of the infractions of every record."""
    hit = event(EventKind.COLLISION_PEDESTRIAN)
    crashed = record(FIRST, seed=7, events=(hit, completion(40.0)), failure=Failure.AGENT_CRASHED)
    file = to_json(TWO_ROUTES, [crashed, record(SECOND, seed=7, events=(hit, completion(100.0)))])["_checkpoint"]
    km = sum(one["meta"]["route_length"] / 1000 * one["scores"]["score_route"] / 100 for one in file["records"])
    hits = sum(len(one["infractions"]["collisions_pedestrian"]) for one in file["records"])
    assert [one["num_infractions"] for one in file["records"]] == [0, 1]
    assert file["global_record"]["infractions"]["collisions_pedestrian"] == round(hits / km, 3)


def test_lanes_left_are_given_in_kilometres_and_not_divided() -> None:
    away = event(EventKind.OUTSIDE_ROUTE_LANES, percentage=10.0, distance_m=25.0)
    assert infractions_per_km([record(events=(away, completion(100.0)))])["outside_route_lanes"] == 0.025


def test_nothing_driven_is_not_divided_by_zero() -> None:
    assert infractions_per_km([record(events=(event(EventKind.RED_LIGHT),))])["red_light"] == 1000.0


def test_before_the_first_drive_the_file_says_nothing_of_all_as_the_leaderboards_own() -> None:
    file = to_json(TWO_ROUTES, [])
    assert file["_checkpoint"] == {"global_record": {}, "progress": [0, 2], "records": []}
    assert (file["values"], file["labels"], file["sensors"]) == ([], [], [])
    assert (file["entry_status"], file["eligible"]) == ("Started", False)


def test_sensor_icons_come_once_each() -> None:
    sensors = [
        {"type": "sensor.camera.rgb"},
        {"type": "sensor.other.imu"},
        {"type": "sensor.camera.rgb"},
        {"type": "x"},
    ]
    assert sensor_icons(sensors) == ("carla_camera", "carla_imu")
