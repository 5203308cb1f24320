"""Lights, stop signs and speed limits along the streets of a generated town."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from simulator.towns.crossings import Crossing, stem_arm
from simulator.towns.curves import Pose
from simulator.towns.layout import LANE_M, Arm, Junction
from simulator.towns.road import Road, street_id

STOP_LINE_AT_M = 4.8
"""Its centre, from the end of the street."""

POLE_BEHIND_CURB_M = 0.65


@dataclass(frozen=True)
class Signal:
    """A traffic light (1000001), stop sign (206) or speed limit (274) for `lane` of `road` from s on.

    pose: foot of the pole with the travel heading of the governed lane. line: the pose on the lane's centre where the
    sign takes effect. phase, controller and junction of lights and stop signs; -1 elsewhere.
    """

    id: int
    type: Literal["1000001", "206", "274"]
    name: str
    road: int
    s: float
    lane: int
    pose: Pose
    line: Pose
    value: int = -1
    junction: int = -1
    phase: int = -1
    controller: int = -1


def junction_signals(crossing: Crossing, roads: dict[int, Road]) -> list[Signal]:
    junction = crossing.junction
    stem = stem_arm(junction) if len(junction.arms) == 3 else None
    signals = []
    for k, arm in enumerate(junction.arms):
        road = roads[street_id(arm.street)]
        lane = 1 if arm.at_start else -1
        s = STOP_LINE_AT_M if arm.at_start else road.path.length - STOP_LINE_AT_M
        x, y, heading = road.lane_at(lane, s)
        line = Pose(float(x), float(y), float(heading))
        id = 5000 + 10 * junction.index + k
        if junction.control == "signals":
            phase = int(arm is stem) if stem else k % 2
            pose = _far_side_pole(junction, arm, stem)
            signals.append(
                Signal(
                    id,
                    "1000001",
                    f"Signal {id}",
                    road.id,
                    s,
                    lane,
                    pose,
                    line,
                    junction=crossing.id,
                    phase=phase,
                    controller=crossing.controllers[phase],
                )
            )
        elif arm is stem:
            pose = line.ahead(0.3, left=-(LANE_M / 2 + POLE_BEHIND_CURB_M))
            signals.append(Signal(id, "206", f"Stop {id}", road.id, s, lane, pose, line, junction=crossing.id))
    return signals


def _far_side_pole(junction: Junction, arm: Arm, stem: Arm | None) -> Pose:
    """The foot of the light's pole: at the far right corner; for the street that ends at a T, across its top."""
    centre = Pose(junction.x, junction.y, arm.heading + math.pi)
    right = LANE_M + POLE_BEHIND_CURB_M
    if arm is stem:
        return centre.ahead(LANE_M + POLE_BEHIND_CURB_M + 0.4, left=-right)
    return centre.ahead(junction.radius_m + 0.3, left=-right)


def speed_limits(streets: list[Road]) -> list[Signal]:
    signals = []
    for road in streets:
        for lane in road.drivable:
            s = 13.0 if lane < 0 else road.path.length - 13.0
            x, y, heading = road.lane_at(lane, s)
            line = Pose(float(x), float(y), float(heading))
            pose = line.ahead(0.0, left=-(LANE_M / 2 + POLE_BEHIND_CURB_M))
            id = 7000 + 2 * road.id + (lane > 0)
            signals.append(Signal(id, "274", f"Speed limit {id}", road.id, s, lane, pose, line, value=road.limit_kmh))
    return signals
