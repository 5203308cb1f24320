"""Whether a route fits its map, and what of it is staged: asked before a server is started, and again on the server."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise

import carla
import numpy as np

from scenarios.errors import ScenarioError
from scenarios.hazards import HAZARDS, PARAMETERS, Model, reach_m
from scenarios.planner import RoutePlan, plan
from scenarios.specs import RouteSpec, ScenarioSpec

# A trigger point belongs to the route when it lies this near to it; the leaderboard asks for its heading, too.
TRIGGER_NEAR_M = 2.0
TRIGGER_HEADING_DEG = 10.0
# Nobody means two places by them; lists of points every metre are no slip.
KEYPOINTS_APART_M = 0.5


def plan_route(carla_map: carla.Map, spec: RouteSpec) -> RoutePlan:
    """The way through a route's key points; ScenarioError names the route's file and line."""
    try:
        if not spec.leaves_out:
            _check_apart(spec.keypoints)
        return plan(carla_map, spec.keypoints)
    except ScenarioError as error:
        raise ScenarioError(f"{spec.source}: route {spec.id}: {error}") from error


def _check_apart(keypoints: Sequence[tuple[float, float, float]]) -> None:
    """One of two that are the same is a slip: written twice, or a number not changed after copying."""
    for number, ((x, y, _), (next_x, next_y, _)) in enumerate(pairwise(keypoints), 1):
        away_m = math.hypot(next_x - x, next_y - y)
        if away_m < KEYPOINTS_APART_M:
            raise ScenarioError(
                f"key points {number} and {number + 1} at ({x:.1f}, {y:.1f}) are {away_m:.1f} m apart, "
                f"which must be {KEYPOINTS_APART_M:g} m at least"
            )


def triggers(route: RoutePlan, spec: RouteSpec) -> list[tuple[ScenarioSpec, float]]:
    """The scenarios that are staged, each with how far along the route (m) its trigger point is."""
    return _placed(route, spec)[0]


def off_way(route: RoutePlan, spec: RouteSpec) -> dict[str, str]:
    """Why scenarios of a benchmark's file that nightloop could stage are left out on this way, by their names.

    A value that cannot be leaves its scenario out there, too: the leaderboard skips what it fails to set up.
    """
    return _placed(route, spec)[1]


def _placed(route: RoutePlan, spec: RouteSpec) -> tuple[list[tuple[ScenarioSpec, float]], dict[str, str]]:
    placed: list[tuple[ScenarioSpec, float]] = []
    unfit: dict[str, str] = {}
    for scenario in spec.scenarios:
        if scenario.type not in HAZARDS:
            continue
        _check_spelling(scenario)
        if not spec.leaves_out:
            _check_each_once(scenario)
        try:
            _check_values(scenario)
            placed.append((scenario, _trigger_m(route, scenario, heads_along=spec.leaves_out)))
        except ScenarioError as error:
            if not spec.leaves_out:
                raise
            unfit[scenario.name] = str(error)
    return placed, unfit


def _trigger_m(route: RoutePlan, scenario: ScenarioSpec, heads_along: bool) -> float:
    """How far along the route (m) a trigger point is; ScenarioError where it does not fit."""
    trigger = scenario.trigger
    where = f"{scenario.source}: trigger point of {scenario.name}"
    along_m, away_m = route.nearest(trigger.x, trigger.y)
    if away_m > TRIGGER_NEAR_M:
        raise ScenarioError(f"{where} is {away_m:.1f} m off the route")
    if heads_along:
        turns_deg = np.abs((route.yaw_deg - trigger.yaw + 180.0) % 360.0 - 180.0)
        distances_m = np.hypot(route.xyz[:, 0] - trigger.x, route.xyz[:, 1] - trigger.y)
        distances_m[turns_deg > TRIGGER_HEADING_DEG] = np.inf
        nearest = int(np.argmin(distances_m))
        if distances_m[nearest] > TRIGGER_NEAR_M:
            raise ScenarioError(f"{where} has a yaw of {trigger.yaw:g}, not that of the route")
        if abs(route.distance_m[nearest] - along_m) > 2.0 * TRIGGER_NEAR_M:  # the route crosses itself here
            along_m = float(route.distance_m[nearest])
    ahead_m = reach_m(scenario)
    if not 0.0 <= along_m + ahead_m <= route.length_m:
        raise ScenarioError(
            f"{scenario.source}: {scenario.name} lies outside the route: its trigger point at {along_m:.0f} m "
            f"and its distance of {ahead_m:g} m, on a route of {route.length_m:.0f} m"
        )
    return along_m


def _check_spelling(scenario: ScenarioSpec) -> None:
    """A parameter of a name that nobody reads would leave the default in force without a word."""
    known = PARAMETERS[scenario.type]
    for name in sorted(scenario.parameters.keys() - set(known)):
        if meant := difflib.get_close_matches(name, known, n=1, cutoff=0.8):
            raise ScenarioError(f"{scenario.source}: {scenario.name} has <{name}>: did you mean <{meant[0]}>?")


def _check_each_once(scenario: ScenarioSpec) -> None:
    """The first would be passed over without a word."""
    for name, source in scenario.repeated.items():
        raise ScenarioError(f"{source}: <{name}> of {scenario.name} stands twice")


def _check_values(scenario: ScenarioSpec) -> None:
    """As whoever stages it reads them: a mistake would else be found drive by drive, or by nobody."""
    for name, parameter in PARAMETERS[scenario.type].items():
        if name in scenario.parameters:
            parameter.check(scenario, name)


def check_models(spec: RouteSpec, known: Collection[str]) -> None:
    """Whether a server with the blueprints `known` has what hazards are to be; a benchmark's are left out there."""
    if spec.leaves_out:
        return
    for scenario in spec.scenarios:
        for name, parameter in PARAMETERS.get(scenario.type, {}).items():
            if name in scenario.parameters and isinstance(parameter, Model):
                parameter.check_known(scenario, name, known)


def not_staged(spec: RouteSpec) -> dict[str, str]:
    """Why scenarios of types that nightloop has not are left out, by their names."""
    return {
        s.name: f"{s.source}: {s.name} is of type {s.type}, which nightloop does not stage"
        for s in spec.scenarios
        if s.type not in HAZARDS
    }


def title_of(spec: RouteSpec, missing: Collection[str] = ()) -> str:
    """What happens on a route, as far as it is staged, in the words of its file; `missing`: what else is left out."""
    absent = {*not_staged(spec), *missing}
    return ", ".join(f"{s.name} (left out)" if s.name in absent else s.name for s in spec.scenarios)


def left_out(routes: Sequence[RouteSpec]) -> list[str]:
    """One line for each type of scenario that route files name and nightloop does not stage."""
    counts = Counter(s.type for spec in routes for s in spec.scenarios if s.type not in HAZARDS)
    return [
        f"left out: {count} of type {kind}, which nightloop does not stage (it stages {', '.join(sorted(HAZARDS))})"
        for kind, count in sorted(counts.items())
    ]
