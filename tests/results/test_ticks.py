import math

import pytest

from results.events import INFRACTION_KINDS, Event, EventKind, read_events, write_events
from results.ticks import ActorTrace, Contact, Tick, read_ticks, write_ticks

ZERO = (0.0, 0.0, 0.0)
PLAIN = Tick(10, 0.0, (1.0, 2.0, 0.5), (0.0, 90.0, 0.0), (3.0, 4.0, 0.0), ZERO, ZERO)
FULL = Tick(
    11, 0.05, (1.0, 2.0, 0.5), (1.0, -90.0, 0.1), (3.0, 4.0, 0.0), (0.1, 0.2, 9.8), (0.0, 0.0, 12.5),
    throttle=0.5, steer=-0.125, brake=0.25, hand_brake=True, reverse=True, route_progress_m=12.5, route_offset_m=0.25,
    background_mean_speed_mps=6.5, speed_limit_kmh=30.0,
    contacts=(Contact(5, "walker.a", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)), Contact(6, "vehicle.a", ZERO, ZERO)),
    lights=((3, 0), (4, 2)), actors=(ActorTrace(5, 1.0, 2.0, 3.0, 180.0, 1.5),),
    active_scenarios=("A_1", "B_2"), holding_scenarios=("A_1",), timed_out_scenarios=("B_2",),
)  # fmt: skip


def test_ticks_come_back_from_disk_as_they_were(tmp_path):
    write_ticks(tmp_path / "ticks.npz", [PLAIN, FULL, PLAIN])
    plain, full, _ = read_ticks(tmp_path / "ticks.npz")
    assert full == FULL
    assert repr(plain) == repr(PLAIN)  # NaN is not equal to itself
    assert math.isnan(plain.background_mean_speed_mps)
    assert full.speed_mps == 5.0


def test_a_route_without_ticks_is_a_file_too(tmp_path):
    write_ticks(tmp_path / "ticks.npz", [])
    assert read_ticks(tmp_path / "ticks.npz") == ()


def test_equal_ticks_make_equal_files(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_ticks(tmp_path / name, [PLAIN, FULL])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_events_come_back_from_disk_as_they_were(tmp_path):
    events = (
        Event(EventKind.RED_LIGHT, 7, 0.35, (1.0, 2.0, 0.0), "Agent ran a red light 3", {"light_id": 3}),
        Event(EventKind.ROUTE_COMPLETION, 9, 0.45, (1.5, 2.0, 0.0), "done", {"percentage": 40.5}),
    )
    write_events(tmp_path / "events.jsonl", events)
    assert read_events(tmp_path / "events.jsonl") == events


def test_the_twelve_infractions_have_the_keys_of_the_leaderboard():
    assert [kind.value for kind in INFRACTION_KINDS] == [
        "collisions_layout", "collisions_pedestrian", "collisions_vehicle", "red_light", "stop_infraction",
        "outside_route_lanes", "min_speed_infractions", "yield_emergency_vehicle_infractions", "scenario_timeouts",
        "route_dev", "vehicle_blocked", "route_timeout",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [EventKind.ROUTE_COMPLETION, EventKind.ROUTE_COMPLETED])
def test_milestones_are_no_infractions(kind):
    assert not Event(kind, 0, 0.0, ZERO, "").is_infraction
