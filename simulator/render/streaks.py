"""Rain that falls before the lens: bright streaks of the drops that are near and large enough to be told apart.

What lies farther and is finer is haze, and counted in the extinction of the air. A drop covers a pixel for a small part
of the exposure; for so long it shows, in place of what is behind it, the light around it: by day the bright sky, which
is why rain is seen before dark things only, and by night the lamps that shine on it. Every picture draws its drops anew
from seed, sensor and frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sensors.rain import rain_mm_h
from simulator.render.camera import CameraModel, Pinhole
from simulator.render.froxels import ACROSS, DOWN, SLICES, slice_distance
from simulator.render.sensor import BASE_EV
from simulator.render.sky import Daylight
from simulator.types import WeatherParameters

F = np.float32
NEAREST_M, FARTHEST_M = 0.6, 4.5
"""Nearer drops are out of focus, farther ones too fine."""
LEAST_MM, LARGEST_MM = 1.5, 5.0
LENS_MM = 2.0
"""The pupil of a small camera, focused far away: a near drop is a disc of its size."""
MOST_DROPS = 4000
EXTINCTION_PER_AREA = 2.0
"""A drop takes twice its cross-section out of the light: half by bending it round its edge."""
LEAST_SIGNAL, LEAST_COVER = 4e-4, 0.02
"""What adds less of full white and hides less of what is behind it is left out: it would not be seen."""
LONGEST_EXPOSURE_S = 1.0 / 30.0
WIND_MPS = (8.0, 2.5, 0.0)
"""At CARLA's `wind_intensity` 100, which has no direction."""
FASTEST_MPS = 80.0
"""What moves faster between two pictures was put elsewhere."""


@dataclass(frozen=True)
class Moved:
    """Where a camera was at its last picture, and how fast it has come there: (3,) m and m/s in world axes."""

    elapsed_s: float
    eye: NDArray[np.float64]
    velocity_mps: NDArray[np.float64]


def moved(last: Moved | None, elapsed_s: float, eye: NDArray[np.float32]) -> Moved:
    """The camera now. The same time again changes nothing; the first picture is taken standing."""
    here = eye.astype(np.float64)
    if last is not None and elapsed_s == last.elapsed_s:
        return last
    still = np.zeros(3)
    if last is None or elapsed_s < last.elapsed_s:
        return Moved(elapsed_s, here, still)
    velocity = (here - last.eye) / (elapsed_s - last.elapsed_s)
    return Moved(elapsed_s, here, velocity if float(np.linalg.norm(velocity)) < FASTEST_MPS else still)


def drop_slope_per_mm(rate_mm_h: float) -> float:
    """Of drops over their diameter: Marshall and Palmer (1948), 8000 exp(-4.1 R^-0.21 D) per m3 and mm."""
    return 4.1 * rate_mm_h**-0.21


def drops_per_m3(rate_mm_h: float) -> float:
    """Drops of at least LEAST_MM."""
    slope = drop_slope_per_mm(rate_mm_h)
    return 8000.0 / slope * math.exp(-slope * LEAST_MM)


def exposure_s(camera: CameraModel, ev: float) -> float:
    """How long the shutter is open: what the automatic needs for this EV, or what was set by hand."""
    if camera.text("exposure_mode", "histogram") == "manual":
        return 1.0 / max(camera.number("shutter_speed", 200.0), 1.0)
    return LONGEST_EXPOSURE_S * min(2.0 ** (BASE_EV - ev), 1.0)


def add_streaks(
    radiance: NDArray[np.float32],
    eye: Pinhole,
    inverse_depth: NDArray[np.float32],
    day: Daylight,
    weather: WeatherParameters,
    camera: Moved,
    open_s: float,
    white_cd_m2: float,
    fog_light: NDArray[np.float32] | None,
    key: np.uint32,
) -> None:
    """Adds the streaks to radiance (H, 3, W), cd/m2. open_s: how long the shutter is. white_cd_m2: what the sensor
    shows as full white. fog_light: the froxel grid of this picture, None where lamps light nothing.
    """
    rate = rain_mm_h(weather.precipitation)
    drift = np.array(WIND_MPS) * weather.wind_intensity / 100.0 - camera.velocity_mps
    tan_x, tan_y = eye.width / (2.0 * float(eye.focal_px)), eye.height / (2.0 * float(eye.focal_px))
    volume_m3 = 4.0 * tan_x * tan_y * (FARTHEST_M**3 - NEAREST_M**3) / 3.0
    count = min(round(drops_per_m3(rate) * volume_m3), MOST_DROPS)
    around = [0.45 * (z + h) + 0.1 * g / math.pi for z, h, g in zip(day.zenith_rgb, day.horizon_rgb, day.ground_rgb)]
    grid = np.zeros((DOWN, ACROSS, SLICES, 3), np.float32) if fog_light is None else fog_light
    _streaks(
        radiance, inverse_depth, eye.rotation, eye.focal_px, eye.cx_px, eye.cy_px, F(tan_x), F(tan_y), count,
        F(drop_slope_per_mm(rate)), drift.astype(np.float32), F(open_s), np.array(around, np.float32), grid,
        F(1.0 / day.extinction_per_m), F(LEAST_SIGNAL * white_cd_m2), key,
    )  # fmt: skip


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _share(key, n, k):
    """0..1, below 1, for the k-th choice of drop n: the finaliser of MurmurHash3."""
    h = np.uint32(key) + np.uint32(n * 4 + k) * np.uint32(0x9E3779B1)
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return F((h ^ (h >> np.uint32(16))) >> np.uint32(8)) * F(1.0 / 16777216.0)


