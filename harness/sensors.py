"""The agent's own sensors beside its cameras, set up and handed over as the leaderboard does."""

from __future__ import annotations

import math
import queue
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import carla
import numpy as np

from harness.errors import HarnessError
from sensors.listening import Listening

# leaderboard 2.x: fixed attributes of the sensors that an agent may ask for
_GNSS_STDDEV_DEG = "0.000005"
_FIXED: dict[str, dict[str, str]] = {
    "sensor.other.gnss": {
        f"noise_{axis}_{kind}": _GNSS_STDDEV_DEG if kind == "stddev" else "0.0"
        for axis in ("alt", "lat", "lon")
        for kind in ("stddev", "bias")
    },
    "sensor.other.imu": {
        "noise_accel_stddev_x": "0.001",
        "noise_accel_stddev_y": "0.001",
        "noise_accel_stddev_z": "0.015",
        "noise_gyro_stddev_x": "0.001",
        "noise_gyro_stddev_y": "0.001",
        "noise_gyro_stddev_z": "0.001",
    },
    "sensor.lidar.ray_cast": {
        "range": "85",
        "rotation_frequency": "10",
        "channels": "64",
        "upper_fov": "10",
        "lower_fov": "-30",
        "points_per_second": "600000",
        "atmosphere_attenuation_rate": "0.004",
        "dropoff_general_rate": "0.45",
        "dropoff_intensity_limit": "0.8",
        "dropoff_zero_intensity": "0.4",
    },
    "sensor.other.radar": {"points_per_second": "1500", "range": "100"},
}
CAMERA = "sensor.camera.rgb"
GNSS = "sensor.other.gnss"
SPEEDOMETER = "sensor.speedometer"
OPENDRIVE_MAP = "sensor.opendrive_map"
# name -> most of a kind that the leaderboard's SENSORS and MAP tracks admit
LIMITS = {
    CAMERA: 8,
    "sensor.lidar.ray_cast": 2,
    "sensor.other.radar": 4,
    "sensor.other.gnss": 1,
    "sensor.other.imu": 1,
    SPEEDOMETER: 1,
    OPENDRIVE_MAP: 1,
}
# the same for SENSORS_QUALIFIER and MAP_QUALIFIER
QUALIFIER_LIMITS = {**LIMITS, CAMERA: 4, "sensor.lidar.ray_cast": 1, "sensor.other.radar": 2}
FARTHEST_M = 3.0
"""From the ego's origin, by the leaderboard's rules."""
FARTHEST_ELSEWHERE_M = {"bench2drive": 100.0, "leaderboard-1.0": 1000.0}
"""Bench2Drive's where SAVE_PATH is set, as its scripts do: its published agents look down from 50 m. So do those that
TransFuser, TCP and InterFuser come with, in copies of the leaderboard 1.0 with this limit."""


_POSE = dict.fromkeys(("x", "y", "z", "roll", "pitch", "yaw"), (-math.inf, math.inf))
_SIZES = dict.fromkeys(("width", "height"), (2.0, 8192.0))  # what `sensors.thermal` finds slopes in
# A published agent's radars look up and down by 0.1 degrees.
_RADAR_FOVS = dict.fromkeys(("fov", "horizontal_fov", "vertical_fov"), (0.01, 179.0))
# kind -> least and most of what an agent may say of it; of the kinds that are not here the pose alone is read
_BOUNDS = {CAMERA: {**_POSE, **_SIZES, "fov": (1.0, 179.0)}, "sensor.other.radar": {**_POSE, **_RADAR_FOVS}}


