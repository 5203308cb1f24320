import pytest

from harness.steered.reward import reward
from results.events import Event, EventKind
from results.scores import DEFAULT_VERSION


def event(kind: EventKind, **details: float) -> Event:
    return Event(kind, 0, 0.0, (0.0, 0.0, 0.0), "", details)


def test_a_metre_without_an_infraction_is_worth_its_weight() -> None:
    assert reward(1.5, [], DEFAULT_VERSION, 2.0, 100.0) == 3.0


def test_every_infraction_costs_the_share_of_the_score_that_it_takes_alone() -> None:
    events = [event(EventKind.COLLISION_PEDESTRIAN), event(EventKind.RED_LIGHT)]
    assert reward(0.0, events, "leaderboard-2.0", 1.0, 100.0) == pytest.approx(-50.0 - 30.0)
    assert reward(0.0, events, "leaderboard-2.1", 1.0, 100.0) == pytest.approx(-100.0 * (1.0 / 2.0 + 0.4 / 1.4))


def test_shares_of_the_way_cost_their_share() -> None:
    events = [event(EventKind.OUTSIDE_ROUTE_LANES, percentage=10.0)]
    assert reward(0.0, events, DEFAULT_VERSION, 1.0, 100.0) == pytest.approx(-10.0)


def test_what_only_ends_or_measures_the_route_costs_nothing() -> None:
    kinds = (EventKind.ROUTE_DEVIATION, EventKind.VEHICLE_BLOCKED, EventKind.ROUTE_TIMEOUT)
    events = [*map(event, kinds), event(EventKind.ROUTE_COMPLETION, percentage=40.0)]
    assert reward(0.0, events, DEFAULT_VERSION, 1.0, 100.0) == 0.0
