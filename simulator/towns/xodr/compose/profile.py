"""Cross-sections of roads: which lanes lie beside each other, how wide, and what is painted between them."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.towns.opendrive import CURB_HEIGHT_M
from simulator.towns.xodr.records import Cubic, Lane, RoadMark


@dataclass(frozen=True)
class LaneShape:
    """mark: on its outer border. lane_change as OpenDRIVE says it of that mark."""

    type: str
    width_m: float
    mark: str = "none"
    lane_change: str = "none"


@dataclass(frozen=True)
class Profile:
    """A cross-section: lanes from the reference line outwards on either side."""

    right: tuple[LaneShape, ...]
    left: tuple[LaneShape, ...] = ()
    centre: str = "none"


def lanes_of(profile: Profile) -> tuple[Lane, ...]:
    lanes = [Lane(0, "none", (), (RoadMark(0.0, profile.centre),))]
    for sign, shapes in ((1, profile.left), (-1, profile.right)):
        for k, shape in enumerate(shapes, 1):
            marks = (RoadMark(0.0, shape.mark, lane_change=shape.lane_change),)
            lanes.append(Lane(sign * k, shape.type, (Cubic(0.0, shape.width_m),), marks, heights=kerb(shape.type)))
    return tuple(sorted(lanes, key=lambda lane: -lane.id))


def kerb(kind: str) -> tuple[tuple[float, float, float], ...]:
    return ((0.0, CURB_HEIGHT_M, CURB_HEIGHT_M),) if kind == "sidewalk" else ()