def check_declared(declared: Any, agent: str, track: str = "SENSORS", metric_version: str = "") -> list[dict[str, Any]]:
    """Checks what `agent.sensors()` returned by the leaderboard's rules; raises one line that names the sensor.

    Those are `validate_sensor_configuration` of its agent_wrapper.py: `track` is the agent's, `metric_version` says
    whose copy of it.
    """
    if not isinstance(declared, Sequence) or not all(isinstance(s, Mapping) for s in declared):
        raise HarnessError(f"agent {agent}: sensors() must return a list of dicts")
    ids: set[str] = set()
    count: dict[str, int] = {}
    is_qualifier = track.endswith("_QUALIFIER")
    limits = QUALIFIER_LIMITS if is_qualifier else LIMITS
    for sensor in declared:
        kind, name = sensor.get("type"), sensor.get("id")
        if kind not in LIMITS:
            raise HarnessError(f"agent {agent}: sensor {name!r} has type {kind!r}; known: {', '.join(LIMITS)}")
        if "id" not in sensor or not isinstance(name, Hashable) or str(name) in ids:
            raise HarnessError(f"agent {agent}: every sensor needs an id of its own, got {name!r}")
        if kind == OPENDRIVE_MAP and track == "SENSORS":
            raise HarnessError(
                f"agent {agent}: sensor {name!r} is the map, which belongs to the track MAP, not {track}"
            )
        needed = {CAMERA: ("x", "y", "z", "width", "height", "fov")}.get(kind, ())
        missing = [key for key in needed if key not in sensor]
        if missing:
            raise HarnessError(f"agent {agent}: sensor {name!r} lacks {', '.join(missing)}")
        check_values(sensor, f"agent {agent}: sensor {name!r}")
        _check_place(sensor, f"agent {agent}: sensor {name!r}", metric_version)
        ids.add(str(name))
        count[kind] = count.get(kind, 0) + 1
        if count[kind] > limits[kind]:
            where = f" on the track {track}" if is_qualifier else ""
            raise HarnessError(f"agent {agent}: more than {limits[kind]} sensors of type {kind}{where}")
    return [
        {key: int(float(v)) if key in _SIZES and sensor["type"] == CAMERA else v for key, v in sensor.items()}
        for sensor in declared
    ]


def check_values(sensor: Mapping[str, Any], who: str) -> None:
    """Whether a sensor's pose, size and field of view are possible; HarnessError says whose are not."""
    for key, (least, most) in _BOUNDS.get(sensor["type"], _POSE).items():
        if key in sensor and not _is_within(sensor[key], least, most, key in _SIZES):
            wanted = "a number" if math.isinf(most) else f"from {least:g} to {most:g}"
            raise HarnessError(f"{who} has {key} {sensor[key]!r}, which is not {wanted}")


def _check_place(sensor: Mapping[str, Any], who: str, metric_version: str) -> None:
    if not all(axis in sensor for axis in "xyz"):
        return
    away_m = math.hypot(*(float(sensor[axis]) for axis in "xyz"))
    most_m = FARTHEST_ELSEWHERE_M.get(metric_version, FARTHEST_M)
    if away_m > most_m:
        others = [f"{name} {m:g} m" for name, m in FARTHEST_ELSEWHERE_M.items() if m >= away_m]
        hint = f" (--metric {', '.join(others)})" if others else ""
        raise HarnessError(f"{who} is {away_m:.4g} m from the ego's origin, {most_m:g} m are allowed{hint}")


