"""CARLA's own towns and which of ours is the most like each: for routes and scripts that name the former.

Scripts that name a town also name places in it. CARLA's smoke tests drive in `Town03` and `Town05` at fixed
coordinates, and there our towns have houses. So the two towns that stand for them lie elsewhere on their plain: far
enough aside that these places are free, level ground.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StandIn:
    """`town` of ours, moved by x_m, y_m in CARLA's axes. layered: whether CARLA has it as `<name>_Opt` as well."""

    town: str
    x_m: float = 0.0
    y_m: float = 0.0
    layered: bool = True


UNOPTIMISED = "_Opt"
"""CARLA's maps with layers end in it; our towns are in one piece, so it changes nothing but the name."""
_STAND_INS: dict[str, StandIn] = {
    "Town01": StandIn("Elm01"),  # a small town with T junctions
    "Town02": StandIn("Elm02"),  # a smaller one
    # a larger town with a roundabout; free: (235, -5 .. 130), (30 .. 150, -262 .. -195), and (30, -6) before a house
    "Town03": StandIn("Ring01", -30.0, 53.0),
    "Town04": StandIn("Mere01"),  # a highway loop
    # a grid with cross junctions; free: (26 .. 38, -205 .. 70)
    "Town05": StandIn("Elm02", -243.0, 0.0),
    "Town06": StandIn("Mere01"),  # long highways with ramps
    "Town07": StandIn("Fell01"),  # rural, narrow roads
    "Town10HD": StandIn("Elm01"),  # inner city
    "Town12": StandIn("Ring01", layered=False),  # large: rural, residential, city
    "Town13": StandIn("Fell01", layered=False),
    "Town15": StandIn("Ring01", layered=False),
}
CARLA_TOWNS: dict[str, StandIn] = {
    name + ending: town for name, town in _STAND_INS.items() for ending in ("", UNOPTIMISED)[: 1 + town.layered]
}
"""By the name that CARLA's `load_world` takes."""
