"""Sensors with the attributes and defaults of CARLA's server, and `panes`, which no client of CARLA asks for."""

from __future__ import annotations

from simulator.types import ActorAttribute, AttributeType
from simulator.world.blueprints.attributes import numbers, role_name

_LENS = numbers(
    fov=90.0, image_size_x=800, image_size_y=600, lens_circle_falloff=5.0, lens_circle_multiplier=0.0,
    lens_k=-1.0, lens_kcube=0.0, lens_x_size=0.08, lens_y_size=0.08,
)  # fmt: skip
_RGB = (
    *numbers(
        enable_postprocess_effects=True, gamma=2.2, motion_blur_intensity=0.45, motion_blur_max_distortion=0.35,
        motion_blur_min_object_screen_size=0.1, lens_flare_intensity=0.1, bloom_intensity=0.675,
        exposure_compensation=0.0, shutter_speed=200.0, iso=100.0, fstop=1.4, exposure_min_bright=10.0,
        exposure_max_bright=12.0, exposure_speed_up=3.0, exposure_speed_down=1.0, calibration_constant=16.0,
        focal_distance=1000.0, blur_amount=1.0, blur_radius=0.0, min_fstop=1.2, blade_count=5, slope=0.88, toe=0.55,
        shoulder=0.26, black_clip=0.0, white_clip=0.04, temp=6500.0, tint=0.0, chromatic_aberration_intensity=0.0,
        chromatic_aberration_offset=0.0,
    ),
    ActorAttribute("exposure_mode", AttributeType.STRING, "histogram", ("histogram", "manual"), True, True),
)  # fmt: skip
_DVS = numbers(
    positive_threshold=0.3, negative_threshold=0.3, sigma_positive_threshold=0.0, sigma_negative_threshold=0.0,
    refractory_period_ns=0, use_log=True, log_eps=0.001,
)  # fmt: skip
_LIDAR = numbers(
    channels=32,
    range=10.0,
    points_per_second=56000,
    rotation_frequency=10.0,
    upper_fov=10.0,
    lower_fov=-30.0,
    horizontal_fov=360.0,
)
_GNSS = numbers(
    noise_seed=0, **{f"noise_{axis}_{kind}": 0.0 for axis in ("alt", "lat", "lon") for kind in ("bias", "stddev")}
)
_IMU = numbers(
    noise_seed=0,
    **{f"noise_accel_stddev_{axis}": 0.0 for axis in "xyz"},
    **{f"noise_gyro_{kind}_{axis}": 0.0 for kind in ("bias", "stddev") for axis in "xyz"},
)

_OWN: dict[str, tuple[ActorAttribute, ...]] = {
    "sensor.camera.rgb": _LENS + _RGB,
    "sensor.camera.depth": _LENS,
    "sensor.camera.semantic_segmentation": _LENS,
    "sensor.camera.instance_segmentation": _LENS + numbers(panes=False),
    "sensor.camera.cosmos_visualization": _LENS,
    "sensor.camera.normals": _LENS,
    "sensor.camera.optical_flow": _LENS,
    "sensor.camera.dvs": _LENS + _RGB + _DVS,
    "sensor.lidar.ray_cast": _LIDAR
    + numbers(
        atmosphere_attenuation_rate=0.004, dropoff_general_rate=0.45, dropoff_intensity_limit=0.8,
        dropoff_zero_intensity=0.4, noise_seed=0, noise_stddev=0.0,
    ),
    "sensor.lidar.ray_cast_semantic": _LIDAR,
    "sensor.other.collision": (),
    "sensor.other.gnss": _GNSS,
    "sensor.other.imu": _IMU,
    "sensor.other.lane_invasion": (),
    "sensor.other.obstacle": numbers(distance=5.0, hit_radius=0.5, only_dynamics=False, debug_linetrace=False),
    "sensor.other.radar": numbers(
        horizontal_fov=30.0, vertical_fov=30.0, range=100.0, points_per_second=1500, noise_seed=0
    ),
}  # fmt: skip

_ON_EVENT = frozenset({"sensor.other.collision", "sensor.other.lane_invasion"})
SENSORS: tuple[str, ...] = tuple(_OWN)
WITHOUT_STREAM = frozenset({"sensor.other.lane_invasion"})  # the client works it out by itself


def attributes(blueprint_id: str) -> tuple[ActorAttribute, ...]:
    name = blueprint_id.rsplit(".", 1)[1]
    tick = () if blueprint_id in _ON_EVENT else numbers(sensor_tick=0.0)
    return (
        *_OWN[blueprint_id],
        *tick,
        role_name("front" if "camera" in blueprint_id else name),
        *numbers(ros_name=name),
    )