def _is_within(value: Any, least: float, most: float, whole: bool) -> bool:
    """The leaderboard hands on texts as well as numbers."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return math.isfinite(number) and least <= number <= most and (not whole or number == int(number))


class AgentSensors:
    """The agent's GNSS, IMU, lidars, radars, speedometer and map; cameras are the rig's."""

    def __init__(self, world: carla.World, ego: carla.Vehicle, declared: Sequence[Mapping[str, Any]], timeout_s: float):
        self._ego = ego
        self._timeout_s = timeout_s
        self._opendrive = ""
        self._queues: dict[Any, queue.SimpleQueue[Any]] = {}
        self._listening = Listening()
        self._pseudo: dict[Any, str] = {}
        self._kinds: dict[Any, str] = {}
        self._mirror_deg: float | None = None
        library = world.get_blueprint_library()
        for sensor in declared:
            kind, name = sensor["type"], sensor["id"]
            if kind == CAMERA:
                continue
            if kind in (SPEEDOMETER, OPENDRIVE_MAP):
                self._pseudo[name] = kind
                if kind == OPENDRIVE_MAP:
                    self._opendrive = world.get_map().to_opendrive()
                continue
            if kind == GNSS:
                self._mirror_deg = mirror_deg(world.get_map())
            blueprint = library.find(kind)
            for attribute, value in {**_FIXED.get(kind, {}), **_own_attributes(kind, sensor)}.items():
                if blueprint.has_attribute(attribute):
                    blueprint.set_attribute(attribute, value)
            actor = world.spawn_actor(blueprint, _pose(sensor), attach_to=ego)
            arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
            self._listening.begin(actor, arrived.put)
            self._queues[name] = arrived
            self._kinds[name] = kind

    def read(self, frame: int) -> dict[str, tuple[int, Any]]:
        """Everything of exactly this frame, keyed by sensor id, as the leaderboard's `input_data`."""
        data: dict[str, tuple[int, Any]] = {}
        for name, arrived in self._queues.items():
            reading = _parse(self._kinds[name], self._wait(name, arrived, frame))
            if self._kinds[name] == GNSS and self._mirror_deg is not None:
                reading[0] = self._mirror_deg - reading[0]
            data[name] = (frame, reading)
        for name, kind in self._pseudo.items():
            if kind == SPEEDOMETER:
                data[name] = (frame, {"speed": _forward_speed_mps(self._ego)})
            else:
                data[name] = (frame, {"opendrive": self._opendrive})
        return data

    def _wait(self, name: Any, arrived: queue.SimpleQueue[Any], frame: int) -> Any:
        while True:
            try:
                message = arrived.get(timeout=self._timeout_s)
            except queue.Empty:
                raise TimeoutError(f"sensor {name!r} sent nothing for frame {frame}") from None
            if message.frame == frame:
                return message

    def destroy(self) -> None:
        self._listening.end()


def _own_attributes(kind: str, sensor: Mapping[str, Any]) -> dict[str, str]:
    if kind != "sensor.other.radar":
        return {}
    horizontal = sensor.get("horizontal_fov", sensor.get("fov", 30))
    return {"horizontal_fov": str(horizontal), "vertical_fov": str(sensor.get("vertical_fov", sensor.get("fov", 30)))}


def _pose(sensor: Mapping[str, Any]) -> carla.Transform:
    location = carla.Location(*(float(sensor.get(axis, 0.0)) for axis in "xyz"))
    rotation = carla.Rotation(*(float(sensor.get(axis, 0.0)) for axis in ("pitch", "yaw", "roll")))
    return carla.Transform(location, rotation)


def mirror_deg(carla_map: carla.Map) -> float | None:
    """Twice the latitude about which a GNSS has to be mirrored to fit the leaderboard's plan; None if it fits already.

    The plan has +y in the south, and so had CARLA's GNSS when the leaderboard's agents were made. Since 0.9.16 latitude
    grows along +y: an agent that steers by both would be lost.
    """
    origin, beside = (carla_map.transform_to_geolocation(carla.Location(0.0, y, 0.0)).latitude for y in (0.0, 100.0))
    return 2.0 * float(origin) if beside > origin else None


def _parse(kind: str, message: Any) -> Any:
    if kind == GNSS:
        return np.array([message.latitude, message.longitude, message.altitude], np.float64)
    if kind == "sensor.other.imu":
        a, g = message.accelerometer, message.gyroscope
        return np.array([a.x, a.y, a.z, g.x, g.y, g.z, message.compass], np.float64)
    points = np.frombuffer(message.raw_data, np.float32).reshape(-1, 4).copy()
    if kind == "sensor.other.radar":  # the leaderboard hands depth, altitude, azimuth, velocity
        return np.flip(points, 1)
    return points


def _forward_speed_mps(ego: carla.Vehicle) -> np.float64:
    """As the leaderboard's speedometer: the velocity along the vehicle's heading, and a number of numpy's, of which
    agents ask for its `item()`."""
    velocity, forward = ego.get_velocity(), ego.get_transform().get_forward_vector()
    return np.float64(velocity.x * forward.x + velocity.y * forward.y + velocity.z * forward.z)
