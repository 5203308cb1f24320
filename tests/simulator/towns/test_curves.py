from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator.towns.curves import Piece, Pose, biarc, joined, to_carla


@settings(max_examples=80, deadline=None)
@given(st.floats(15, 80), st.floats(-12, 12), st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
@example(15.0, 0.0, 1.192092896e-07, 1.192092896e-07)
def test_a_biarc_leaves_and_arrives_as_asked(ahead: float, left: float, leave: float, arrive: float) -> None:
    start, end = Pose(3.0, -2.0, leave), Pose(3.0 + ahead, -2.0 + left, arrive)
    path = biarc(start, end)
    assert path.end.x == pytest.approx(end.x, abs=1e-6)
    assert path.end.y == pytest.approx(end.y, abs=1e-6)
    assert math.sin((path.end.heading - arrive) / 2) == pytest.approx(0.0, abs=1e-6)
    assert path.start == start


@settings(max_examples=40, deadline=None)
@given(st.floats(20, 60), st.floats(-8, 8), st.floats(-0.8, 0.8), st.floats(-3, 3))
def test_arc_length_is_the_distance_travelled(ahead: float, left: float, leave: float, t: float) -> None:
    path = biarc(Pose(0.0, 0.0, leave), Pose(ahead, left, 0.0))
    x, y, heading = path.at(np.linspace(0.0, path.length, 2001))
    assert np.hypot(np.diff(x), np.diff(y)).sum() == pytest.approx(path.length, rel=1e-5)
    shifted_x, shifted_y, _ = path.at(np.linspace(0.0, path.length, 2001), t)
    assert np.hypot(shifted_x - x, shifted_y - y) == pytest.approx(abs(t), abs=1e-9)
    assert np.diff(y) == pytest.approx(np.sin(heading[:-1]) * np.hypot(np.diff(x), np.diff(y)), abs=1e-3)


def test_a_quarter_turn_is_one_arc() -> None:
    path = biarc(Pose(0.0, 0.0, 0.0), Pose(10.0, 10.0, math.pi / 2))
    assert len(path.pieces) == 1
    assert path.pieces[0].curvature == pytest.approx(0.1)


def test_lines_that_continue_each_other_become_one() -> None:
    start = Pose(0.0, 0.0, 0.3)
    path = joined([Piece(start, 5.0), Piece(start.ahead(5.0), 7.0), Piece(start.ahead(12.0), 0.0)])
    assert len(path.pieces) == 1
    assert path.length == 12.0


def test_left_in_opendrive_is_negative_y_in_carla() -> None:
    assert to_carla(1.0, 2.0, 3.0).tolist() == [1.0, -2.0, 3.0]
