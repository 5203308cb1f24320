"""How a camera chooses its exposure: metered by a histogram, adapting over time, or set by hand.

Exposure values are EV at ISO 100: luminance of mid grey (18 %) = 0.125 * 2^EV * 0.18 / 0.18..., so that a diffuse white
of 2^EV * K / 100 / 0.18 saturates the sensor (ISO 2720, K = 12.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from simulator.render.camera import CameraModel

LOWEST_EV, HIGHEST_EV = 0.5, 17.5
"""Limits of the automatic: f/1.8, 1/30 s and ISO 6400 at the dark end."""
DARKEST_MANUAL_EV, LIGHTEST_MANUAL_EV, MOST_COMPENSATION_EV = -24.0, 40.0, 15.0
"""Beyond what a camera can be set to; a picture at these limits is all white or all black, and its numbers finite."""
BINS, DARKEST_LOG2, LIGHTEST_LOG2 = 128, -12.0, 20.0
NIGHT_BIAS_EV = 1.4
"""By night a camera is told to leave the picture darker than by day: this much at the dark end of the scale."""
HIGHLIGHT_SIGNAL, HIGHLIGHT_WEIGHT = 0.75, 0.35
SATURATION_PER_EV0 = 0.125 / 0.18
"""Luminance in cd/m2 that saturates the sensor at EV 0."""
MID_GREY_LOG2 = math.log2(0.125)
HIGHLIGHT_LOG2 = math.log2(SATURATION_PER_EV0 * HIGHLIGHT_SIGNAL)


@dataclass
class Adaptation:
    """What a camera remembers between frames."""

    ev: float
    elapsed_s: float


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def luminance_histogram(radiance, step):
    """(BINS,) int64 counts of log2 luminance over every step-th pixel; radiance: (H, 3, W) float32."""
    counts = np.zeros(BINS, np.int64)
    per_octave = np.float32(BINS / (LIGHTEST_LOG2 - DARKEST_LOG2))
    for y in range(step // 2, radiance.shape[0], step):
        for x in range(step // 2, radiance.shape[2], step):
            luminance = (
                np.float32(0.2126) * radiance[y, 0, x]
                + np.float32(0.7152) * radiance[y, 1, x]
                + np.float32(0.0722) * radiance[y, 2, x]
            )
            bits = np.float32(max(luminance, np.float32(1e-4))).view(np.int32) - np.int32(1065353216)
            octave = np.float32(bits) * np.float32(1.0 / 8388608.0)
            k = np.int32((octave - np.float32(DARKEST_LOG2)) * per_octave)
            counts[min(max(k, np.int32(0)), np.int32(BINS - 1))] += 1
    return counts


@njit(cache=True, error_model="numpy", nogil=True)
def metered_ev(radiance):
    """EV from the histogram: a compromise between the mean log luminance at mid grey and the highlights below white.

    The mean leaves out the darkest tenth and the lightest twentieth; the highlights are the lightest twentieth's edge.
    """
    counts = luminance_histogram(radiance, 4)
    total = 0
    for k in range(BINS):
        total += counts[k]
    low, high = 0.10 * total, 0.95 * total
    # eight sums of every eighth bin, as numpy adds: an order that rounds little
    weights, sums = np.zeros(8), np.zeros(8)
    before, edge = 0, BINS - 1
    for k in range(BINS):
        upto = before + counts[k]
        kept = min(max(float(upto), low), high) - min(max(float(before), low), high)
        weights[k % 8] += kept
        sums[k % 8] += kept * _centre_log2(k)
        if upto >= high:
            edge = min(edge, k)
        before = upto
    mean_log2 = _together(sums) / max(_together(weights), 1.0)
    middle_ev = mean_log2 - MID_GREY_LOG2
    highlight_ev = _centre_log2(edge) - HIGHLIGHT_LOG2
    ev = middle_ev + HIGHLIGHT_WEIGHT * (highlight_ev - middle_ev)
    night = min(max((8.0 - ev) / 8.0, 0.0), 1.0)
    return min(max(ev + NIGHT_BIAS_EV * night, LOWEST_EV), HIGHEST_EV)


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _centre_log2(k):
    return DARKEST_LOG2 + (k + 0.5) * (LIGHTEST_LOG2 - DARKEST_LOG2) / BINS


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _together(parts):
    return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]))


def manual_ev(camera: CameraModel) -> float:
    """EV of the blueprint's fstop, shutter_speed (1/s) and iso; CARLA's defaults are f/1.4, 1/200 s and ISO 100."""
    fstop, speed, iso = camera.number("fstop", 1.4), camera.number("shutter_speed", 200.0), camera.number("iso", 100.0)
    ev = math.log2(max(fstop, 0.1) ** 2 * max(speed, 1e-3) * 100.0 / max(iso, 1.0))
    return min(max(ev, DARKEST_MANUAL_EV), LIGHTEST_MANUAL_EV)


def compensation_ev(camera: CameraModel) -> float:
    """What the blueprint's exposure_compensation asks for, as far as a picture can follow."""
    return min(max(camera.number("exposure_compensation", 0.0), -MOST_COMPENSATION_EV), MOST_COMPENSATION_EV)


def adapted(state: Adaptation | None, target_ev: float, elapsed_s: float, camera: CameraModel) -> Adaptation:
    """Moves towards the target at the blueprint's speeds; starts there. The same time again changes nothing."""
    if state is None or elapsed_s < state.elapsed_s:
        return Adaptation(target_ev, elapsed_s)
    brighter = target_ev > state.ev
    speed = camera.number("exposure_speed_up", 3.0) if brighter else camera.number("exposure_speed_down", 1.0)
    share = 1.0 - math.exp(-max(speed, 0.0) * (elapsed_s - state.elapsed_s))
    return Adaptation(state.ev + (target_ev - state.ev) * share, elapsed_s)


def saturation_cd_m2(ev: float, compensation_ev: float) -> float:
    """Luminance that the sensor renders as full white."""
    return SATURATION_PER_EV0 * 2.0 ** (ev - compensation_ev)
