"""A small car with the sensors of the leaderboard, to close the loop around a controller without a server."""

import math

import carla
import numpy as np

from agents.localisation import EARTH_RADIUS_M
from agents.plan import RoadOption

LATITUDE_0, LONGITUDE_0 = 42.0, 2.0
WHEELBASE_M, REAR_AXLE_M, DELTA_S = 2.85, 1.42, 0.05


def plan_through(*pieces: tuple[float, float], start=(30.0, -40.0, 0.3)):
    """World and GPS plan of pieces (length m, radius m; 0 = straight, > 0 = to the right), a point each metre."""
    x, y, yaw = start
    points = [(x, y, yaw)]
    for length_m, radius_m in pieces:
        for _ in range(int(length_m)):
            turn = 1.0 / radius_m if radius_m else 0.0
            x, y = x + math.cos(yaw + turn / 2), y + math.sin(yaw + turn / 2)
            yaw += turn
            points.append((x, y, yaw))
    world = [
        (carla.Transform(carla.Location(x=x, y=y), carla.Rotation(yaw=math.degrees(a))), RoadOption.LANEFOLLOW)
        for x, y, a in points
    ]
    gps = [({**dict(zip(("lat", "lon"), geodetic(x, y))), "z": 0.0}, RoadOption.LANEFOLLOW) for x, y, _ in points]
    return gps, world


def geodetic(x: float, y: float) -> tuple[float, float]:
    """The leaderboard's formula."""
    scale = math.cos(math.radians(LATITUDE_0))
    mx = scale * math.radians(LONGITUDE_0) * EARTH_RADIUS_M + x
    my = scale * EARTH_RADIUS_M * math.log(math.tan(math.radians(90.0 + LATITUDE_0) / 2.0)) - y
    latitude = 2.0 * math.degrees(math.atan(math.exp(my / (EARTH_RADIUS_M * scale)))) - 90.0
    return latitude, math.degrees(mx / (EARTH_RADIUS_M * scale))


class SmallCar:
    def __init__(self, x: float, y: float, yaw: float, seed: int = 0) -> None:
        self.rear = (x - REAR_AXLE_M * math.cos(yaw), y - REAR_AXLE_M * math.sin(yaw))
        self.yaw, self.yaw_rate, self.speed, self.steer, self.push = yaw, 0.0, 0.0, 0.0, 0.0
        self.noise = np.random.default_rng(seed)

    @property
    def origin(self) -> tuple[float, float]:
        return self.rear[0] + REAR_AXLE_M * math.cos(self.yaw), self.rear[1] + REAR_AXLE_M * math.sin(self.yaw)

    def sense(self, frame: int) -> dict:
        x, y = self.origin
        latitude, longitude = geodetic(x, y)
        noise = self.noise.normal(0.0, 5e-6, 2)
        imu = [0.0, 0.0, 9.81, 0.0, 0.0, self.yaw_rate + self.noise.normal(0.0, 0.001), self.yaw + math.pi / 2.0]
        return {
            "gnss": (frame, np.array([latitude + noise[0], longitude + noise[1], 0.0])),
            "imu": (frame, np.array(imu)),
            "speed": (frame, {"speed": self.speed}),
        }

    def step(self, control: carla.VehicleControl) -> None:
        # Steering and drive train follow the commands with a lag of about a tenth of a second.
        self.steer += 0.4 * (control.steer - self.steer)
        self.push += 0.3 * ((4.0 * control.throttle - 8.0 * control.brake) - self.push)
        self.speed = max(self.speed + (self.push - 0.05 * self.speed) * DELTA_S, 0.0)
        self.yaw_rate = self.speed * math.tan(self.steer * math.radians(70.0)) / WHEELBASE_M
        middle = self.yaw + 0.5 * self.yaw_rate * DELTA_S
        step_m = self.speed * DELTA_S
        self.rear = (self.rear[0] + step_m * math.cos(middle), self.rear[1] + step_m * math.sin(middle))
        self.yaw += self.yaw_rate * DELTA_S
