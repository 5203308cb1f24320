"""Measures what visibility each fog density has on a CARLA server, from depth and the contrast of RGB pictures.

python -m sensors.calibrate_fog --carla HOST:PORT --out fog.json

Fog at range d leaves the share exp(-b d) of every difference in brightness. The same view is taken without fog and at
each density, exposure held; in each ring of ranges (depth camera) the slope of the foggy picture over the clear one is
that share, whatever the air adds to both, and the fall of its logarithm over the rings is the extinction b. Visibility
is 3.912 / b (contrast of 2 %). The harness takes the file with --fog-table.
"""

from __future__ import annotations

import argparse
import json
import math
import queue
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import carla
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from sensors.fog import CLEAR_VISIBILITY_M, KOSCHMIEDER
from sensors.fog_table import FogTable, FogTableError
from sensors.frames import decode
from sensors.listening import Listening

DENSITIES = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)
WIDTH, HEIGHT, FOV_DEG = 640, 360, 60.0
CAMERA_HEIGHT_M = 2.2
SETTLE_TICKS, AVERAGED_TICKS = 3, 8
RING_GROWTH, NEAREST_M, FARTHEST_M = 1.12, 2.5, 800.0
FEWEST_PIXELS = 150
LEAST_SHARE = 0.02
BEND = 0.02
OUT_OF_RANGE_M = 1e6
BRIGHTEST = (0.25, 0.42)
"""Linear signal that the brightest parts should have: above it tone curves bend, far below it 8 bits are coarse."""
EXPOSURE_TRIES = 8
TIMEOUT_S, CONNECT_S = 300.0, 5.0
UNTOUCHED = {"bloom_intensity": "0", "lens_flare_intensity": "0", "motion_blur_intensity": "0"}


class CalibrationError(RuntimeError):
    """The server or the view cannot be used for calibration; one line that says what to do."""


@dataclass(frozen=True, eq=False)
class View:
    """One place: mean linear luminance (H, W) without fog, range (H, W) along the ray, m."""

    clear: NDArray[np.float64]
    range_m: NDArray[np.float64]


@dataclass(frozen=True)
class Ring:
    """Share of contrast that is left at one range, and the deviation of its logarithm."""

    range_m: float
    share: float
    deviation: float


def raised(place: carla.Transform, height_m: float) -> carla.Transform:
    """A new transform: the spawn point is looked from again."""
    where = place.location
    return carla.Transform(carla.Location(where.x, where.y, where.z + height_m), place.rotation)


