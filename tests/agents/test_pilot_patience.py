"""The pilot's creep towards what seems to stand in its way."""

from agents.pilot.patience import CREEP_MPS, PERSON_S, Patience

DT_S = 0.05


def drive(patience: Patience, waits, seconds: float, here_m: float = 0.0) -> list[float]:
    """Positions (m) of a vehicle that stands unless it may creep; `waits(time_s)` says whether a vehicle is ahead."""
    places, speed = [], 0.0
    for tick in range(int(seconds / DT_S)):
        speed = CREEP_MPS if patience.update(waits(tick * DT_S), here_m, speed, DT_S) else 0.0
        here_m += speed * DT_S
        places.append(here_m)
    return places


def test_it_waits_half_a_minute_then_creeps_less_than_its_distance_to_what_is_ahead():
    places = drive(Patience(), lambda t: True, 35.0)
    assert places[int(29.0 / DT_S)] == 0.0
    assert 2.0 < places[-1] < 3.5


def test_where_it_has_crept_it_looks_again_sooner():
    places = drive(Patience(), lambda t: True, 60.0)
    assert places[-1] > 6.0


def test_a_passer_by_interrupts_the_waiting_and_does_not_end_it():
    places = drive(Patience(), lambda t: t % 2.0 < 1.5, 50.0)
    assert places[int(38.0 / DT_S)] == 0.0 < places[-1]


def test_it_never_creeps_while_something_else_holds_it():
    assert drive(Patience(), lambda t: False, 120.0)[-1] == 0.0


def test_a_creep_ends_as_soon_as_a_person_steps_in_the_way():
    places = drive(Patience(), lambda t: t < 30.5, 60.0)
    assert places[-1] < 1.0


def test_for_a_person_it_waits_as_long_every_time():
    places = drive(Patience(PERSON_S, PERSON_S), lambda t: True, 2.0 * PERSON_S - 1.0)
    assert places[int((PERSON_S - 1.0) / DT_S)] == 0.0
    assert 2.0 < places[-1] < 3.5
