"""Our reading of OpenDRIVE geometry against CARLA's client."""

from __future__ import annotations

import carla
import numpy as np
import pytest

from simulator.towns.xodr.geometry import CentreLine
from simulator.towns.xodr.lanes import strips
from simulator.towns.xodr.records import Cubic, Road
from simulator.towns.xodr.writer import write_opendrive
from tests.simulator.towns.xodr.places import a_map, every_geometry, hill_road, straight


def farthest_from_the_map(road: Road) -> tuple[float, float]:
    """Metres and degrees between our lane centres and those of the client."""
    carla_map = carla.Map("Trial", write_opendrive(a_map(road)))
    gap, turn = 0.0, 0.0
    for strip in strips(road, 2.0):
        if strip.lane.type != "driving":
            continue
        heading = -np.degrees(strip.line.at(strip.s)[2]) + (0.0 if strip.forward else 180.0)
        for k in range(1, len(strip.s) - 1):
            theirs = carla_map.get_waypoint_xodr(road.id, strip.lane.id, float(strip.s[k])).transform
            at = theirs.location
            gap = max(gap, float(np.linalg.norm(strip.points(0.5)[k] - [at.x, at.y, at.z])))
            turn = max(turn, abs((theirs.rotation.yaw - heading[k] + 180.0) % 360.0 - 180.0))
    return gap, turn


def test_lines_arcs_clothoids_and_cubic_curves_lie_where_the_client_has_them() -> None:
    gap, turn = farthest_from_the_map(every_geometry())
    assert gap < 0.15
    assert turn < 1.5


def test_hills_are_as_high_as_the_client_has_them() -> None:
    gap, turn = farthest_from_the_map(hill_road())
    assert gap < 0.01
    assert turn < 0.1


def test_left_hand_traffic_goes_the_other_way() -> None:
    road = straight(60.0, rule="LHT")
    gap, turn = farthest_from_the_map(road)
    assert gap < 0.01
    assert turn < 0.1
    assert not next(strip for strip in strips(road, 5.0) if strip.lane.id == -1).forward


def test_a_lane_offset_moves_all_lanes() -> None:
    gap, _ = farthest_from_the_map(straight(60.0, lane_offset=(Cubic(0.0, 0.0, 0.05), Cubic(40.0, 2.0))))
    assert gap < 0.01


@pytest.mark.parametrize("start", [0.03, -0.03])
@pytest.mark.parametrize("end", [0.01, -0.01, 0.03])
def test_a_clothoid_turns_by_the_mean_of_its_curvatures(start: float, end: float) -> None:
    from simulator.towns.xodr.records import Geometry

    road = straight(50.0, geometry=(Geometry(0.0, 0.0, 0.0, 0.2, 50.0, "spiral", (start, end)),))
    s = np.linspace(0.0, 50.0, 5001)
    x, y, heading = CentreLine(road).at(s)
    assert heading[-1] == pytest.approx(0.2 + 50.0 * (start + end) / 2)
    assert np.hypot(np.diff(x), np.diff(y)) == pytest.approx(0.01, rel=1e-4)
    assert np.arctan2(np.diff(y), np.diff(x)) == pytest.approx((heading[1:] + heading[:-1]) / 2, abs=1e-5)