def edges(planar_m: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(H, W) pixels at an edge or next to one, from depth along the optical axis.

    There a lens mixes near and far, which looks like less fog. On a plane 1 / depth is linear in the picture: an edge
    is where it bends.
    """
    inverse = 1.0 / np.maximum(planar_m, 0.1)
    bend = np.zeros(inverse.shape, np.uint8)
    for axis in (0, 1):
        turn = np.abs(np.diff(inverse, 2, axis=axis))
        inner = [slice(None), slice(None)]
        inner[axis] = slice(1, -1)
        bend[tuple(inner)] |= (turn > BEND * inverse[tuple(inner)]).astype(np.uint8)
    return cv2.dilate(bend, np.ones((5, 5), np.uint8)) > 0


def rings(view: View, foggy: NDArray[np.float64]) -> list[Ring]:
    """Slopes of `foggy` (H, W) over the clear picture by rings of range; rings without contrast are left out."""
    bounds = [NEAREST_M]
    while bounds[-1] < FARTHEST_M:
        bounds.append(bounds[-1] * RING_GROWTH)
    number = np.digitize(view.range_m, bounds)
    found = []
    for k in range(1, len(bounds)):
        inside = number == k
        count = int(inside.sum())
        if count < FEWEST_PIXELS:
            continue
        x, y, d = view.clear[inside], foggy[inside], view.range_m[inside]
        # Within a ring the air's own light grows with range: what goes along with range is taken out of both.
        across = np.stack([np.ones(count), d - d.mean()])
        x = x - across.T @ np.linalg.lstsq(across.T, x, rcond=None)[0]
        y = y - across.T @ np.linalg.lstsq(across.T, y, rcond=None)[0]
        spread = float(x @ x)
        if spread / count < 1e-5:
            continue
        slope = float(x @ y) / spread
        left_over = y - slope * x
        error = math.sqrt(float(left_over @ left_over) / max(count - 2, 1) / spread)
        # Neighbouring pixels share textures and lamps: a tenth of them counts as independent.
        error *= math.sqrt(10.0)
        if slope > max(LEAST_SHARE, 3.0 * error):
            found.append(Ring(float(np.mean(d)), slope, error / slope))
    return found


def extinction_per_m(places: Sequence[Sequence[Ring]]) -> tuple[float, float]:
    """Fog's extinction and its deviation: weighted least squares of ln share over range, an offset per place.

    The offset takes up that light under fog is another than in clear air, the same on all ranges.
    """
    used = [found for found in places if len(found) >= 2]
    if not used:
        raise CalibrationError("too little contrast in view: choose another --place, or a town with longer streets")
    rows, logs, weights = [], [], []
    for number, found in enumerate(used):
        for ring in found:
            offsets = [1.0 if k == number else 0.0 for k in range(len(used))]
            rows.append([-ring.range_m, *offsets])
            logs.append(math.log(ring.share))
            # Lighting that differs from surface to surface leaves 2 % at least.
            weights.append(1.0 / math.hypot(ring.deviation, 0.02))
    a, b, w = np.array(rows), np.array(logs), np.array(weights)
    solution, *_ = np.linalg.lstsq(a * w[:, None], b * w, rcond=None)
    residual = (a @ solution - b) * w
    variance = float(residual @ residual) / max(len(b) - a.shape[1], 1)
    covariance = np.linalg.pinv((a * w[:, None]).T @ (a * w[:, None])) * variance
    return float(solution[0]), math.sqrt(float(covariance[0, 0]))


class Station:
    """RGB with a fixed exposure and depth at one place of the world."""

    def __init__(self, world: carla.World, place: carla.Transform) -> None:
        self._world = world
        self._place = place
        self._sensors: dict[str, tuple[Listening, queue.Queue[Any]]] = {}
        self._spawn("depth", {})

    def _spawn(self, kind: str, attributes: dict[str, str]) -> None:
        blueprint = self._world.get_blueprint_library().find(f"sensor.camera.{kind}")
        size = {"image_size_x": str(WIDTH), "image_size_y": str(HEIGHT), "fov": str(FOV_DEG)}
        for name, value in {**size, **attributes}.items():
            if blueprint.has_attribute(name):
                blueprint.set_attribute(name, value)
        sensor = self._world.spawn_actor(blueprint, self._place)
        images: queue.Queue[Any] = queue.Queue()
        listening = Listening()
        listening.begin(sensor, images.put)
        self._sensors[kind] = (listening, images)

    def _image(self, kind: str, frame: int) -> NDArray[np.uint8]:
        images = self._sensors[kind][1]
        while True:
            try:
                image = images.get(timeout=TIMEOUT_S)
            except queue.Empty:
                raise CalibrationError(f"the {kind} camera sent nothing for {TIMEOUT_S:g} s") from None
            if image.frame >= frame:
                return np.frombuffer(image.raw_data, np.uint8).reshape(HEIGHT, WIDTH, 4)

    def expose(self) -> None:
        """Sets the shutter so that the brightest parts come to lie where signal is proportional to light."""
        shutter = 2000.0
        for _ in range(EXPOSURE_TRIES):
            self._remove("rgb")
            manual = {"exposure_mode": "manual", "shutter_speed": f"{shutter:.1f}", "iso": "100", "fstop": "1.4"}
            self._spawn("rgb", {**manual, **UNTOUCHED})
            brightest = float(np.percentile(self.luminance(2), 99.0))
            if BRIGHTEST[0] <= brightest <= BRIGHTEST[1]:
                return
            shutter *= 8.0 if brightest > 0.9 else max(brightest, 1e-3) / 0.34
        raise CalibrationError("no manual exposure suits this view: does the server heed exposure_mode=manual?")

    def luminance(self, ticks: int = AVERAGED_TICKS) -> NDArray[np.float64]:
        """(H, W) linear, 1 is full white: the mean of several pictures, sRGB undone."""
        total = np.zeros((HEIGHT, WIDTH))
        for _ in range(SETTLE_TICKS):
            frame = self._world.tick(TIMEOUT_S)
        for number in range(ticks):
            frame = frame if number == 0 else self._world.tick(TIMEOUT_S)
            total += _LINEAR[self._image("rgb", frame)[..., :3]] @ [0.0722, 0.7152, 0.2126]
        return total / ticks

    def range_m(self) -> NDArray[np.float64]:
        """(H, W) along the rays; what lies on no smooth surface, and the sky, counts as out of range."""
        depth = self._image("depth", self._world.tick(TIMEOUT_S))
        planar = decode(depth, depth)[2].astype(np.float64)
        focal = WIDTH / (2.0 * math.tan(math.radians(FOV_DEG) / 2.0))
        u, v = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
        usable = (planar < 999.0) & ~edges(planar)
        return np.where(usable, planar * np.sqrt(1.0 + (u * u + v * v) / focal**2), OUT_OF_RANGE_M)

    def _remove(self, kind: str) -> None:
        if kind in self._sensors:
            listening, _ = self._sensors.pop(kind)
            listening.end()

    def close(self) -> None:
        for kind in list(self._sensors):
            self._remove(kind)


def _linear() -> NDArray[np.float64]:
    code = np.arange(256) / 255.0
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


_LINEAR = _linear()


def weather(fog_density: float, fog_distance: float, fog_falloff: float) -> carla.WeatherParameters:
    """Overcast, still and dry: no moving shadows, no light that fog could change but evenly."""
    w = carla.WeatherParameters()
    values = {
        "cloudiness": 100.0, "sun_altitude_angle": 50.0, "wind_intensity": 0.0, "precipitation": 0.0,
        "precipitation_deposits": 0.0, "wetness": 0.0, "fog_density": fog_density, "fog_distance": fog_distance,
        "fog_falloff": fog_falloff,
    }  # fmt: skip
    for name, value in values.items():
        setattr(w, name, value)
    return w


@contextmanager
def borrowed(world: carla.World) -> Iterator[None]:
    """Ticks the world at 20 Hz and gives it back with its own settings and weather."""
    settings, before = world.get_settings(), world.get_weather()
    mine = world.get_settings()
    mine.synchronous_mode, mine.fixed_delta_seconds = True, 0.05
    world.apply_settings(mine)
    try:
        yield
    finally:
        world.set_weather(before)
        world.apply_settings(settings)


def measure(
    client: carla.Client,
    densities: Sequence[float] = DENSITIES,
    places: Sequence[int] = (0, 7, 14),
    fog_distance: float = 0.0,
    fog_falloff: float = 0.0,
    clear_visibility_m: float = CLEAR_VISIBILITY_M,
) -> FogTable:
    """The table of the world that `client` is in. places: numbers of spawn points to look from, down their lanes.

    clear_visibility_m: what the air without fog is taken to have; what is measured is fog against it.
    """
    world = client.get_world()
    spawn_points = world.get_map().get_spawn_points()
    if not spawn_points:
        raise CalibrationError("the map has no spawn points to look from")
    shares: dict[float, list[list[Ring]]] = {density: [] for density in densities}
    steps = [(number, density) for number in places for density in (0.0, *densities)]
    with borrowed(world):
        station: Station | None = None
        view: View | None = None
        try:
            for number, density in track(steps, "fog", transient=True):
                world.set_weather(weather(density, fog_distance, fog_falloff))
                if density == 0.0:
                    if station is not None:
                        station.close()
                    station = Station(world, raised(spawn_points[number % len(spawn_points)], CAMERA_HEIGHT_M))
                    station.expose()
                    view = View(station.luminance(), station.range_m())
                    continue
                assert station is not None
                assert view is not None
                shares[density].append(rings(view, station.luminance()))
        finally:
            if station is not None:
                station.close()
    entries = []
    for density in densities:
        fog, deviation = extinction_per_m(shares[density])
        total = fog + KOSCHMIEDER / clear_visibility_m
        if fog <= 0.0:
            raise CalibrationError(f"fog_density {density:g} takes away no contrast here: is fog drawn at all?")
        entries.append(
            {
                "fog_density": density,
                "visibility_m": round(KOSCHMIEDER / total, 2),
                "uncertainty": round(deviation / total, 4),
            }
        )
    try:
        return FogTable.model_validate(
            {
                "server_version": client.get_server_version(),
                "town": world.get_map().name.split("/")[-1],
                "fog_distance": fog_distance,
                "fog_falloff": fog_falloff,
                "entries": entries,
            }
        )
    except ValueError as error:
        raise CalibrationError(f"the measured table makes no sense: {str(error).splitlines()[2].strip()}") from None


def _densities(text: str) -> list[float]:
    wanted = "--densities wants two or more numbers above 0 up to 100, ascending, such as 20,40,60"
    try:
        densities = [float(part) for part in text.split(",")]
    except ValueError:
        raise CalibrationError(f"{wanted}, not {text!r}") from None
    ascending = all(a < b for a, b in pairwise(densities))
    if len(densities) < 2 or not ascending or not all(0.0 < density <= 100.0 for density in densities):
        raise CalibrationError(f"{wanted}, not {text!r}")
    return densities


def _check(chosen: argparse.Namespace) -> None:
    """Raises CalibrationError for what would show only after minutes of measuring."""
    for flag, value in (("--fog-distance", chosen.fog_distance), ("--fog-falloff", chosen.fog_falloff)):
        if not 0.0 <= value < 1e6:
            raise CalibrationError(f"{flag} is 0 or more, and finite, not {value:g}")
    if any(number < 0 for number in chosen.place or ()):
        raise CalibrationError("--place is the number of a spawn point, from 0")
    if chosen.out.is_dir():
        raise CalibrationError(f"--out {chosen.out} is a folder; give the name of a file")
    if not chosen.out.parent.is_dir():
        raise CalibrationError(f"--out {chosen.out}: no folder {chosen.out.parent}")


def _reachable(address: str) -> tuple[str, int]:
    """Host and port of a server that takes connections: the client itself would wait for its whole time-out."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise CalibrationError(f"--carla wants HOST:PORT, such as localhost:2000, not {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise CalibrationError(f"no server at {address}: {error.strerror or error}") from None
    return host, int(port)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sensors.calibrate_fog", description=__doc__.split("\n")[0])
    parser.add_argument("--carla", required=True, metavar="HOST:PORT")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the table, JSON")
    parser.add_argument("--densities", default=",".join(f"{d:g}" for d in DENSITIES), help="fog_density, ascending")
    parser.add_argument("--place", type=int, action="append", metavar="N", help="spawn point; may be repeated")
    parser.add_argument("--fog-distance", type=float, default=0.0, help="CARLA's fog_distance, m (default: 0)")
    parser.add_argument("--fog-falloff", type=float, default=0.0, help="CARLA's fog_falloff (default: 0)")
    chosen = parser.parse_args(arguments)
    try:
        densities = _densities(chosen.densities)
        _check(chosen)
        client = carla.Client(*_reachable(chosen.carla))
        client.set_timeout(TIMEOUT_S)
        table = measure(client, densities, chosen.place or (0, 7, 14), chosen.fog_distance, chosen.fog_falloff)
        partial = chosen.out.with_name(chosen.out.name + ".part")
        partial.write_text(json.dumps(table.model_dump(), indent=1) + "\n", encoding="utf-8")
        partial.replace(chosen.out)
    except (CalibrationError, FogTableError, RuntimeError, ValueError, OSError) as error:
        print(f"calibrate_fog: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(f"{'fog_density':>12}{'visibility':>12}{'+-':>8}")
    for entry in table.entries:
        print(f"{entry.fog_density:12g}{entry.visibility_m:10.1f} m{100 * entry.uncertainty:6.1f} %")
    print(f"written: {chosen.out}   (python -m harness.run --carla {chosen.carla} --fog-table {chosen.out})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
