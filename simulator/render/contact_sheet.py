"""Draws one place of a town by day, night, fog and night fog, as colour, depth and instances side by side.

python -m simulator.render.contact_sheet OUT.png [--town Elm02]
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.fog import fog_density
from simulator.models import palette_of
from simulator.options import CommandParser, field_of_view, picture_size, town, whole, written
from simulator.render.camera import CameraModel, rotation_matrix
from simulator.render.renderer import Renderer
from simulator.towns import Town, build_town
from simulator.types import TrafficLightState, VehicleLightState, WeatherParameters
from simulator.world.view import SceneView

WEATHERS: dict[str, tuple[WeatherParameters, bool]] = {
    "day": (WeatherParameters(cloudiness=20.0, sun_altitude_angle=42.0, sun_azimuth_angle=60.0), False),
    "dusk": (WeatherParameters(cloudiness=30.0, sun_altitude_angle=-1.0, sun_azimuth_angle=20.0), True),
    "night": (WeatherParameters(cloudiness=20.0, sun_altitude_angle=-40.0), True),
    "fog 60 m": (WeatherParameters(cloudiness=60.0, sun_altitude_angle=42.0, fog_density=fog_density(60.0)), False),
    "night fog 60 m": (
        WeatherParameters(cloudiness=60.0, sun_altitude_angle=-40.0, fog_density=fog_density(60.0), wetness=20.0),
        True,
    ),
}
"""Weather, and whether lamps are lit."""
LIT = int(VehicleLightState.POSITION | VehicleLightState.LOW_BEAM)
CAMERA_POSE = (1.3, 0.0, 1.7)
"""Of the camera in the ego's axes, m."""


def ego_pose(town: Town, number: int) -> tuple[float, float, float, float]:
    """x, y, z in metres, on the ground, and yaw in degrees of a spawn point."""
    spawn = town.spawn_points[number % len(town.spawn_points)]
    x, y, z = spawn.location
    return x, y, land_height_m(town, x, y, z), spawn.rotation.yaw


def land_height_m(town: Town, x: float, y: float, near_z: float) -> float:
    return 0.0 if town.relief is None else float(town.relief.at([[x, y]], [near_z])[0])


def staged(town: Town, number: int, weather: WeatherParameters, lit: bool, frame: int) -> SceneView:
    """The ego, traffic on the lanes ahead, people on and beside the road at 12, 25 and 40 m, and all the signals."""
    x, y, z, yaw = ego_pose(town, number)
    forward = np.array([np.cos(np.radians(yaw)), np.sin(np.radians(yaw))])
    right = np.array([-forward[1], forward[0]])
    rng = np.random.default_rng(number)
    actors: list[tuple[str, float, float, float, float, int]] = [
        ("vehicle.lincoln.mkz_2020", x, y, z, yaw, LIT if lit else 0)
    ]
    cars = ("vehicle.tesla.model3", "vehicle.nissan.micra", "vehicle.mercedes.sprinter", "vehicle.audi.tt")
    lanes = town.lanes
    offset = np.asarray(lanes.xyz[:, :2], float) - [x, y]
    ahead, aside = offset @ forward, offset @ right
    for low, high in ((30.0, 36.0), (48.0, 54.0), (75.0, 81.0), (110.0, 116.0)):
        near = np.flatnonzero((ahead > low) & (ahead < high) & (np.abs(aside) < 8.0))
        if len(near) == 0:
            continue
        i = int(rng.choice(near))
        same_way = np.cos(np.radians(float(lanes.yaw_deg[i]) - yaw)) > 0.5
        flags = (LIT if lit else 0) | (int(VehicleLightState.BRAKE) if same_way and low < 40.0 else 0)
        px, py, pz = (float(v) for v in lanes.xyz[i])
        actors.append((cars[i % len(cars)], px, py, pz, float(lanes.yaw_deg[i]), flags))
    for distance, side in ((12.0, 3.6), (25.0, -1.2), (40.0, 1.0)):
        px, py = np.array([x, y]) + distance * forward + side * right
        actors.append(
            (
                f"walker.pedestrian.{3 + int(distance) % 40:04d}",
                px,
                py,
                land_height_m(town, px, py, z) + 0.93,
                yaw + 80.0,
                0,
            )
        )
    bx, by = np.array([x, y]) + 20.0 * forward - 3.4 * right
    actors.append(("vehicle.bh.crossbike", bx, by, land_height_m(town, bx, by, z), yaw + 180.0, LIT if lit else 0))
    for site in town.traffic_lights:
        p, state = site.transform, (TrafficLightState.RED, TrafficLightState.GREEN)[site.phase % 2]
        actors.append(("traffic.traffic_light", *p.location, p.rotation.yaw, 1 << state))
    for kind, signs in (("traffic.stop", town.stop_signs), ("traffic.yield", town.yield_signs)):
        actors.extend((kind, *sign.transform.location, sign.transform.rotation.yaw, 0) for sign in signs)
    poses = [np.column_stack([rotation_matrix(0.0, a[4], 0.0), a[1:4]]) for a in actors]
    return SceneView(
        frame=frame,
        elapsed_s=0.05 * frame,
        delta_s=0.05,
        weather=weather,
        ids=np.arange(200, 200 + len(actors), dtype=np.int32),
        models=tuple(a[0] for a in actors),
        poses=np.array(poses, np.float32),
        gait=np.linspace(0.0, 0.99, len(actors), dtype=np.float32),
        lights=np.array([a[5] for a in actors], np.uint32),
        palettes=np.stack([palette_of(a[0], "", k) for k, a in enumerate(actors)]).astype(np.float32),
        lamps_on=np.full(len(town.street_lamps), float(lit), np.float32),
    )


