"""How a thermal camera really sits beside an RGB camera: turned a little, drifting, late."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

HALF_TURN_DEG = 45.0


@dataclass(frozen=True)
class Mounting:
    """Errors of mounting and timing; all 0 for the ideal pair.

    yaw_deg, pitch_deg, roll_deg: how the thermal camera is turned against the RGB camera (CARLA's signs: yaw to the
    right, pitch up, roll clockwise). drift_deg: amplitude of a slow change of yaw and pitch, as a bracket does that
    warms and cools, with the period drift_period_s. delay_s: how much older than the RGB frame its picture is.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    drift_deg: float = 0.0
    drift_period_s: float = 600.0
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("yaw_deg", "pitch_deg", "roll_deg", "drift_deg"):
            if not abs(getattr(self, name)) <= HALF_TURN_DEG:
                raise ValueError(
                    f"mounting {name} must lie within {HALF_TURN_DEG:g} degrees, got {getattr(self, name)}"
                )
        if not 0.0 <= self.delay_s <= 2.0:
            raise ValueError(f"mounting delay_s must lie in 0..2, got {self.delay_s}")
        if not self.drift_period_s > 0.0:
            raise ValueError(f"mounting drift_period_s must be positive, got {self.drift_period_s}")

    @property
    def turned(self) -> bool:
        return any((self.yaw_deg, self.pitch_deg, self.roll_deg, self.drift_deg))

    def rotation(self, time_s: float) -> NDArray[np.float64]:
        """(3, 3) thermal -> RGB camera axes (x forward, y right, z up) at this simulation time."""
        phase = 2.0 * math.pi * time_s / self.drift_period_s
        yaw_deg = self.yaw_deg + self.drift_deg * math.sin(phase)
        pitch_deg = self.pitch_deg + self.drift_deg * math.sin(phase + math.pi / 3.0)
        return rotation_matrix(yaw_deg, pitch_deg, self.roll_deg)


def rotation_matrix(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """(3, 3) in CARLA's convention: that of `carla.Transform.get_matrix`."""
    angles = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    cy, sy, cp, sp, cr, sr = (f(angle) for angle in angles for f in (math.cos, math.sin))
    turn = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    lift = np.array([[cp, 0.0, -sp], [0.0, 1.0, 0.0], [sp, 0.0, cp]])
    lean = np.array([[1.0, 0.0, 0.0], [0.0, cr, sr], [0.0, -sr, cr]])
    return turn @ lift @ lean


def seen_through(
    radiance: NDArray[np.float32], rotation: NDArray[np.float64], fov_deg: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The picture of a camera at the same place but turned, and where it lies within what was drawn.

    A turn alone needs no depth: pixels move by a homography. Beyond the drawn field the border is repeated and marked
    as not valid.
    """
    height, width = radiance.shape
    focal = width / (2.0 * math.tan(math.radians(fov_deg) / 2.0))
    # Pixel (u, v, 1) -> ray (x forward, y right, z up).
    cx, cy = 0.5 * width - 0.5, 0.5 * height - 0.5
    to_ray = np.array([[0.0, 0.0, focal], [1.0, 0.0, -cx], [0.0, -1.0, cy]])
    there = np.linalg.inv(to_ray) @ rotation @ to_ray
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (width, height)
    out = cv2.warpPerspective(radiance, there, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    drawn = np.full((height, width), 255, np.uint8)
    valid = cv2.warpPerspective(drawn, there, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0) > 254
    return np.asarray(out, np.float32), valid


@dataclass
class Delay:
    """Hands out what came in `delay_s` of simulation time ago, and the oldest there is until then."""

    delay_s: float
    _held: deque[tuple[float, NDArray[np.float32]]] = field(default_factory=deque)

    def __call__(self, radiance: NDArray[np.float32], time_s: float) -> NDArray[np.float32]:
        self._held.append((time_s, radiance))
        wanted = time_s - self.delay_s + 1e-6
        while len(self._held) > 1 and self._held[1][0] <= wanted:
            self._held.popleft()
        return self._held[0][1]
