"""Rotating lidars as CARLA 0.9.16 has them: which rays a tick shoots, what comes back, what is lost on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.raycast.scene import LONGEST_M, Floats, Hits, RayScene
from simulator.types import ActorDescription

SEMANTIC_POINT = np.dtype(
    [(n, np.float32) for n in ("x", "y", "z", "cos_incidence")] + [("object", np.uint32), ("tag", np.uint32)]
)
MOST_CHANNELS = 2048
MOST_RAYS = 1 << 22


@dataclass(frozen=True)
class LidarModel:
    """The attributes of `sensor.lidar.*`: angles in degrees, range in m, rates per second; the rest see CARLA.

    semantic: whether it names what it hits, without noise and losses.
    """

    semantic: bool
    channels: int = 32
    range_m: float = 10.0
    points_per_second: float = 56000.0
    rotation_hz: float = 10.0
    upper_fov_deg: float = 10.0
    lower_fov_deg: float = -30.0
    horizontal_fov_deg: float = 360.0
    attenuation_per_m: float = 0.004
    general_loss: float = 0.45
    sure_from_intensity: float = 0.8
    loss_at_zero_intensity: float = 0.4
    noise_m: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise ValueError(f"a lidar has 1 to {MOST_CHANNELS} channels, got {self.channels}")
        if not (0.0 < self.range_m <= LONGEST_M and 0.0 <= self.points_per_second <= 1e9):
            raise ValueError("a lidar needs a range above 0 and points_per_second of 0 to 1000000000")
        if not 0.0 < self.horizontal_fov_deg <= 360.0:
            raise ValueError(f"a lidar's horizontal_fov must lie in 0..360 degrees, got {self.horizontal_fov_deg}")
        if not all(map(math.isfinite, (self.rotation_hz, self.upper_fov_deg, self.lower_fov_deg))):
            raise ValueError("a lidar's rotation_frequency and fields of view must be finite")

    @cached_property
    def vertical_rad(self) -> NDArray[np.float64]:
        """(channels,) pitch of each laser, from the uppermost down."""
        return np.radians(np.linspace(self.upper_fov_deg, self.lower_fov_deg, self.channels))

    def points_per_channel(self, delta_s: float) -> int:
        """Of one tick; halves are rounded up."""
        return math.floor(self.points_per_second * delta_s / self.channels + 0.5)


def lidar_model(description: ActorDescription) -> LidarModel:
    """Raises ValueError with one clear line."""

    def number(name: str, default: float) -> float:
        return float(description.get(name, str(default)))

    return LidarModel(
        description.id == "sensor.lidar.ray_cast_semantic",
        int(description.get("channels", "32")),
        number("range", 10.0),
        number("points_per_second", 56000.0),
        number("rotation_frequency", 10.0),
        number("upper_fov", 10.0),
        number("lower_fov", -30.0),
        number("horizontal_fov", 360.0),
        number("atmosphere_attenuation_rate", 0.004),
        number("dropoff_general_rate", 0.45),
        number("dropoff_intensity_limit", 0.8),
        number("dropoff_zero_intensity", 0.4),
        number("noise_stddev", 0.0),
    )


class Sweep(NamedTuple):
    """What one tick of a lidar gives. angle_rad: where it stopped, 0 at the left end of the horizontal field of view.

    counts: (channels,) uint32 points of each channel. points: (n, 4) float32 x, y, z in m (sensor axes) and intensity
    0..1, or (n,) of `SEMANTIC_POINT`; the channels one after another, each in the order of its rays.
    """

    angle_rad: float
    counts: NDArray[np.uint32]
    points: NDArray[np.float32] | NDArray[np.void]


def scan(
    model: LidarModel, scene: RayScene, pose: NDArray[np.float64], angle_rad: float, delta_s: float,
    random: np.random.Generator, mount: int,
) -> Sweep:  # fmt: skip
    """The sweep that begins at `angle_rad`. pose: (4, 4) sensor -> world. mount: the actor that encloses it, or 0.

    `delta_s` is the world's step: as on CARLA's server a lidar with a `sensor_tick` still turns only by one step.
    """
    local, channel = _rays(model, angle_rad, delta_s)
    turned = model.rotation_hz * math.radians(model.horizontal_fov_deg) * delta_s
    stopped_rad = math.fmod(angle_rad + turned, math.radians(model.horizontal_fov_deg))
    if not model.semantic and model.general_loss > 0.0:
        kept = random.random(len(local)) >= model.general_loss
        local, channel = local[kept], channel[kept]
    origin, directions = pose[:3, 3].astype(np.float32), (local @ pose[:3, :3].T).astype(np.float32)
    points: NDArray[np.float32] | NDArray[np.void]
    if model.semantic:
        hits = scene.cast(origin, directions, model.range_m, ignored=mount)
        met = np.flatnonzero(np.isfinite(hits.distance))
        points, channel = _named(local[met], Hits._make(part[met] for part in hits), pose), channel[met]
    else:
        distance = scene.meet(origin, directions, model.range_m, ignored=mount).distance
        met = np.flatnonzero(np.isfinite(distance))
        points, back = _weakened(model, local[met], distance[met], random)
        channel = channel[met][back]
    return Sweep(stopped_rad, np.bincount(channel, minlength=model.channels).astype(np.uint32), points)


def _rays(model: LidarModel, angle_rad: float, delta_s: float) -> tuple[Floats, NDArray[np.intp]]:
    """(n, 3) unit vectors in sensor axes and the channel of each."""
    count = model.points_per_channel(delta_s)
    if count * model.channels > MOST_RAYS:
        count = MOST_RAYS // model.channels  # rather an incomplete answer than none
    field = math.radians(model.horizontal_fov_deg)
    step = model.rotation_hz * field * delta_s / max(1, count)
    yaw = np.fmod(angle_rad + step * np.arange(count), field) - field / 2.0
    pitch = model.vertical_rad[:, None]
    directions = np.stack(
        [np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.broadcast_to(np.sin(pitch), (len(pitch), count))],
        axis=2,
    )
    return directions.reshape(-1, 3).astype(np.float32), np.repeat(np.arange(model.channels), count)


def _weakened(
    model: LidarModel, local: Floats, distance: Floats, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The points that are strong enough to come back, and which they are. Intensity is exp(-a d)."""
    intensity = np.exp(-model.attenuation_per_m * distance)
    if model.noise_m > 0.0:
        distance = distance + (model.noise_m * random.standard_normal(len(distance))).astype(np.float32)
    luck = random.random(len(distance))
    surely = intensity > model.sure_from_intensity
    slope = model.loss_at_zero_intensity / model.sure_from_intensity if model.sure_from_intensity > 0.0 else 0.0
    back = np.flatnonzero(surely | (luck < slope * intensity + (1.0 - model.loss_at_zero_intensity)))
    points = np.column_stack([local * distance[:, None], intensity]).astype(np.float32)
    return np.ascontiguousarray(points[back]), back


def _named(local: Floats, hits: Hits, pose: NDArray[np.float64]) -> NDArray[np.void]:
    points = np.zeros(len(local), SEMANTIC_POINT)
    for k, name in enumerate("xyz"):
        points[name] = local[:, k] * hits.distance
    points["cos_incidence"] = -np.einsum("ni,ni->n", local @ pose[:3, :3].T.astype(np.float32), hits.normal)
    points["object"], points["tag"] = hits.actor, hits.tag
    return points
