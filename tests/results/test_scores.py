import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.events import INFRACTION_KINDS, Event, EventKind
from results.scores import METRIC_VERSIONS, Failure, completion_of, infraction_penalty, is_success, score, status
from tests.results.synthetic import completion, event, tick_cap

MULTIPLYING = ("leaderboard-1.0", "leaderboard-2.0", "bench2drive")
PEDESTRIAN, VEHICLE = event(EventKind.COLLISION_PEDESTRIAN), event(EventKind.COLLISION_VEHICLE)
RED, STOP = event(EventKind.RED_LIGHT), event(EventKind.STOP_SIGN)


def outside(percentage: float) -> Event:
    return event(EventKind.OUTSIDE_ROUTE_LANES, percentage=percentage, distance_m=12.0)


def slow(percentage: float) -> Event:
    return event(EventKind.MIN_SPEED, percentage=percentage, checkpoint=1.0)


@pytest.mark.parametrize("version", METRIC_VERSIONS)
def test_a_clean_drive_keeps_its_completion(version: str) -> None:
    result = score((completion(80.0),), 80.0, version)
    assert (result.driving_score, result.route_completion, result.infraction_penalty) == (80.0, 80.0, 1.0)
    assert result.version == version


@pytest.mark.parametrize("version", MULTIPLYING)
def test_a_pedestrian_and_a_red_light_multiply(version: str) -> None:
    assert score((PEDESTRIAN, RED), 90.0, version).driving_score == pytest.approx(90.0 * 0.5 * 0.7)


@pytest.mark.parametrize("version", MULTIPLYING)
def test_three_red_lights_cost_each_time_again(version: str) -> None:
    assert infraction_penalty((RED, RED, RED), version) == pytest.approx(0.7**3)


def test_version_2_1_adds_before_it_divides() -> None:
    assert infraction_penalty((PEDESTRIAN,), "leaderboard-2.1") == pytest.approx(0.5)
    assert infraction_penalty((PEDESTRIAN, RED), "leaderboard-2.1") == pytest.approx(1 / 2.4)
    assert infraction_penalty((RED,) * 10, "leaderboard-2.1") == pytest.approx(0.2)
    every = (PEDESTRIAN, VEHICLE, event(EventKind.COLLISION_LAYOUT), RED, STOP)
    assert infraction_penalty(every, "leaderboard-2.1") == pytest.approx(1 / (1 + 1.0 + 0.7 + 0.6 + 0.4 + 0.25))


@pytest.mark.parametrize(
    ("kind", "factor", "summand"),
    [
        (EventKind.COLLISION_PEDESTRIAN, 0.5, 1.0),
        (EventKind.COLLISION_VEHICLE, 0.6, 0.7),
        (EventKind.COLLISION_LAYOUT, 0.65, 0.6),
        (EventKind.RED_LIGHT, 0.7, 0.4),
        (EventKind.STOP_SIGN, 0.8, 0.25),
    ],
)
def test_every_coefficient(kind: EventKind, factor: float, summand: float) -> None:
    for version in MULTIPLYING:
        assert infraction_penalty((event(kind),), version) == pytest.approx(factor)
    assert infraction_penalty((event(kind),), "leaderboard-2.1") == pytest.approx(1.0 / (1.0 + summand))


def test_version_1_0_knows_no_scenario_timeout_and_no_yielding() -> None:
    events = (event(EventKind.SCENARIO_TIMEOUT), event(EventKind.YIELD_EMERGENCY_VEHICLE))
    for version, factor in {"leaderboard-1.0": 1.0, "leaderboard-2.0": 0.7, "leaderboard-2.1": 1 / 1.4}.items():
        assert [infraction_penalty((one,), version) for one in events] == pytest.approx([factor] * 2)
    assert infraction_penalty(events, "leaderboard-1.0") == 1.0
    assert infraction_penalty(events, "leaderboard-2.0") == pytest.approx(0.49)
    assert infraction_penalty(events, "bench2drive") == pytest.approx(0.49)
    assert infraction_penalty(events, "leaderboard-2.1") == pytest.approx(1 / 1.8)


def test_driving_slowly_costs_by_version() -> None:
    events = (slow(50.0), slow(0.0))
    assert infraction_penalty(events, "leaderboard-2.0") == pytest.approx(0.85 * 0.7)
    assert infraction_penalty(events, "leaderboard-2.1") == pytest.approx(1 / (1 + 0.2 + 0.4))
    assert infraction_penalty((*events, RED), "leaderboard-2.1") == pytest.approx(1 / (1 + 0.2 + 0.4 + 0.4))
    assert infraction_penalty(events, "bench2drive") == 1.0
    assert infraction_penalty(events, "leaderboard-1.0") == 1.0


