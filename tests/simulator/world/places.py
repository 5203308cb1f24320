"""A flat town for tests: a crossroads with lights, a sidewalk, a wall and a lamp post, far away from each other."""

from __future__ import annotations

import numpy as np

from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.towns.town import (
    GroundGrid,
    LaneSamples,
    Obstacle,
    SpeedLimitSite,
    StopSignSite,
    StreetLamp,
    Town,
    TrafficLightSite,
)
from simulator.types import (
    ActorAttributeValue,
    ActorDescription,
    AttributeType,
    BoundingBox,
    CityObjectLabel,
    Rotation,
    Transform,
    Vector3D,
)
from simulator.world.world import World

CAR = "vehicle.lincoln.mkz_2020"
PEDESTRIAN = "walker.pedestrian.0003"
WALL_X = 100.0
KERB_Y = 50.0
"""From here on the ground is a sidewalk, 0.15 m high."""
JUNCTION = (0.0, -200.0)
STOP_LINE_M = 10.0  # from the middle of the junction
GEOREFERENCE = "+proj=tmerc +lat_0=49.0 +lon_0=8.0 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"


def _light(signal_id: str, travel_yaw: float, phase: int) -> TrafficLightSite:
    """A light for traffic that goes `travel_yaw`, its stop line 10 m before the middle; pole on the far right."""
    yaw = np.radians(travel_yaw)
    ahead, right = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    pole = np.array(JUNCTION) + STOP_LINE_M * ahead + 5.0 * right
    # in the actor's frame x is the driver's right and y points back at the driver
    trigger = BoundingBox(Vector3D(-3.0, 2 * STOP_LINE_M + 5.0, 1.0), Vector3D(1.65, 5.0, 1.0))
    line = [np.array(JUNCTION) - STOP_LINE_M * ahead + s * right for s in (0.25, 3.75)]
    return TrafficLightSite(
        signal_id,
        Transform(Vector3D(*pole.tolist(), 0.15), Rotation(yaw=travel_yaw + 90.0)),
        trigger,
        "7",
        phase,
        (Vector3D(*line[0].tolist(), 0.0), Vector3D(*line[1].tolist(), 0.0)),
    )


def _mesh() -> Mesh:
    """Road up to the kerb, sidewalk beyond it, the wall and the post."""
    builder = MeshBuilder()
    for y0, y1, z, material in ((-500, KERB_Y, 0.0, Material.ASPHALT), (KERB_Y, 500, 0.15, Material.PAVING)):
        builder.quads([[[-500, y0, z], [500, y0, z], [500, y1, z], [-500, y1, z]]], material)
    builder.object_id = 1
    builder.box([WALL_X + 1.0, 0.0, 2.0], [1.0, 10.0, 2.0], Material.PLASTER)
    builder.object_id = 2
    builder.box([0.0, 100.0, 2.0], [0.1, 0.1, 2.0], Material.POLE, yaw_deg=30.0)
    return builder.build()


def make_town() -> Town:
    cell = 2.0
    heights = np.zeros((500, 500), np.float32)
    heights[int((KERB_Y + 500.0) / cell) :, :] = 0.15
    x = np.arange(-400.0, 400.0, 2.0)
    flat = np.zeros_like(x)
    lanes = LaneSamples(
        np.stack([np.r_[x, x], np.r_[flat, flat - 200.0], np.r_[flat, flat]], axis=1).astype(np.float32),
        np.zeros(2 * len(x), np.float32),
        np.r_[flat + 50.0, flat + 30.0].astype(np.float32),
        np.full(2 * len(x), 3.5, np.float32),
        np.ones(2 * len(x), np.int32),
        np.full(2 * len(x), -1, np.int32),
    )
    wall = BoundingBox(Vector3D(WALL_X + 1.0, 0.0, 2.0), Vector3D(1.0, 10.0, 2.0))
    post = BoundingBox(Vector3D(0.0, 100.0, 2.0), Vector3D(0.1, 0.1, 2.0), Rotation(yaw=30.0))
    return Town(
        name="Flat01",
        opendrive=f"<OpenDRIVE><header><geoReference><![CDATA[{GEOREFERENCE}]]></geoReference></header></OpenDRIVE>",
        spawn_points=(Transform(Vector3D(0.0, 0.0, 0.4)),),
        mesh=_mesh(),
        obstacles=(
            Obstacle(wall, CityObjectLabel.BUILDINGS, 1, "house"),
            Obstacle(post, CityObjectLabel.POLES, 2, "post"),
        ),
        street_lamps=(
            StreetLamp(1, Vector3D(0.0, 100.0, 6.0), 9000.0),
            StreetLamp(2, Vector3D(30.0, 100.0, 6.0), 9000.0),
        ),
        traffic_lights=tuple(_light(str(100 + k), yaw, k % 2) for k, yaw in enumerate((0.0, 90.0, 180.0, -90.0))),
        stop_signs=(
            StopSignSite("200", Transform(Vector3D(200.0, 5.0, 0.0)), BoundingBox(extent=Vector3D(2.0, 2.0, 1.0))),
        ),
        speed_limits=(SpeedLimitSite("300", Transform(Vector3D(220.0, 5.0, 0.0)), 50),),
        lanes=lanes,
        crosswalks=(),
        ground=GroundGrid(heights, (-500.0, -500.0), cell),
    )


def make_world(seed: int = 0) -> World:
    return World(make_town(), seed)


def describe(blueprint_id: str, **attributes: object) -> ActorDescription:
    return ActorDescription(
        0, blueprint_id, tuple(ActorAttributeValue(k, AttributeType.STRING, str(v)) for k, v in attributes.items())
    )


def put(
    world: World, blueprint_id: str, x: float, y: float, yaw: float = 0.0, z: float = 0.0, **attributes: object
) -> int:
    """Spawns and settles nothing: the actor's id."""
    transform = Transform(Vector3D(x, y, z), Rotation(yaw=yaw))
    return world.spawn(describe(blueprint_id, **attributes), transform).id


def attach(
    world: World, blueprint_id: str, parent: int, x: float = 0.0, z: float = 0.0, yaw: float = 0.0, **more: object
) -> int:
    return world.spawn(describe(blueprint_id, **more), Transform(Vector3D(x, 0.0, z), Rotation(yaw=yaw)), parent).id


def run(world: World, seconds: float, delta_s: float = 0.05) -> None:
    for _ in range(round(seconds / delta_s)):
        world.step(delta_s)


def speed(world: World, actor_id: int) -> float:
    v = world.bodies.velocity(world.actors[actor_id].row)
    return float(np.hypot(v.x, v.y))
