"""From a layout's streets to roads: parking bays, and crosswalks where they meet junctions."""

from __future__ import annotations

import math

from simulator.towns.crossings import crossing_id, is_stem
from simulator.towns.layout import Junction, Layout, Street
from simulator.towns.road import TAPER_M, Road, Side, street_id
from simulator.towns.xodr.records import Link

CROSSWALK_AT_M = 2.4
"""Its centre, from the end of the street."""


def street_road(street: Street, layout: Layout) -> Road:
    length = street.path.length
    ends: dict[bool, Junction] = {
        arm.at_start: j for j in layout.junctions for arm in j.arms if arm.street == street.index
    }
    sides = [
        Side(("driving", "parking", "sidewalk"), _bays(length)) if parking else Side(("driving", "sidewalk"))
        for parking in street.parking
    ]
    crosswalks = [
        CROSSWALK_AT_M if at_start else length - CROSSWALK_AT_M
        for at_start, junction in ends.items()
        if junction.control == "signals" or is_stem(junction, street.index, at_start)
    ]
    return Road(
        street_id(street.index),
        f"Street {street.index + 1}",
        street.path,
        street.limit_kmh,
        -1,
        Link("junction", crossing_id(ends[True].index)),
        Link("junction", crossing_id(ends[False].index)),
        sides[0],
        sides[1],
        crosswalks=tuple(sorted(crosswalks)),
        avenue=street.avenue,
    )


def _bays(
    length: float, clear_m: float = 16.0, longest_m: float = 52.0, gap_m: float = 6.0
) -> tuple[tuple[float, float], ...]:
    """Parking bays that keep `clear_m` free before junctions, parted by build-outs of the curb."""
    usable = length - 2 * clear_m
    count = max(1, math.ceil((usable + gap_m) / (longest_m + gap_m)))
    bay = (usable + gap_m) / count - gap_m
    if bay < 2 * TAPER_M + 6.0:
        return ()
    return tuple((clear_m + k * (bay + gap_m), clear_m + k * (bay + gap_m) + bay) for k in range(count))
