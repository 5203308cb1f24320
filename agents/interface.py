"""The agent interface of the CARLA leaderboard 2.x, which leaderboard 1.0 agents fit as well.

An agent is a subclass of `AutonomousAgent` in a module with a function `get_entry_point()` that returns its class name.

This file, `hero`, `hidden`, `plan`, `published`, `loader` and what is in `outside` also run in an agent's own Python,
3.7 or newer.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any, Dict, Tuple

import carla

from .hero import metric_info
from .plan import GpsPlan, WorldPlan, downsample_route

# One entry per sensor id: (frame, data).
InputData = Dict[str, Tuple[int, Any]]


class Track(Enum):
    SENSORS = "SENSORS"
    MAP = "MAP"
    SENSORS_QUALIFIER = "SENSORS_QUALIFIER"
    MAP_QUALIFIER = "MAP_QUALIFIER"


class SensorInterface:
    """Where `AutonomousAgent.__call__` takes its data from: the harness puts one tick's data in before it calls."""

    def __init__(self) -> None:
        self._data: InputData | None = None
        self.timestamp = 0.0

    def put(self, data: InputData, timestamp: float) -> None:
        self._data, self.timestamp = data, timestamp

    def get_data(self, frame: int | None = None) -> InputData:
        if self._data is None:
            raise RuntimeError("no sensor data have arrived yet")
        return self._data


class AutonomousAgent:
    """Base class of agents.

    The harness calls `set_global_plan`, then `setup`, then `sensors` once, then the agent itself at every tick, and
    `destroy` at the end; for the leaderboard 1.0 `setup` comes first. Coordinates of sensors are those of the
    leaderboard: metres and degrees relative to the ego.

    `hero_actor`, `get_hero`, `get_metric_info` and `_plan_gps_HACK` are Bench2Drive's.
    """

    hero_actor: Any = None
    """The ego; `loader.make_agent` knows it before there is an agent."""
    plan_spacing_m: float = 200.0

    def __init__(self, carla_host: str, carla_port: int | None = None, debug: bool = False) -> None:
        self.track = Track.SENSORS
        self._global_plan: list | None = None
        self._global_plan_world_coord: list | None = None
        self.sensor_interface = SensorInterface()
        self.wallclock_t0: datetime | None = None
        if carla_port is None:
            # Leaderboard 1.0: the one argument is the path of the agent's configuration.
            self.setup(carla_host)

    def setup(self, path_to_conf_file: str) -> None:
        """Load what the agent needs; the argument is what the user gave as the agent's configuration."""

    def sensors(self) -> list[dict[str, Any]]:
        """The sensors the agent wants, as the leaderboard's list of dictionaries."""
        return []

    def run_step(self, input_data: InputData, timestamp: float) -> carla.VehicleControl:
        """One decision. `timestamp` is the simulation time since the route began, s: one step, 0.05, at the first."""
        raise NotImplementedError(f"{type(self).__name__} does not define run_step")

    def destroy(self) -> None:
        """Let go of what `setup` took."""

    def __call__(self) -> carla.VehicleControl:
        data = self.sensor_interface.get_data()
        if not self.wallclock_t0:  # when the route began, as the leaderboards tell it
            self.wallclock_t0 = datetime.now()
        control = self.run_step(data, self.sensor_interface.timestamp)
        if isinstance(control, carla.VehicleControl):  # what else it may be is told by who called
            control.manual_gear_shift = False
        return control

    @staticmethod
    def get_ros_version() -> int:
        return -1

    def set_global_plan(self, global_plan_gps: GpsPlan, global_plan_world_coord: WorldPlan) -> None:
        """Keep the route, thinned to each change of manoeuvre and one point each 200 m as the leaderboard 2.x does,
        or each 50 m as 1.0 and Bench2Drive do (`plan_spacing_m`)."""
        kept = downsample_route(global_plan_world_coord, self.plan_spacing_m)
        self._global_plan_world_coord = [tuple(global_plan_world_coord[index]) for index in kept]
        self._global_plan = [global_plan_gps[index] for index in kept]
        self._plan_gps_HACK = global_plan_gps

    def get_hero(self) -> None:
        """Looks for the ego in Bench2Drive's base class; here `hero_actor` is there from the start."""

    def get_metric_info(self) -> dict[str, list[float]]:
        return metric_info(self.hero_actor)
