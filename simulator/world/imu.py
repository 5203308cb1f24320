"""The inertial measurement unit: accelerometer, gyroscope, compass."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.types import ActorDescription, Vector3D
from simulator.world import noise


def measure(
    description: ActorDescription,
    rotation: NDArray[np.float64],
    acceleration: NDArray[np.float64],
    angular_velocity: NDArray[np.float64],
    gravity: float,
    *,
    seed: int,
    sensor: int,
    step: int,
) -> tuple[Vector3D, Vector3D, float]:
    """(accelerometer m/s^2, gyroscope rad/s, compass rad) in the sensor's axes.

    rotation (3, 3): sensor -> world. acceleration (3,) m/s^2, angular_velocity (3,) rad/s: of the sensor, world axes.
    The accelerometer feels what holds it up: +9.81 upwards at rest. The compass is 0 towards CARLA's north, -y, and
    grows clockwise: it reads pi / 2 along +x.
    """
    felt = rotation.T @ (acceleration + np.array([0.0, 0.0, gravity]))
    turning = rotation.T @ angular_velocity
    deviations = np.array(
        [float(description.get(f"noise_{name}_stddev_{axis}", "0")) for name in ("accel", "gyro") for axis in "xyz"]
    )
    bias = np.array([float(description.get(f"noise_gyro_bias_{axis}", "0")) for axis in "xyz"])
    if deviations.any():
        seed ^= int(description.get("noise_seed", "0")) << 32
        drawn = noise.normal(6, seed=seed, sensor=sensor, step=step) * deviations
        felt, turning = felt + drawn[:3], turning + drawn[3:]
    compass = (math.atan2(rotation[1, 0], rotation[0, 0]) + math.pi / 2.0) % (2.0 * math.pi)
    return Vector3D(*felt.tolist()), Vector3D(*(turning + bias).tolist()), compass
