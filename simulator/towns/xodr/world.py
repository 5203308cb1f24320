"""A town from any OpenDRIVE text: roads meshed lane by lane, land, signs, scenery, spawn points.

What `carla.Map` knows (landmarks) is asked of it, the rest is read from the text, so that a client's map and this town
agree. Roads are level across: superelevation is ignored, as CARLA's map ignores it.
"""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulator.render.mesh import MeshBuilder
from simulator.towns.curves import Array
from simulator.towns.sites import SAMPLE_STEP_M, SPAWN_HEIGHT_M, SPAWN_STEP_M, yaw_deg
from simulator.towns.town import LaneSamples, Town
from simulator.towns.xodr import paint, roads, scenery
from simulator.towns.xodr.geometry import CentreLine
from simulator.towns.xodr.lanes import Strip, section_ends, section_strips, strips
from simulator.towns.xodr.reader import parse_opendrive
from simulator.towns.xodr.records import GenerationParameters, OpenDrive, OpenDriveError, Road
from simulator.towns.xodr.signs import Signs, StopPlace, signs_of
from simulator.towns.xodr.terrain import Terrain, add_land, kerb_steps, terrain_of
from simulator.types import Rotation, Transform, Vector3D

DEFAULT_LIMIT_KMH = 50.0
SPAWN_CLEAR_M = 12.0
MOST_SPAWN_POINTS = 400
STOP_LINE_M = 0.4
_MAP_CHECK_S = 120.0


def check_opendrive(text: str) -> OpenDrive:
    """Raises OpenDriveError unless both this reader and CARLA's client can read the text.

    The client's parser runs in a process of its own, because some texts end the process that reads them.
    """
    found = parse_opendrive(text)
    command = [sys.executable, "-c", "import carla, sys; carla.Map('map', sys.stdin.read()).get_all_landmarks()"]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_MAP_CHECK_S)
    except subprocess.TimeoutExpired:
        raise OpenDriveError(f"carla.Map takes more than {_MAP_CHECK_S:.0f} s to read it") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it crashed"])[-1]
        raise OpenDriveError(f"carla.Map cannot read it: {last}")
    return found


def town_from_opendrive(
    text: str, name: str, parameters: GenerationParameters | None = None, seed: int | None = None
) -> Town:
    """The same bytes for the same text. seed: of the scenery; drawn from the text if None. Raises OpenDriveError."""
    import carla

    parameters = parameters or GenerationParameters()
    found = parse_opendrive(text)
    carla_map = carla.Map(name, text)
    step_m = min(10.0, max(0.5, parameters.vertex_distance_m))
    lanes = {road.id: list(strips(road, step_m)) for road in found.roads.values()}
    every = [lane for own in lanes.values() for lane in own]
    terrain = terrain_of(list(found.roads.values()))
    ground = kerb_steps(every, terrain.low, terrain.high)
    samples = _lane_samples(found)
    signs = signs_of(found, carla_map, terrain, ground, samples)
    crosswalks = [
        (paint.crosswalk_polygon(road, thing), road, thing.s)
        for road in found.roads.values()
        for thing in road.objects
        if thing.type == "crosswalk"
    ]
    builder = MeshBuilder()
    if parameters.is_visible:
        _add_roads(builder, found, lanes, terrain, parameters.additional_width_m)
        for polygon, road, s in crosswalks:
            heading = float(CentreLine(road).at(np.array(s))[2])
            paint.add_zebra(builder, polygon, -heading, terrain)
        for line in signs.lines:
            for place in line:
                _add_stop_line(builder, found, place)
    add_land(builder, terrain)
    scene = scenery.scenery(
        builder,
        list(found.roads.values()),
        lanes,
        terrain,
        _poles(signs),
        zlib.crc32(text.encode()) if seed is None else seed,
    )
    for road in found.roads.values():
        scenery.add_barriers(scene, road)
        if parameters.wall_height_m > 0.0 and road.junction == -1:
            scenery.add_walls(scene, road, parameters.wall_height_m)
    return Town(
        name=name,
        opendrive=text,
        spawn_points=_spawn_points(found),
        mesh=builder.build(),
        obstacles=tuple(scene.obstacles),
        street_lamps=tuple(scene.lamps),
        traffic_lights=signs.lights,
        stop_signs=signs.stops,
        speed_limits=signs.limits,
        lanes=samples,
        crosswalks=tuple(polygon.astype(np.float32) for polygon, *_ in crosswalks),
        ground=ground,
        relief=terrain.relief,
        yield_signs=signs.yields,
    )


def _poles(signs: Signs) -> Array:
    kinds = (signs.lights, signs.stops, signs.yields, signs.limits)
    places = [site.transform.location[:2] for sites in kinds for site in sites]
    return np.array(places, np.float64).reshape(-1, 2)


def _add_roads(
    builder: MeshBuilder, found: OpenDrive, lanes: dict[int, list[Strip]], terrain: Terrain, wider_m: float
) -> None:
    plans = {}
    for junction in found.junctions.values():
        inside = [road.id for road in found.roads.values() if road.junction == junction.id]
        plan = plans[junction.id] = roads.junction_plan([lane for id in inside for lane in lanes[id]])
        if plan is not None:
            roads.add_junction_fill(builder, plan, terrain)
    for road in found.roads.values():
        own = lanes[road.id]
        for lane in own:
            roads.add_lane(builder, _widened(lane, wider_m) if road.junction != -1 else lane)
            roads.add_soffits(builder, lane, terrain)
        for outermost in _outermost(own):
            roads.add_border(builder, outermost, terrain, plans.get(road.junction))
        paint.add_lane_marks(builder, road, own, plans.get(road.junction))


