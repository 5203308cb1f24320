"""The records of CARLA's client API, in the field order in which the wire carries them.

Axes are CARLA's: x forward, y right, z up (left-handed), metres; angles in degrees, yaw clockwise seen from above.
A record travels as the array of its fields in the order written here (see `simulator.wire.codec`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import IntEnum, IntFlag
from typing import Annotated, NamedTuple

import numpy as np

__all__ = ["replace"]

U8 = Annotated[int, range(2**8)]
I32 = Annotated[int, range(-(2**31), 2**31)]
U32 = Annotated[int, range(2**32)]
U64 = Annotated[int, range(2**64)]
"""Integers of the widths that they have on the wire."""
LARGEST_FLOAT = float(np.finfo(np.float32).max)
"""CARLA's numbers have 32 bits; what is larger overflows once it is squared or multiplied."""


class Vector2D(NamedTuple):
    x: float = 0.0
    y: float = 0.0


class Vector3D(NamedTuple):
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


class Rotation(NamedTuple):
    """Degrees."""

    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0


class Transform(NamedTuple):
    location: Vector3D = Vector3D()
    rotation: Rotation = Rotation()


class Color(NamedTuple):
    """0..255 each."""

    r: U8 = 0
    g: U8 = 0
    b: U8 = 0


class CityObjectLabel(IntEnum):
    """Semantic tags of CARLA since 0.9.14."""

    NONE = 0
    ROADS = 1
    SIDEWALKS = 2
    BUILDINGS = 3
    WALLS = 4
    FENCES = 5
    POLES = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGNS = 8
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    PEDESTRIANS = 12
    RIDER = 13
    CAR = 14
    TRUCK = 15
    BUS = 16
    TRAIN = 17
    MOTORCYCLE = 18
    BICYCLE = 19
    STATIC = 20
    DYNAMIC = 21
    OTHER = 22
    WATER = 23
    ROAD_LINES = 24
    GROUND = 25
    BRIDGE = 26
    RAIL_TRACK = 27
    GUARD_RAIL = 28
    ANY = 255


class AttributeType(IntEnum):
    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    COLOR = 5


class TrafficLightState(IntEnum):
    RED = 0
    YELLOW = 1
    GREEN = 2
    OFF = 3
    UNKNOWN = 4


class VehicleLightState(IntFlag):
    NONE = 0
    POSITION = 1
    LOW_BEAM = 2
    HIGH_BEAM = 4
    BRAKE = 8
    RIGHT_BLINKER = 16
    LEFT_BLINKER = 32
    REVERSE = 64
    FOG = 128
    INTERIOR = 256
    SPECIAL_1 = 512
    SPECIAL_2 = 1024


EVENT_DTYPE = np.dtype([("x", "<u2"), ("y", "<u2"), ("t_ns", "<i8"), ("polarity", "u1")])
"""One event of a dynamic vision sensor, packed as on the wire: 13 bytes."""


@dataclass(frozen=True)
class BoundingBox:
    """`extent` holds half sizes in metres; `location` and `rotation` are relative to the actor."""

    location: Vector3D = Vector3D()
    extent: Vector3D = Vector3D()
    rotation: Rotation = Rotation()
    actor_id: U32 = 0


@dataclass(frozen=True)
class ActorAttribute:
    """An attribute as a blueprint declares it; `value` is the default, as text."""

    id: str
    type: AttributeType
    value: str
    recommended_values: tuple[str, ...] = ()
    is_modifiable: bool = True
    restrict_to_recommended: bool = False


@dataclass(frozen=True)
class ActorAttributeValue:
    id: str
    type: AttributeType
    value: str


@dataclass(frozen=True)
class ActorDefinition:
    """A blueprint. `tags` is comma separated: `vehicle,tesla,model3`."""

    uid: U32
    id: str
    tags: str
    attributes: tuple[ActorAttribute, ...]


@dataclass(frozen=True)
class ActorDescription:
    """What a client asks to spawn: a blueprint with its chosen values."""

    uid: U32
    id: str
    attributes: tuple[ActorAttributeValue, ...] = ()

    def get(self, attribute: str, default: str = "") -> str:
        return next((a.value for a in self.attributes if a.id == attribute), default)


@dataclass(frozen=True)
class ActorRecord:
    """An actor as `spawn_actor` and `get_actors_by_id` return it."""

    id: U32
    parent_id: U32
    description: ActorDescription
    bounding_box: BoundingBox
    semantic_tags: bytes = b""
    stream_token: bytes = b""


@dataclass(frozen=True)
class VehicleControl:
    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    manual_gear_shift: bool = False
    gear: I32 = 0


@dataclass(frozen=True)
class VehicleAckermannControl:
    """`steer` in radians, `speed` in m/s, `acceleration` in m/s^2."""

    steer: float = 0.0
    steer_speed: float = 0.0
    speed: float = 0.0
    acceleration: float = 0.0
    jerk: float = 0.0


@dataclass(frozen=True)
class AckermannControllerSettings:
    speed_kp: float = 0.15
    speed_ki: float = 0.0
    speed_kd: float = 0.25
    accel_kp: float = 0.01
    accel_ki: float = 0.0
    accel_kd: float = 0.01


