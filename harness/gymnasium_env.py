"""The closed loop as a Gymnasium environment: importing this module registers `nightloop/Drive-v0`.

    import gymnasium, harness.gymnasium_env
    env = gymnasium.make("nightloop/Drive-v0", scenario="night_fog", frames=("rgb", "thermal", "fused"))
    observation, info = env.reset(seed=0, options={"route": "3"})
    observation, reward, terminated, truncated, info = env.step(action)

It is the loop of `harness.run` with another at the wheel: the same towns, weather, hazards, traffic, cameras, criteria
and scores. The simulator and its client live in a process of their own, which starts with the first `reset`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from agents.plan import RoadOption
from harness.cores import usable_cores
from harness.errors import HarnessError
from harness.sensors import CAMERA, check_values
from harness.server import parse_address
from harness.steered.process import DriveProcess
from harness.steered.settings import FRAMES, Settings
from results.scores import DEFAULT_VERSION, METRIC_VERSIONS
from scenarios.criteria.route import OFF_ROUTE_M
from scenarios.definition import ScenarioDefinition, load_scenario
from scenarios.route_subset import select_routes
from sensors.fog_table import FogTableError, load_fog_table

ID = "nightloop/Drive-v0"
TICKS_PER_S = 20
PILOT_CAMERA: Mapping[str, float] = {
    **{"x": 1.0, "y": 0.0, "z": 1.75, "roll": 0.0, "pitch": 0.0, "yaw": 0.0},
    **{"width": 640, "height": 360, "fov": 100.0},
}
"""That of the shipped pilot, whose own module would load torch."""
FASTEST_MPS = 100.0
# A route is over OFF_ROUTE_M from it; a vehicle that is thrown may get a little farther within the step.
MOST_OFF_ROUTE_M = 2.0 * OFF_ROUTE_M
LARGEST_SEED = 2**63 - 1
EPISODES_PER_PROCESS = 200
"""Each Traffic Manager leaves 2 MB in the client library that made it; a new process costs a few seconds."""

Observation = dict[str, Any]
Action = NDArray[np.float32]


class DriveEnv(gymnasium.Env[Observation, Action]):
    """One vehicle on the routes of one scenario, 20 ticks a second, `frame_skip` of them a step.

    Observation: the frames asked for, of one forward camera, `rgb` and `fused` (H, W, 3) and `thermal` (H, W, 1) uint8;
    `speed_mps` (1,), along the heading; `route` (route_points, 2), the route's next points, `route_spacing_m` apart,
    seen from the vehicle, m, x forward and y right; `command`, the number of the leaderboard's `RoadOption` that comes
    next on that stretch: LANEFOLLOW unless there is a junction or a lane change. Speed and route are the true ones.

    Action: (steer, pedal), each -1..1: right is positive; throttle is positive, brake negative. What lies beyond is
    brought to the limit.

    Reward: `progress_weight` for each metre that the leaderboard's route completion has grown by, less
    `infraction_weight` times the share of the score that each infraction of the step would take alone by the rule
    `metric`: with the defaults 1 a metre and -50 for a pedestrian, -40 for a vehicle, -30 for a red light.

    An episode is `terminated` at the end of the route, off the route or when the vehicle has been blocked, as the
    leaderboard has it, and `truncated` at the route's time limit or after `max_steps`. Of other infractions the drive
    goes on. `info` tells `events` of the step and the scores so far; after the last step `record` holds all of them.

    `reset(seed=)` draws the route, unless `options={"route": ID}` names it, and seeds traffic, walkers and the thermal
    camera as `harness.run` does; without a seed one is drawn and told in `info`. Equal seeds and actions give equal
    observations, to the last bit, on an embedded server. `server_seed` is the seed of what that server draws itself:
    phases of traffic lights, paint, noise of the RGB camera. With `server_seed` equal to the seed a drive is that of
    `harness.run`. `carla` is HOST:PORT of a running CARLA 0.9.16 server, `fog_table` then says what its fog means.

    `routes` is a leaderboard route file to drive in the scenario's weather instead of its own routes, each in its own
    town. `left_out` in the `info` of `reset` tells, by its name, why a hazard of the route's is missing: nightloop does
    not stage its type, or it does not fit the way or finds no room.

    `camera` changes what differs from the shipped pilot's, by the leaderboard's keys: x, y, z, roll, pitch, yaw, width,
    height, fov. `thermal` and `weights` are as for `harness.run`. `threads` is all cores unless several environments
    share them.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": TICKS_PER_S}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self,
        scenario: str | Path = "night_fog",
        frames: Sequence[str] = tuple(FRAMES),
        *,
        routes: str | Path | None = None,
        camera: Mapping[str, float] | None = None,
        carla: str | None = None,
        frame_skip: int = 1,
        max_steps: int | None = None,
        route_points: int = 20,
        route_spacing_m: float = 2.0,
        progress_weight: float = 1.0,
        infraction_weight: float = 100.0,
        metric: str = DEFAULT_VERSION,
        weights: str = "sim",
        thermal: str | None = None,
        fog_table: str | Path | None = None,
        server_seed: int = 0,
        threads: int | None = None,
        render_mode: str | None = None,
    ):
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise HarnessError(f"render_mode {render_mode!r}: choose rgb_array")
        if metric not in METRIC_VERSIONS:
            raise HarnessError(f"metric {metric!r}: choose from {', '.join(METRIC_VERSIONS)}")
        if carla is not None:
            parse_address(carla, "carla")
        definition = _definition(scenario, routes, fog_table, carla)
        self._routes = definition.load_routes()
        self._settings = Settings(
            definition=definition,
            frames=_frames(frames),
            camera=_camera(camera or {}),
            carla=carla,
            frame_skip=_whole("frame_skip", frame_skip, 1),
            max_steps=None if max_steps is None else _whole("max_steps", max_steps, 1),
            route_points=_whole("route_points", route_points, 1),
            route_spacing_m=_number("route_spacing_m", route_spacing_m, 0.1),
            progress_weight=_number("progress_weight", progress_weight),
            infraction_weight=_number("infraction_weight", infraction_weight),
            metric=metric,
            weights=_absolute(weights),
            thermal=_absolute(thermal or definition.thermal_preset),
            server_seed=_whole("server_seed", server_seed, 0),
            threads=usable_cores() if threads is None else _whole("threads", threads, 1),
            renders=render_mode is not None,
        )
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": TICKS_PER_S / frame_skip}
        self.observation_space = _observation_space(self._settings)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._process: DriveProcess | None = None
        self._has_begun = False
        self._is_driving = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        options = options or {}
        if unknown := sorted(options.keys() - {"route"}):
            raise HarnessError(f"reset: no option {unknown[0]!r}: there is route")
        # Both are drawn whatever is given, so that what is drawn later does not depend on it.
        drawn_route, drawn_seed = int(self.np_random.integers(len(self._routes))), int(self.np_random.integers(2**31))
        named = str(options.get("route", self._routes[drawn_route].id))
        (spec,) = select_routes(self._routes, [named])
        if seed is not None and seed > LARGEST_SEED:
            raise HarnessError(f"reset: seed {seed} is more than {LARGEST_SEED}")
        self._has_begun = self._is_driving = False
        if self._process is not None and self._process.resets == EPISODES_PER_PROCESS:
            self._process.end()
        if self._process is None or self._process.has_ended:
            self._process = DriveProcess(self._settings)
        outcome = self._process.ask("reset", spec, drawn_seed if seed is None else seed)
        self._has_begun = self._is_driving = True
        return self._observation(outcome), outcome.info

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        steer, pedal = _checked(action)
        outcome = self._running("step").ask("step", steer, pedal)
        self._is_driving = not (outcome.terminated or outcome.truncated)
        return self._observation(outcome), outcome.reward, outcome.terminated, outcome.truncated, outcome.info

    def render(self) -> NDArray[np.uint8] | None:
        """(H, W, 3): RGB | thermal | fused of the moment."""
        if self.render_mode is None:
            gymnasium.logger.warn('render: make the environment with render_mode="rgb_array"')
            return None
        if self._process is None or self._process.has_ended or not self._has_begun:
            raise HarnessError("render: call reset() first")
        return self._process.ask("render")

    def close(self) -> None:
        if self._process is not None:
            self._process.end()
        self._is_driving = False

    def _running(self, name: str) -> DriveProcess:
        if self._process is None or self._process.has_ended:
            raise HarnessError(f"{name}: call reset() first")
        if not self._is_driving:
            raise HarnessError(f"{name}: the episode is over, call reset()")
        return self._process

    def _observation(self, outcome: Any) -> Observation:
        assert self._process is not None
        space = self.observation_space
        assert isinstance(space, spaces.Dict)
        reach = space["route"].high  # type: ignore[attr-defined]
        return {
            **{name: array.copy() for name, array in self._process.frames.arrays.items()},
            "speed_mps": np.array([np.clip(outcome.speed_mps, -FASTEST_MPS, FASTEST_MPS)], np.float32),
            "route": np.clip(outcome.ahead, -reach, reach),
            "command": np.int64(outcome.command),
        }


