"""Paint on the road: centre lines, bay lines, stop lines and zebra crossings, a centimetre above the asphalt."""

from __future__ import annotations

import numpy as np

from simulator.render.materials import Material
from simulator.render.mesh import MeshBuilder
from simulator.towns.curves import Array, to_carla
from simulator.towns.layout import LANE_M
from simulator.towns.network import Network
from simulator.towns.opendrive import SOLID_BEFORE_JUNCTION_M
from simulator.towns.road import CROSSWALK_LENGTH_M, PARKING_M, TAPER_M, Road
from simulator.towns.roadways import strip
from simulator.towns.signals import Signal
from simulator.towns.streets import CROSSWALK_AT_M

PAINT_Z_M = 0.012
LINE_M = 0.12
DASH_M, GAP_M = 3.0, 6.0
CAR_SPACE_M = 6.0


def add_markings(builder: MeshBuilder, network: Network) -> None:
    for road in network.streets:
        _centre_line(builder, road)
        for sign in (-1, 1):
            _bay_lines(builder, road, sign)
        for s in road.crosswalks:
            _zebra(builder, road, s)
    for signal in network.signals:
        if signal.type != "274":
            _stop_line(builder, network.roads[signal.road], signal)


def _stripe(builder: MeshBuilder, road: Road, start: float, end: float, t: float, width: float) -> None:
    """A line along the road, in pieces of 2 m so that it follows curves."""
    s = np.linspace(start, end, max(2, int((end - start) / 2.0) + 2))
    strip(builder, _painted(road, s, t - width / 2), _painted(road, s, t + width / 2), Material.LANE_PAINT)


def _painted(road: Road, s: Array, t: float) -> Array:
    x, y, _ = road.path.at(s, t)
    return to_carla(x, y, PAINT_Z_M)


def _centre_line(builder: MeshBuilder, road: Road) -> None:
    beyond_crosswalk = CROSSWALK_AT_M + CROSSWALK_LENGTH_M / 2 + 0.7
    first = beyond_crosswalk if any(s < 10.0 for s in road.crosswalks) else 0.5
    last = road.path.length
    last -= beyond_crosswalk if any(s > last - 10.0 for s in road.crosswalks) else 0.5
    broken_from, broken_to = SOLID_BEFORE_JUNCTION_M, road.path.length - SOLID_BEFORE_JUNCTION_M
    _stripe(builder, road, first, broken_from, 0.0, LINE_M)
    for s in np.arange(broken_from + GAP_M, broken_to - DASH_M, DASH_M + GAP_M):
        _stripe(builder, road, float(s), float(s) + DASH_M, 0.0, LINE_M)
    _stripe(builder, road, broken_to, last, 0.0, LINE_M)


def _bay_lines(builder: MeshBuilder, road: Road, sign: int) -> None:
    side = road.right if sign < 0 else road.left
    for start, end in side.bays if side else ():
        first, last = start + TAPER_M, end - TAPER_M
        for s in np.arange(first, last - 1.0, 2.0):
            _stripe(builder, road, float(s), float(s) + 1.0, sign * LANE_M, LINE_M)
        for s in bay_spaces(start, end)[:, 0]:
            _stripe(builder, road, float(s) - 0.05, float(s) + 0.05, sign * (LANE_M + PARKING_M / 2), PARKING_M - 0.2)


def bay_spaces(start: float, end: float) -> Array:
    """The car spaces (n, 2) of a parking bay: begin and end along s."""
    first, last = start + TAPER_M, end - TAPER_M
    count = max(1, int((last - first) / CAR_SPACE_M))
    borders = np.linspace(first, last, count + 1)
    return np.stack([borders[:-1], borders[1:]], axis=1)


def _zebra(builder: MeshBuilder, road: Road, s: float) -> None:
    for t in np.arange(-LANE_M + 0.5, LANE_M, 1.0):
        _stripe(builder, road, s - CROSSWALK_LENGTH_M / 2, s + CROSSWALK_LENGTH_M / 2, float(t), 0.5)


def _stop_line(builder: MeshBuilder, road: Road, signal: Signal) -> None:
    _stripe(builder, road, signal.s - 0.2, signal.s + 0.2, np.sign(signal.lane) * LANE_M / 2, LANE_M - 0.3)
