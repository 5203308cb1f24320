"""A dynamic vision sensor: each pixel reports by itself when its brightness has changed by a threshold.

Between two frames the brightness is taken to change linearly, so that events get times between the frames (Rebecq et
al., "ESIM: an open event camera simulator", CoRL 2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.camera import CameraModel
from simulator.types import EVENT_DTYPE

MOST_EVENTS = 1 << 24
"""Of one frame; what is beyond that, in the lower rows of the picture, is lost."""
LEAST_THRESHOLD = 0.01
TOLERANCE = 1e-6
LUMA_BGR = np.array([0.114, 0.587, 0.2989], np.float32)


@dataclass
class EventPixels:
    """brightness (H, W) float32: of the frame before. crossed (H, W) float32: at each pixel's last event.

    fired_ns (H, W) int64: time of its last event, -1 if there was none. time_ns: of the frame before.
    """

    brightness: NDArray[np.float32]
    crossed: NDArray[np.float32]
    fired_ns: NDArray[np.int64]
    time_ns: int


def brightness_of(bgra: NDArray[np.uint8], camera: CameraModel) -> NDArray[np.float32]:
    """(H, W) float32: logarithm of log_eps + grey in 0..1, or grey in 0..255 without `use_log`."""
    grey = bgra[..., :3].astype(np.float32) @ LUMA_BGR
    if camera.text("use_log", "true").lower() in ("true", "1"):
        return np.log(np.float32(camera.number("log_eps", 1e-3)) + grey / np.float32(255.0))
    return grey


def first_look(brightness: NDArray[np.float32], elapsed_s: float) -> EventPixels:
    """The first frame sets what later ones are compared with."""
    return EventPixels(brightness, brightness.copy(), np.full(brightness.shape, -1, np.int64), _ns(elapsed_s))


def events_until(
    pixels: EventPixels, brightness: NDArray[np.float32], elapsed_s: float, camera: CameraModel,
    random: np.random.Generator,
) -> NDArray[np.void]:  # fmt: skip
    """The events since the frame before, of `EVENT_DTYPE` in the order of their times; `pixels` moves on to now."""
    rises = brightness >= pixels.brightness
    threshold = np.empty(brightness.shape, np.float32)
    for chosen, sign in ((rises, "positive"), (~rises, "negative")):
        threshold[chosen] = camera.number(f"{sign}_threshold", 0.3)
        sigma = camera.number(f"sigma_{sign}_threshold", 0.0)
        if sigma > 0.0:
            threshold[chosen] += (sigma * random.standard_normal(int(chosen.sum()))).astype(np.float32)
    threshold = np.maximum(threshold, np.float32(LEAST_THRESHOLD))
    at_most = float(np.sum(np.floor(np.abs(brightness - pixels.crossed) / threshold) + 1.0))
    found = np.empty(min(MOST_EVENTS, math.ceil(at_most)), EVENT_DTYPE)
    now_ns, rest_ns = _ns(elapsed_s), min(int(camera.text("refractory_period_ns", "0")), 1 << 60)
    count = _crossings(
        pixels.brightness, brightness, pixels.crossed, pixels.fired_ns, threshold, pixels.time_ns, now_ns, rest_ns,
        found["x"], found["y"], found["t_ns"], found["polarity"],
    )  # fmt: skip
    pixels.brightness, pixels.time_ns = brightness, now_ns
    return found[np.argsort(found["t_ns"][:count], kind="stable")]


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


@njit(cache=True, nogil=True)
def _crossings(before, now, crossed, fired, threshold, before_ns, now_ns, refractory_ns, xs, ys, ts, polarities):
    """Fills the columns of the events row by row; how many there are."""
    count, room = 0, len(xs)
    height, width = before.shape
    for y in range(height):
        for x in range(width):
            start, end = np.float64(before[y, x]), np.float64(now[y, x])
            change = end - start
            if abs(change) <= TOLERANCE:
                continue
            rising = change > 0.0
            step = np.float64(threshold[y, x]) if rising else -np.float64(threshold[y, x])
            level = np.float64(crossed[y, x]) + step
            while (rising and start < level <= end) or (not rising and end <= level < start):
                t = before_ns + np.int64((level - start) / change * (now_ns - before_ns))
                last = fired[y, x]
                if (last < 0 or t - last >= refractory_ns) and count < room:
                    xs[count], ys[count], ts[count], polarities[count] = x, y, t, rising
                    fired[y, x] = t
                    count += 1
                crossed[y, x] = level
                level += step
    return count
