"""One place by day, night, fog and rain as every camera sees it: RGB, thermal, depth and instances side by side.

python -m validation.contact_sheet OUT.jpg [--town Elm02] [--place 0] [--size 480x270]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.fog import CLEAR_VISIBILITY_M, fog_density
from sensors.rain import rain_mm_h
from sensors.thermal import Ambient, ThermalCamera, preset
from simulator.options import CommandParser, picture_size, town, whole, written
from simulator.render.camera import CameraModel
from simulator.render.contact_sheet import camera_pose, depth_picture, instance_picture, staged
from simulator.render.renderer import Renderer
from simulator.towns import Town, build_town
from simulator.types import WeatherParameters
from validation.stage import actor_states, camera_frames

DAY_SUN, NIGHT_SUN = 42.0, -40.0
LABEL_PX = 22


@dataclass(frozen=True)
class Row:
    title: str
    altitude_deg: float
    visibility_m: float = CLEAR_VISIBILITY_M
    precipitation: float = 0.0

    @property
    def lit(self) -> bool:
        return self.altitude_deg < 0.0

    @property
    def weather(self) -> WeatherParameters:
        rain = self.precipitation
        foggy = self.visibility_m < CLEAR_VISIBILITY_M
        return WeatherParameters(
            cloudiness=100.0 if rain else 60.0 if foggy else 20.0,
            sun_altitude_angle=self.altitude_deg,
            sun_azimuth_angle=60.0,
            fog_density=fog_density(self.visibility_m),
            precipitation=rain,
            precipitation_deposits=rain,
            wetness=rain if rain else 20.0 if foggy else 0.0,
        )

    @property
    def ambient(self) -> Ambient:
        damp = self.visibility_m < CLEAR_VISIBILITY_M or self.precipitation > 0.0
        return Ambient(
            air_temperature_c=6.0 if self.lit else 14.0,
            relative_humidity=0.98 if damp else 0.7,
            cloudiness=self.weather.cloudiness,
            local_time_h=21.0 if self.lit else 14.0,
            visibility_m=self.visibility_m,
            rain_mm_h=rain_mm_h(self.precipitation),
            wetness=self.weather.wetness / 100.0,
            puddles=self.weather.precipitation_deposits / 100.0,
        )


ROWS = (
    Row("day", DAY_SUN),
    Row("night", NIGHT_SUN),
    Row("night, fog 200 m", NIGHT_SUN, 200.0),
    Row("night, fog 100 m", NIGHT_SUN, 100.0),
    Row("night, fog 50 m", NIGHT_SUN, 50.0),
    Row("day, fog 50 m", DAY_SUN, 50.0),
    Row("day, rain", DAY_SUN, precipitation=80.0),
    Row("night, rain", NIGHT_SUN, precipitation=80.0),
)


def sheet(town: Town, place: int, width: int, height: int, rows: Sequence[Row] = ROWS) -> NDArray[np.uint8]:
    """(rows * (height + label), 4 * width, 3) uint8 BGR."""
    renderer = Renderer(town, threads=1, seed=0)
    pose = camera_pose(town, place)
    rgb = CameraModel(width, height, 90.0, "rgb")
    strips = []
    for number, row in enumerate(rows):
        scene = staged(town, place, row.weather, row.lit, 20 * number + 1)
        frames = camera_frames(renderer, rgb, pose, scene)
        colour = renderer.image(number, rgb, pose, scene)[..., :3]
        config = replace(preset("adk"), windows=True)
        thermal = ThermalCamera(config, width, height, 90.0, row.ambient, seed=1)
        grey = thermal.image(replace(frames, time_s=1.0), actor_states(scene, row.ambient)).counts
        depth, labels = (
            renderer.image(number, CameraModel(width, height, 90.0, kind), pose, scene)
            for kind in ("depth", "instance_segmentation")
        )
        pictures = [colour, np.dstack([grey] * 3), depth_picture(depth), instance_picture(labels)]
        bar = np.full((LABEL_PX, 4 * width, 3), 255, np.uint8)
        for column, name in enumerate((f"{row.title}: RGB", "thermal, 5 um droplets", "depth", "instances")):
            place_px = (column * width + 6, LABEL_PX - 7)
            cv2.putText(bar, name, place_px, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
        strips += [bar, np.hstack(pictures)]
    renderer.close()
    return np.vstack(strips)


def write(path: Path, town: str = "Elm02", place: int = 0, width: int = 480, height: int = 270) -> bool:
    """Whether it could. A .jpg is kept small; any other suffix that OpenCV knows will do."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88] if path.suffix in (".jpg", ".jpeg") else []
    return cv2.imwrite(str(path), sheet(build_town(town), place, width, height), quality)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser(prog="python -m validation.contact_sheet", description=__doc__)
    parser.add_argument("out", type=written((".png", ".jpg")), help="the picture: .png or .jpg")
    parser.add_argument("--town", type=town, default="Elm02")
    parser.add_argument("--place", type=whole(0), default=0, help="number of the spawn point")
    parser.add_argument("--size", type=picture_size, default="480x270")
    chosen = parser.parse_args(arguments)
    if not write(chosen.out, chosen.town, chosen.place, *chosen.size):
        parser.error(f"cannot write {chosen.out}")


if __name__ == "__main__":
    main()
