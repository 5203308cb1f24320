"""What a lens makes of small bright lamps: a core that no pixel grid loses, and the bloom around it."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.camera import Pinhole
from simulator.render.visibility import VisibilityBuffer
from simulator.render.workers import take_next

F = np.float32
BLOOM_SHARE = 0.015
"""Part of a lamp's light that the lens scatters, at CARLA's default `bloom_intensity` of 0.675."""
BLOOM_RADIUS_TAN = 0.0055
"""Angle within which half of the scattered light falls, as a tangent."""
REACH_RADII = 16.0
VISIBLE_WITHIN_M = 0.45
"""A lamp's middle lies this far at most behind its glass."""


def sprites(
    view: Pinhole,
    seen: VisibilityBuffer,
    places: NDArray[np.float64],
    candela: NDArray[np.float64],
    areas_m2: NDArray[np.float64],
    extinction_per_m: float,
    fog_from_m: float,
    bloom: float,
) -> NDArray[np.float32]:
    """(n, 8) float32: column, row, core (R, G, B) in cd/m2 of one pixel, the same of the bloom before its falloff (1).

    places: (n, 3) relative to the eye; candela: (n, 3) towards the eye. Lamps that are hidden are left out; those half
    hidden count by the share of the 3 x 3 pixels around them that lets them through.
    """
    local = places @ view.rotation.astype(np.float64).T
    ahead = local[:, 2]
    inside = ahead > 0.5
    safe = np.where(inside, ahead, 1.0)
    u = float(view.cx_px) + float(view.focal_px) * local[:, 0] / safe
    v = float(view.cy_px) + float(view.focal_px) * local[:, 1] / safe
    inside &= (u > -8.0) & (u < view.width + 8.0) & (v > -8.0) & (v < view.height + 8.0)
    chosen = np.flatnonzero(inside & (candela.max(axis=1, initial=0.0) > 0.0))
    if len(chosen) == 0:
        return np.zeros((0, 8), np.float32)
    u, v, ahead = u[chosen], v[chosen], ahead[chosen]
    step = np.array([-1, 0, 1])
    column = np.clip(np.floor(u).astype(int)[:, None, None] + step[None, None, :], 0, view.width - 1)
    row = np.clip(np.floor(v).astype(int)[:, None, None] + step[None, :, None], 0, view.height - 1)
    hidden = seen.inverse_depth[row, column] > 1.0 / np.maximum(ahead - VISIBLE_WITHIN_M, 0.05)[:, None, None]
    share = 1.0 - hidden.reshape(len(chosen), -1).mean(axis=1)
    distance2 = np.sum(places[chosen] ** 2, axis=1)
    foggy_m = np.maximum(np.sqrt(distance2) - fog_from_m, 0.0)
    lux = candela[chosen] * (share * np.exp(-extinction_per_m * foggy_m) / distance2)[:, None]
    pixel = lux * float(view.focal_px) ** 2
    covered = areas_m2[chosen] * float(view.focal_px) ** 2 / distance2
    core = pixel * np.clip(1.0 - covered / 1.5, 0.0, 1.0)[:, None]
    strength = BLOOM_SHARE * bloom * pixel[:, 1:2]
    tint = pixel / np.maximum(pixel[:, 1:2], 1e-12)
    out = np.concatenate([u[:, None], v[:, None], core, strength * tint], axis=1)
    return np.ascontiguousarray(out[share > 0.0], np.float32)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def add_sprites(lamps, focal, radiance, counter, thread):
    """radiance: (H, 3, W) float32, changed in place."""
    height, _, width = radiance.shape
    half = max(F(BLOOM_RADIUS_TAN) * focal, F(0.8))
    reach = half * F(REACH_RADII)
    # energy of r0 / (2 pi (r^2 + r0^2)^1.5) over the plane is one
    unit = half * F(1.0 / (2.0 * math.pi))
    while True:
        y = take_next(counter)
        if y >= height:
            break
        for k in range(lamps.shape[0]):
            u, v = lamps[k, 0], lamps[k, 1]
            dy = F(y) + F(0.5) - v
            if abs(dy) > reach:
                continue
            red, green, blue = lamps[k, 5], lamps[k, 6], lamps[k, 7]
            first = max(np.int32(np.ceil(u - reach - F(0.5))), np.int32(0))
            last = min(np.int32(np.floor(u + reach - F(0.5))), np.int32(width - 1))
            for x in range(first, last + 1):
                dx = F(x) + F(0.5) - u
                r2 = dx * dx + dy * dy
                edge = max(F(1) - r2 / (reach * reach), F(0))
                q = r2 + half * half
                w = unit / (q * math.sqrt(q)) * edge * edge
                radiance[y, 0, x] += w * red
                radiance[y, 1, x] += w * green
                radiance[y, 2, x] += w * blue
            if abs(dy) < F(1):
                for x in range(
                    max(np.int32(u - F(1.5)), np.int32(0)), min(np.int32(u + F(1.5)), np.int32(width - 1)) + 1
                ):
                    w = max(F(1) - abs(F(x) + F(0.5) - u), F(0)) * (F(1) - abs(dy))
                    radiance[y, 0, x] += w * lamps[k, 2]
                    radiance[y, 1, x] += w * lamps[k, 3]
                    radiance[y, 2, x] += w * lamps[k, 4]