def _observation_space(settings: Settings) -> spaces.Dict:
    height, width = settings.camera["height"], settings.camera["width"]
    reach_m = settings.route_points * settings.route_spacing_m + MOST_OFF_ROUTE_M
    first = min(RoadOption)
    return spaces.Dict(
        {
            **{name: spaces.Box(0, 255, (height, width, FRAMES[name]), np.uint8) for name in settings.frames},
            "speed_mps": spaces.Box(-FASTEST_MPS, FASTEST_MPS, (1,), np.float32),
            "route": spaces.Box(-reach_m, reach_m, (settings.route_points, 2), np.float32),
            "command": spaces.Discrete(max(RoadOption) - first + 1, start=int(first)),
        }
    )


def _definition(
    scenario: str | Path, routes: str | Path | None, fog_table: str | Path | None, carla: str | None
) -> ScenarioDefinition:
    definition = load_scenario(scenario)
    if routes is not None:
        definition = definition.on_routes(Path(routes))
    if fog_table is None:
        return definition
    if carla is None:
        raise HarnessError("fog_table belongs to carla: the embedded simulator knows its own fog")
    try:
        table = load_fog_table(Path(fog_table))
        if definition.fog:
            table.fog_density(definition.fog.visibility_m)
    except FogTableError as error:
        raise HarnessError(f"fog_table: {error}") from error
    return definition.with_fog_table(table)