@pytest.mark.parametrize("version", METRIC_VERSIONS)
def test_bench2drive_alone_ends_a_drive_with_its_cap_of_ticks(version: str) -> None:
    events = (PEDESTRIAN, tick_cap(60.0, 10.0, 15.0), RED, outside(25.0), completion(100.0))
    result = score(events, 100.0, version)
    if version == "bench2drive":
        assert (result.route_completion, result.infraction_penalty) == (60.0, pytest.approx(0.5 * 0.9))
    else:
        penalty = round(infraction_penalty(events, version), 6)
        assert (result.route_completion, result.infraction_penalty) == (100.0, penalty)


def test_outrunning_the_traffic_is_no_reward() -> None:
    assert infraction_penalty((slow(180.0),), "leaderboard-2.0") == 1.0
    assert infraction_penalty((outside(-5.0),), "leaderboard-2.0") == 1.0


@pytest.mark.parametrize("version", METRIC_VERSIONS)
def test_driving_outside_the_lanes_takes_its_share(version: str) -> None:
    assert infraction_penalty((outside(25.0),), version) == pytest.approx(0.75)


def test_outside_lanes_stays_a_factor_in_2_1() -> None:
    assert infraction_penalty((outside(25.0), RED), "leaderboard-2.1") == pytest.approx(0.75 / 1.4)


@pytest.mark.parametrize("version", METRIC_VERSIONS)
def test_what_ends_a_route_has_no_coefficient(version: str) -> None:
    events = tuple(
        event(kind) for kind in (EventKind.ROUTE_DEVIATION, EventKind.VEHICLE_BLOCKED, EventKind.ROUTE_TIMEOUT)
    )
    assert score(events, 40.0, version).driving_score == 40.0


def test_an_unknown_version_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"leaderboard-3\.0.*leaderboard-2\.1"):
        score((), 100.0, "leaderboard-3.0")


@pytest.mark.parametrize("completion", [-1.0, 100.5, float("nan")])
def test_impossible_completions_are_refused(completion: float) -> None:
    with pytest.raises(ValueError, match="completion"):
        score((), completion, "leaderboard-2.0")


def test_an_event_without_its_percentage_is_refused_rather_than_ignored() -> None:
    with pytest.raises(ValueError, match="outside_route_lanes"):
        infraction_penalty((event(EventKind.OUTSIDE_ROUTE_LANES),), "leaderboard-2.0")


def test_completion_is_read_from_the_events() -> None:
    assert completion_of(()) == 0.0
    assert completion_of((completion(10.0), RED, completion(42.5))) == pytest.approx(42.5)
    assert completion_of((event(EventKind.ROUTE_COMPLETED, percentage=100.0), completion(99.7))) == 100.0


def test_status_words_are_the_leaderboards() -> None:
    assert status((), 100.0) == "Perfect"
    assert status((RED,), 100.0) == "Completed"
    assert status((), 55.0) == status((), 99.9) == "Failed"
    assert status((event(EventKind.ROUTE_TIMEOUT),), 55.0) == "Failed - Agent timed out"
    assert status((event(EventKind.ROUTE_DEVIATION),), 55.0) == "Failed - Agent deviated from the route"
    assert status((event(EventKind.VEHICLE_BLOCKED),), 55.0) == "Failed - Agent got blocked"
    assert status((), 10.0, Failure.AGENT_CRASHED) == "Failed - Agent crashed"
    assert status((), 0.0, Failure.AGENT_SETUP) == "Failed - Agent couldn't be set up"
    assert status((), 0.0, Failure.SENSORS_INVALID) == "Failed - Agent's sensors were invalid"
    assert status((), 0.0, Failure.SIMULATION_CRASHED) == "Failed - Simulation crashed"
    assert status((), 30.0, Failure.TICK_CAP) == "Failed - TickRuntime"


def test_a_blocked_agent_was_measured_a_crashed_one_was_not() -> None:
    assert not Failure.BLOCKED.is_crash
    assert not Failure.TICK_CAP.is_crash
    assert Failure.AGENT_CRASHED.is_crash
    assert Failure.AGENT_SETUP.is_crash
    assert Failure.SENSORS_INVALID.is_crash
    assert Failure.SIMULATION_CRASHED.is_crash


def test_success_forgives_slowness_alone() -> None:
    assert is_success((slow(60.0),), 100.0)
    assert not is_success((STOP,), 100.0)
    assert not is_success((), 99.0)


KINDS_WITH_SHARE = (EventKind.OUTSIDE_ROUTE_LANES, EventKind.MIN_SPEED)
EVENTS = st.lists(
    st.builds(
        lambda kind, share: event(kind, percentage=share),
        st.sampled_from(INFRACTION_KINDS),
        st.floats(0.0, 100.0),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.sampled_from(METRIC_VERSIONS), st.randoms())
def test_penalty_stays_in_0_to_1_never_grows_and_ignores_order(events: list[Event], version: str, random) -> None:
    penalty = infraction_penalty(events, version)
    assert 0.0 <= penalty <= 1.0
    shuffled = list(events)
    random.shuffle(shuffled)
    assert infraction_penalty(shuffled, version) == pytest.approx(penalty)
    if events:
        assert penalty <= infraction_penalty(events[:-1], version) + 1e-12
