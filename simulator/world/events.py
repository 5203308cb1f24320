"""What a step has to tell the sensors."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.types import ActorRecord, Vector3D


@dataclass(frozen=True)
class Collision:
    """`impulse` in N s acted on `own`. What belongs to the town has `other_id` 0 and a `static.*` type."""

    sensor_actor_id: int
    self_id: int
    other_id: int
    impulse: Vector3D
    own: ActorRecord
    other: ActorRecord


@dataclass(frozen=True)
class ImuReading:
    """Accelerometer in m/s^2 (+9.81 up at rest) and gyroscope in rad/s, sensor axes; compass in rad, 0 = north."""

    sensor_actor_id: int
    accelerometer: Vector3D
    gyroscope: Vector3D
    compass: float


@dataclass(frozen=True)
class GnssReading:
    """Degrees and metres."""

    sensor_actor_id: int
    latitude: float
    longitude: float
    altitude: float


@dataclass(frozen=True)
class StepEvents:
    """`due`: ids of all sensors whose `sensor_tick` has come round at this frame (cameras, IMU, GNSS ...)."""

    frame: int
    elapsed_s: float
    delta_s: float
    due: frozenset[int]
    collisions: tuple[Collision, ...] = ()
    imu: tuple[ImuReading, ...] = ()
    gnss: tuple[GnssReading, ...] = ()
