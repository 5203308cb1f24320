"""The hazards nightloop can stage, by the scenario types of route files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scenarios.hazards import braking_leader, cyclist, pedestrian, red_light, stopped_car
from scenarios.hazards.braking_leader import hard_brake_route
from scenarios.hazards.cyclist import hazard_at_side_lane
from scenarios.hazards.hazard import Hazard, Place
from scenarios.hazards.parameters import Model, Parameter
from scenarios.hazards.pedestrian import dynamic_object_crossing, parking_crossing_pedestrian
from scenarios.hazards.red_light import signalised_junction_red
from scenarios.hazards.stopped_car import parked_obstacle
from scenarios.specs import ScenarioSpec

HAZARDS: Mapping[str, Callable[[Place], Hazard]] = {
    "DynamicObjectCrossing": dynamic_object_crossing,
    "ParkingCrossingPedestrian": parking_crossing_pedestrian,
    "ParkedObstacle": parked_obstacle,
    "HazardAtSideLane": hazard_at_side_lane,
    "HardBreakRoute": hard_brake_route,
    # Bench2Drive's name
    "VanillaSignalizedTurnEncounterRedLight": signalised_junction_red,
}

PARAMETERS: Mapping[str, Mapping[str, Parameter]] = {
    "DynamicObjectCrossing": pedestrian.PARAMETERS,
    "ParkingCrossingPedestrian": pedestrian.PARAMETERS,
    "ParkedObstacle": stopped_car.PARAMETERS,
    "HazardAtSideLane": cyclist.PARAMETERS,
    "HardBreakRoute": braking_leader.PARAMETERS,
    "VanillaSignalizedTurnEncounterRedLight": red_light.PARAMETERS,
}
"""What each reads of its `<scenario>`, and what that may be; the leaderboard has others, which are passed over."""

DEFAULT_DISTANCES_M: Mapping[str, float] = {
    "DynamicObjectCrossing": pedestrian.DISTANCE_M,
    "ParkingCrossingPedestrian": pedestrian.DISTANCE_M,
    "ParkedObstacle": stopped_car.DISTANCE_M,
    "HazardAtSideLane": cyclist.DISTANCE_M,
    "HardBreakRoute": braking_leader.DISTANCE_M,
}
"""How far past the trigger point each is that takes a `<distance>` and is given none."""


def distance_m(spec: ScenarioSpec) -> float:
    """How far past its trigger point a scenario takes place."""
    default_m = DEFAULT_DISTANCES_M.get(spec.type)
    return 0.0 if default_m is None else spec.number("distance", default_m)


def reach_m(spec: ScenarioSpec) -> float:
    """How far past its trigger point the last of it takes place that its file gives a place to."""
    return max(distance_m(spec), spec.number("brake_distance", 0.0) if spec.type == "HardBreakRoute" else 0.0)


__all__ = ["HAZARDS", "PARAMETERS", "Hazard", "Model", "Place", "distance_m", "reach_m"]
