"""How far a pedestrian can be seen: the reading of the plot, held at a few of its points."""

from __future__ import annotations

import pytest

from validation import detection


@pytest.fixture(scope="module")
def ranges() -> dict[tuple[str, float], float]:
    distances_m = (10.0, 13.0, 17.0, 22.0, 30.0, 42.0, 60.0, 85.0, 120.0)
    found = detection.measured((60.0, 200.0), (3.0, 10.0), distances_m)
    return {(r.seen_by, r.visibility_m): r.range_m for r in found}


def test_low_beams_in_60_m_fog_show_a_pedestrian_at_a_quarter_of_the_visibility(ranges) -> None:
    assert 10.0 < ranges[detection.HEADLAMPS, 60.0] < 22.0
    assert ranges[detection.HEADLAMPS, 200.0] > 1.5 * ranges[detection.HEADLAMPS, 60.0]


def test_lwir_sees_farther_than_the_eye_with_small_drops_and_less_far_with_large_ones(ranges) -> None:
    small, large = ranges["LWIR, 3 um", 60.0], ranges["LWIR, 10 um", 60.0]
    assert small > 1.8 * 60.0
    assert large < 60.0
    assert large > 2.0 * ranges[detection.HEADLAMPS, 60.0], "but farther than headlamps show"


def test_street_lamps_help_in_thin_fog_and_hardly_in_thick(ranges) -> None:
    assert ranges[detection.STREET_LAMPS, 200.0] > 1.2 * ranges[detection.HEADLAMPS, 200.0]
    assert ranges[detection.STREET_LAMPS, 60.0] == pytest.approx(ranges[detection.HEADLAMPS, 60.0], rel=0.2)


def test_reach_is_where_the_curve_falls_through_three_for_the_last_time() -> None:
    assert detection.reach((30.0, 3.0, 0.3), (10.0, 20.0, 30.0)) == pytest.approx(20.0)
    assert detection.reach((30.0, 1.0, 9.0, 1.0), (10.0, 20.0, 30.0, 40.0)) == pytest.approx(35.0)
    assert detection.reach((1.0, 0.5), (10.0, 20.0)) == 0.0
    assert detection.reach((9.0, 8.0), (10.0, 20.0)) == 20.0