@njit(cache=True, error_model="numpy", nogil=True)
def _streaks(
    radiance, inverse_depth, rotation, focal, cx, cy, tan_x, tan_y, count, slope_per_mm, drift, open_s, around, grid,
    mean_free_m, least, key,
):  # fmt: skip
    height, _, width = radiance.shape
    near3, far3 = F(NEAREST_M**3), F(FARTHEST_M**3)
    down, across = grid.shape[0], grid.shape[1]
    for n in range(count):
        z = (near3 + (far3 - near3) * _share(key, n, 0)) ** F(1.0 / 3.0)
        x = (F(2) * _share(key, n, 1) - F(1)) * tan_x * z
        y = (F(2) * _share(key, n, 2) - F(1)) * tan_y * z
        size_mm = F(LEAST_MM) - math.log(max(_share(key, n, 3), F(1e-6))) / slope_per_mm
        size_mm = min(size_mm, F(LARGEST_MM))
        # terminal velocity: Atlas, Srivastava and Sekhon (1973)
        fall = F(9.65) - F(10.3) * math.exp(F(-0.6) * size_mm)
        vx, vy, vz = drift[0], drift[1], drift[2] - fall
        right = (rotation[0, 0] * vx + rotation[0, 1] * vy + rotation[0, 2] * vz) * open_s
        lower = (rotation[1, 0] * vx + rotation[1, 1] * vy + rotation[1, 2] * vz) * open_s
        onward = (rotation[2, 0] * vx + rotation[2, 1] * vy + rotation[2, 2] * vz) * open_s
        z2 = max(z + onward, F(0.5 * NEAREST_M))
        u1, v1 = cx + focal * x / z, cy + focal * y / z
        u2, v2 = cx + focal * (x + right) / z2, cy + focal * (y + lower) / z2
        length = np.maximum(math.sqrt((u2 - u1) * (u2 - u1) + (v2 - v1) * (v2 - v1)), F(1))
        # what of the exposure the drop spends on a pixel of its way, times what of the pixel it fills
        diameter_px = F(1e-3) * size_mm * focal / z
        # and what the lens, out of focus that near, makes of its width
        width_px = max(F(1e-3) * math.sqrt(size_mm * size_mm + F(LENS_MM * LENS_MM)) * focal / z, F(1))
        cover = min(F(0.7854) * diameter_px * diameter_px / (length * width_px), F(1))
        i = min(max(np.int32(F(down - 1) * v1 / F(height)), np.int32(0)), np.int32(down - 1))
        j = min(max(np.int32(F(across - 1) * u1 / F(width)), np.int32(0)), np.int32(across - 1))
        # light per optical depth at this distance is what a drop there shines with
        k, near, far = 0, F(0), F(1)
        while far < z and k < SLICES - 2:
            k += 1
            near, far = slice_distance(F(k - 1)), slice_distance(F(k))
        per_m = F(EXTINCTION_PER_AREA) * mean_free_m / (far - near)
        lit_r, lit_g, lit_b = around[0], around[1], around[2]
        before = F(1) if k > 0 else F(0)
        b = max(k - 1, 0)
        lit_r += (grid[i, j, k, 0] - before * grid[i, j, b, 0]) * per_m
        lit_g += (grid[i, j, k, 1] - before * grid[i, j, b, 1]) * per_m
        lit_b += (grid[i, j, k, 2] - before * grid[i, j, b, 2]) * per_m
        if cover < F(LEAST_COVER) and cover * max(lit_r, max(lit_g, lit_b)) < least:
            continue
        steps = np.int32(np.floor(length))
        for s in range(steps):
            t = (F(s) + F(0.5)) / F(steps)
            u, v = u1 + (u2 - u1) * t - F(0.5), v1 + (v2 - v1) * t - F(0.5)
            fu, fv = np.floor(u), np.floor(v)
            px, py = np.int32(fu), np.int32(fv)
            if px < 0 or py < 0 or px >= width - 1 or py >= height - 1:
                continue
            if inverse_depth[py, px] * z > F(1):
                continue
            a, b2 = u - fu, v - fv
            for q in range(4):
                dx, dy = q & 1, q >> 1
                w = cover * (a if dx else F(1) - a) * (b2 if dy else F(1) - b2)
                radiance[py + dy, 0, px + dx] += w * (lit_r - radiance[py + dy, 0, px + dx])
                radiance[py + dy, 1, px + dx] += w * (lit_g - radiance[py + dy, 1, px + dx])
                radiance[py + dy, 2, px + dx] += w * (lit_b - radiance[py + dy, 2, px + dx])