def _widened(lane: Strip, by_m: float) -> Strip:
    if not lane.is_driving or by_m <= 0.0:
        return lane
    aside = (by_m if lane.lane.id > 0 else -by_m) / 2
    return replace(lane, inner=lane.inner - aside, outer=lane.outer + aside)


def _outermost(lanes: Sequence[Strip]) -> list[Strip]:
    """The last built lane on each side of each section; a road without lanes on one side ends at its centre line."""
    last: dict[tuple[float, bool], Strip] = {}
    for lane in lanes:
        if lane.surface is not None:
            key = (lane.section.s, lane.lane.id > 0)
            if key not in last or abs(lane.lane.id) > abs(last[key].lane.id):
                last[key] = lane
    for start, left in list(last):
        if (start, not left) not in last:
            first = next(other for other in lanes if other.section.s == start and abs(other.lane.id) == 1)
            last[start, not left] = replace(
                first, inner=first.inner, outer=first.inner, lane=replace(first.lane, id=-first.lane.id, type="border")
            )
    return list(last.values())


def _add_stop_line(builder: MeshBuilder, found: OpenDrive, place: StopPlace) -> None:
    """Across the lane on its last metre before the signal's line, or before the junction where that is a road's end."""
    road = found.roads[place.road]
    if road.junction != -1:
        return
    line = CentreLine(road)
    x, y, _ = line.at(s := np.linspace(0.0, road.length, max(2, int(road.length * 2.0))))
    nearest = float(s[np.argmin(np.hypot(x - place.point[0], -y - place.point[1]))])
    a = min(max(0.05, nearest - STOP_LINE_M / 2), road.length - STOP_LINE_M - 0.05)
    at = np.array([a, a + STOP_LINE_M])
    lane = next(strip for strip in _strips_at(road, at) if strip.lane.id == place.lane)
    sides = np.sort(np.stack([lane.inner, lane.outer]), axis=0)
    paint.paint(builder, line, at, sides[0] + 0.15, sides[1] - 0.15)


def _strips_at(road: Road, s: Array) -> list[Strip]:
    section = [section for section, start, _ in section_ends(road) if s[0] >= start - 1e-6][-1]
    return list(section_strips(CentreLine(road), section, s))


def _lane_samples(found: OpenDrive) -> LaneSamples:
    rows: list[NDArray[np.float64]] = []
    for road in found.roads.values():
        for lane in strips(road, SAMPLE_STEP_M):
            if not lane.is_driving:
                continue
            heading = lane.line.at(lane.s)[2] + (0.0 if lane.forward else np.pi)
            columns = [
                lane.points(0.5),
                np.array([yaw_deg(float(h)) for h in heading])[:, None],
                lane.speed_limit_kmh(_default_limit_kmh(road))[:, None],
                lane.width_m[:, None],
                np.full((len(lane.s), 1), float(road.id)),
                np.full((len(lane.s), 1), float(lane.lane.id)),
            ]
            table = np.concatenate(columns, axis=1)
            rows.append(table if lane.forward else table[::-1])
    table = np.concatenate(rows)
    return LaneSamples(
        np.ascontiguousarray(table[:, :3], np.float32),
        table[:, 3].astype(np.float32),
        table[:, 4].astype(np.float32),
        table[:, 5].astype(np.float32),
        table[:, 6].astype(np.int32),
        table[:, 7].astype(np.int32),
    )


def _default_limit_kmh(road: Road) -> float:
    """Where no road type says it: of the first speed limit sign on the road."""
    signs = [signal.value for signal in road.signals if signal.type == "274" and signal.value > 0.0]
    return signs[0] if signs else DEFAULT_LIMIT_KMH


def _spawn_points(found: OpenDrive) -> tuple[Transform, ...]:
    """On the lanes outside junctions, about 20 m apart (more in large maps), away from the ends of roads."""
    total = sum(
        lane.s[-1] - lane.s[0]
        for road in found.roads.values()
        if road.junction == -1
        for lane in strips(road, 50.0)
        if lane.lane.type == "driving"
    )
    step = max(SPAWN_STEP_M, total / MOST_SPAWN_POINTS)
    points = []
    for road in found.roads.values():
        if road.junction != -1:
            continue
        for lane in strips(road, SAMPLE_STEP_M):
            start, end = float(lane.s[0]), float(lane.s[-1])
            clear = min(SPAWN_CLEAR_M, (end - start) / 3)
            if lane.lane.type != "driving" or end - start < 9.0:
                continue
            count = max(1, int((end - start - 2 * clear) / step) + 1)
            wanted = np.linspace(start + clear, end - clear, count) if count > 1 else np.array([(start + end) / 2])
            for s in wanted:
                t, width = np.interp(s, lane.s, (lane.inner + lane.outer) / 2), np.interp(s, lane.s, lane.width_m)
                if width < 2.4:
                    continue
                x, y, z = lane.line.point(float(s), float(t), SPAWN_HEIGHT_M).tolist()
                grade = float(lane.line.grade(float(s))) * (1.0 if lane.forward else -1.0)
                heading = float(lane.line.at(float(s))[2]) + (0.0 if lane.forward else np.pi)
                rotation = Rotation(float(np.degrees(np.arctan(grade))), yaw_deg(heading), 0.0)
                points.append(Transform(Vector3D(x, y, z), rotation))
    return tuple(points)