def camera_pose(town: Town, number: int) -> tuple[float, float, float, float, float, float]:
    x, y, z, yaw = ego_pose(town, number)
    forward = np.array([np.cos(np.radians(yaw)), np.sin(np.radians(yaw))])
    px, py = np.array([x, y]) + CAMERA_POSE[0] * forward
    return float(px), float(py), z + CAMERA_POSE[2], 0.0, yaw, 0.0


def depth_picture(bgra: NDArray[np.uint8]) -> NDArray[np.uint8]:
    code = bgra[..., 2].astype(float) + 256.0 * bgra[..., 1] + 65536.0 * bgra[..., 0]
    metres = np.maximum(code / (2**24 - 1) * 1000.0, 1.0)
    grey = np.clip(255.0 - 255.0 * np.log(metres) / np.log(300.0), 0, 255).astype(np.uint8)
    return np.dstack([grey] * 3)


def instance_picture(bgra: NDArray[np.uint8]) -> NDArray[np.uint8]:
    code = bgra[..., 0].astype(np.uint32) << 16 | bgra[..., 1].astype(np.uint32) << 8 | bgra[..., 2]
    mixed = code * np.uint32(2654435761)
    return np.dstack([(mixed >> np.uint32(s)).astype(np.uint8) for s in (8, 16, 24)])


def sheet(town: Town, number: int, width: int, height: int, fov_deg: float, names: Sequence[str]) -> NDArray[np.uint8]:
    renderer = Renderer(town, threads=1, seed=0)
    pose = camera_pose(town, number)
    rows = []
    for frame, name in enumerate(names):
        weather, lit = WEATHERS[name]
        view = staged(town, number, weather, lit, frame + 1)
        rgb, depth, instances = (
            renderer.image(frame, CameraModel(width, height, fov_deg, kind), pose, view)
            for kind in ("rgb", "depth", "instance_segmentation")
        )
        rows.append(np.hstack([rgb[..., :3], depth_picture(depth), instance_picture(instances)]))
    renderer.close()
    return np.vstack(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser(prog="python -m simulator.render.contact_sheet", description=__doc__)
    parser.add_argument("out", type=written((".png", ".jpg")), help="the picture: .png or .jpg")
    parser.add_argument("--town", type=town, default="Elm02")
    parser.add_argument("--place", type=whole(0), default=0, help="number of the spawn point")
    parser.add_argument("--size", type=picture_size, default="640x360")
    parser.add_argument("--fov", type=field_of_view, default=90.0)
    parser.add_argument("--weather", choices=list(WEATHERS), action="append", help="may be given more than once")
    chosen = parser.parse_args(arguments)
    names = chosen.weather or list(WEATHERS)
    width, height = chosen.size
    picture = sheet(build_town(chosen.town), chosen.place, width, height, chosen.fov, names)
    if not cv2.imwrite(str(chosen.out), picture):
        parser.error(f"cannot write {chosen.out}")


if __name__ == "__main__":
    main()