def _frames(names: Sequence[str]) -> tuple[str, ...]:
    names = (names,) if isinstance(names, str) else tuple(names)
    if unknown := [name for name in names if name not in FRAMES]:
        raise HarnessError(f"frames: no {unknown[0]!r}: choose from {', '.join(FRAMES)}")
    if len(set(names)) < len(names):
        raise HarnessError(f"frames {', '.join(names)}: each once")
    return names


def _camera(changes: Mapping[str, float]) -> dict[str, Any]:
    if unknown := sorted(changes.keys() - PILOT_CAMERA.keys()):
        raise HarnessError(f"camera: no {unknown[0]!r}: there are {', '.join(PILOT_CAMERA)}")
    camera: dict[str, Any] = {"type": CAMERA, "id": "front", **PILOT_CAMERA, **changes}
    check_values(camera, "camera")
    return {**camera, "width": int(float(camera["width"])), "height": int(float(camera["height"]))}


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise HarnessError(f"{name} {value!r} is not a whole number of {least} or more")
    return int(value)


def _number(name: str, value: Any, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not least <= value < math.inf:
        raise HarnessError(f"{name} {value!r} is not a number of {least:g} or more")
    return float(value)


def _absolute(name_or_path: str) -> str:
    """A path of a file stays what it is when the program that steers goes elsewhere."""
    return str(Path(name_or_path).resolve()) if Path(name_or_path).is_file() else name_or_path


def _checked(action: Any) -> tuple[float, float]:
    try:
        values = np.asarray(action, np.float64)
    except (TypeError, ValueError):
        raise HarnessError(f"step: an action is two numbers, got {action!r}") from None
    if values.shape != (2,):
        raise HarnessError(f"step: an action has shape (2,), got {values.shape}")
    if not np.isfinite(values).all():
        raise HarnessError(f"step: an action is two numbers, got {values.tolist()}")
    steer, pedal = np.clip(values, -1.0, 1.0).tolist()
    return steer, pedal


gymnasium.register(ID, entry_point="harness.gymnasium_env:DriveEnv")