@dataclass(frozen=True)
class WalkerControl:
    """`speed` in m/s along `direction` (world axes)."""

    direction: Vector3D = Vector3D(1.0, 0.0, 0.0)
    speed: float = 0.0
    jump: bool = False


@dataclass(frozen=True)
class GearPhysicsControl:
    ratio: float = 1.0
    down_ratio: float = 0.5
    up_ratio: float = 0.65


@dataclass(frozen=True)
class WheelPhysicsControl:
    """`max_steer_angle` in degrees, `radius` and `position` in centimetres as CARLA gives them, torques in N m."""

    tire_friction: float = 3.5
    damping_rate: float = 0.25
    max_steer_angle: float = 70.0
    radius: float = 35.0
    max_brake_torque: float = 1500.0
    max_handbrake_torque: float = 3000.0
    lat_stiff_max_load: float = 2.0
    lat_stiff_value: float = 17.0
    long_stiff_value: float = 1000.0
    position: Vector3D = Vector3D()


@dataclass(frozen=True)
class VehiclePhysicsControl:
    torque_curve: tuple[Vector2D, ...] = (Vector2D(0.0, 400.0), Vector2D(1890.0, 500.0), Vector2D(5730.0, 400.0))
    max_rpm: float = 5730.0
    moi: float = 1.0
    damping_rate_full_throttle: float = 0.15
    damping_rate_zero_throttle_clutch_engaged: float = 2.0
    damping_rate_zero_throttle_clutch_disengaged: float = 0.35
    use_gear_autobox: bool = True
    gear_switch_time: float = 0.5
    clutch_strength: float = 10.0
    final_ratio: float = 4.0
    forward_gears: tuple[GearPhysicsControl, ...] = ()
    mass: float = 1500.0
    drag_coefficient: float = 0.3
    center_of_mass: Vector3D = Vector3D()
    steering_curve: tuple[Vector2D, ...] = (
        Vector2D(0.0, 1.0),
        Vector2D(20.0, 0.9),
        Vector2D(60.0, 0.8),
        Vector2D(120.0, 0.7),
    )
    wheels: tuple[WheelPhysicsControl, ...] = ()
    use_sweep_wheel_collision: bool = False


@dataclass(frozen=True)
class WeatherParameters:
    cloudiness: float = 5.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 10.0
    sun_azimuth_angle: float = 45.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 0.0
    fog_distance: float = 0.0
    fog_falloff: float = 0.1
    wetness: float = 0.0
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0

    def with_defaults(self, town: WeatherParameters) -> WeatherParameters:
        """As it is seen where a town has a weather of its own: -1, as in `carla.WeatherParameters.Default`, means that.

        The sun's angles may well be -1; they are the town's where both are.
        """
        own = {f.name for f in fields(self) if getattr(self, f.name) == -1.0}
        if not {"sun_azimuth_angle", "sun_altitude_angle"} <= own:
            own -= {"sun_azimuth_angle", "sun_altitude_angle"}
        return replace(self, **{name: getattr(town, name) for name in own}) if own else self


@dataclass(frozen=True)
class EpisodeSettings:
    synchronous_mode: bool = False
    no_rendering_mode: bool = False
    fixed_delta_seconds: float | None = None
    substepping: bool = True
    max_substep_delta_time: float = 0.01
    max_substeps: I32 = 10
    max_culling_distance: float = 0.0
    deterministic_ragdolls: bool = False
    tile_stream_distance: float = 3000.0
    actor_active_distance: float = 2000.0
    spectator_as_ego: bool = True


@dataclass(frozen=True)
class MapInfo:
    name: str
    recommended_spawn_points: tuple[Transform, ...] = ()


@dataclass(frozen=True)
class LightState:
    """A street light as the light manager sees it. `intensity` in lumens, as CARLA."""

    id: U32
    location: Vector3D
    intensity: float = 10_000.0
    group: U8 = 2
    color: Color = Color(255, 214, 170)
    active: bool = False


@dataclass(frozen=True)
class LabelledPoint:
    location: Vector3D
    label: CityObjectLabel


@dataclass(frozen=True)
class EnvironmentObject:
    transform: Transform
    bounding_box: BoundingBox
    id: U64
    name: str
    type: CityObjectLabel


@dataclass(frozen=True)
class WheelTelemetryData:
    tire_friction: float = 0.0
    lat_slip: float = 0.0
    long_slip: float = 0.0
    omega: float = 0.0
    tire_load: float = 0.0
    normalized_tire_load: float = 0.0
    torque: float = 0.0
    long_force: float = 0.0
    lat_force: float = 0.0
    normalized_long_force: float = 0.0
    normalized_lat_force: float = 0.0


@dataclass(frozen=True)
class VehicleTelemetryData:
    speed: float = 0.0
    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0
    engine_rpm: float = 0.0
    gear: I32 = 0
    drag: float = 0.0
    wheels: tuple[WheelTelemetryData, ...] = field(default_factory=tuple)
