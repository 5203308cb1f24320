"""Steered drives one after the other on one server: `reset`, then `step` until the route or the time is over."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from agents.plan import RoadOption
from agents.route import Pose, Progress, Route
from fusion.proxy import FusionProxy
from harness.air import ambient_for
from harness.cameras import Cameras, CameraView
from harness.errors import HarnessError
from harness.loop import PATIENCE_S, Instant, Loop
from harness.prepared_world import prepared_world
from harness.sensors import SPEEDOMETER, AgentSensors
from harness.server import EMBEDDED, ServerAddress, free_port
from harness.steered.frames import SharedFrames
from harness.steered.reward import reward
from harness.steered.settings import Settings
from results.events import TERMINATING_KINDS, Event, EventKind
from results.scores import METRIC_VERSIONS, Failure, score, status
from results.strips import strip_picture
from scenarios.fitting import plan_route
from scenarios.specs import RouteSpec
from scenarios.stage import Stage
from sensors.thermal.presets import preset

SPEED = "speed"


@dataclass(frozen=True)
class Outcome:
    """What a step led to, but for its frames. `ahead`: (n, 2) float32, the route's next points seen from the ego, m."""

    speed_mps: float
    ahead: NDArray[np.float32]
    command: RoadOption
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


@dataclass
class _Episode:
    spec: RouteSpec
    seed: int
    ego: carla.Vehicle
    loop: Loop
    progress: Progress
    length_m: float
    now: Instant
    events: list[Event] = field(default_factory=list)
    steps: int = 0


class Drives:
    """`frames` gets the camera frames of each step. Close it, or the world of a server of others stays synchronous."""

    def __init__(self, settings: Settings, address: ServerAddress, frames: SharedFrames):
        try:
            preset(settings.thermal)
        except (KeyError, ValueError) as error:
            raise HarnessError(f"thermal {settings.thermal}: {str(error).strip(chr(39))}") from error
        self._settings, self._frames = settings, frames
        self._proxy = FusionProxy.from_pretrained(settings.weights, threads=settings.threads)
        self._client = carla.Client(address.host, address.port)
        self._client.set_timeout(PATIENCE_S)
        # A server goes on counting its actors. What is drawn for them is what a drive of `harness.run` draws, where the
        # server is one of ours and counts as that drive's would; elsewhere it goes by their place in the episode.
        self._first_id: int | None = None if address.kind == EMBEDDED else 0
        self._ending = ExitStack()
        self._episode: _Episode | None = None

    def reset(self, spec: RouteSpec, seed: int) -> Outcome:
        self.close()
        settings, stack = self._settings, self._ending
        world = prepared_world(self._client, spec.town, stack)
        id_ = world.get_spectator().id
        self._first_id = id_ if self._first_id is None else self._first_id
        plan = plan_route(world.get_map(), spec)
        stage = Stage(self._client, world, plan, spec, settings.definition, seed, free_port())
        stack.callback(stage.destroy)
        cameras = Cameras(
            world,
            stage.ego,
            [settings.camera] if settings.needs_camera else [],
            settings.needs_thermal,
            self._proxy,
            settings.thermal,
            ambient_for(settings.definition, stage.weather),
            seed,
            ids_from=id_ - self._first_id,
            film_s=0.0,
        )
        stack.callback(cameras.destroy)
        sensors = AgentSensors(world, stage.ego, [{"type": SPEEDOMETER, "id": SPEED}], PATIENCE_S)
        stack.callback(sensors.destroy)
        loop = Loop(world, stage, cameras, sensors, cameras.views)
        loop.warm_up()
        progress = Progress(Route.from_plan(plan.points))
        episode = _Episode(spec, seed, stage.ego, loop, progress, plan.length_m, loop.tick())
        episode.events += episode.now.events
        self._episode = episode
        outcome = self._outcome(episode, episode.now.events, 0.0, None)
        return replace(outcome, info={**outcome.info, "left_out": stage.left_out})

    def step(self, steer: float, pedal: float) -> Outcome:
        """`pedal` is throttle where it is positive, brake where it is negative."""
        episode = self._episode
        assert episode is not None
        settings = self._settings
        before = episode.loop.completion
        control = carla.VehicleControl(throttle=max(pedal, 0.0), steer=steer, brake=max(-pedal, 0.0))
        new: list[Event] = []
        for _ in range(settings.frame_skip):
            episode.loop.act(control)
            episode.now = episode.loop.tick()
            new += episode.now.events
            if episode.now.ends_route:
                break
        episode.steps += 1
        ends = {event.kind for event in new} & TERMINATING_KINDS
        failure = None
        if not ends and settings.max_steps is not None and episode.steps >= settings.max_steps:
            failure = Failure.TICK_CAP
        if ends or failure:
            new += episode.loop.finish()
        episode.events += new
        gained_m = (episode.loop.completion - before) / 100.0 * episode.length_m
        return self._outcome(episode, new, gained_m, failure)

    def render(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB: the frames of the moment side by side."""
        assert self._episode is not None
        view = self._view(self._episode)
        moment = replace(view.moment(view.time_s), label=f"{view.time_s:.1f} s")
        return np.ascontiguousarray(strip_picture([moment])[..., ::-1])

    def close(self) -> None:
        """Clears the world of the episode's actors and gives it back as it was."""
        self._episode = None
        self._ending.close()

    def _outcome(self, episode: _Episode, new: list[Event], gained_m: float, failure: Failure | None) -> Outcome:
        settings, tick = self._settings, episode.now.tick
        self._show(episode)
        pose = Pose(tick.location[0], tick.location[1], math.radians(tick.rotation[1]))
        at_m = episode.progress.update(pose.x, pose.y)
        route = episode.progress.route
        along_m = at_m + settings.route_spacing_m * np.arange(1, settings.route_points + 1, dtype=np.float64)
        ends = {event.kind for event in new} & TERMINATING_KINDS
        timed_out = failure is not None or ends == {EventKind.ROUTE_TIMEOUT}
        return Outcome(
            speed_mps=episode.now.sensed[SPEED][1]["speed"],
            ahead=route.ahead(pose, along_m).astype(np.float32),
            command=_next_manoeuvre(route, at_m, float(along_m[-1])),
            reward=reward(gained_m, new, settings.metric, settings.progress_weight, settings.infraction_weight),
            terminated=bool(ends) and not timed_out,
            truncated=timed_out,
            info=self._info(episode, new, failure, is_over=bool(ends) or timed_out),
        )

    def _show(self, episode: _Episode) -> None:
        if not self._frames.arrays:
            return
        view = self._view(episode)
        for name, array in self._frames.arrays.items():
            if name == "thermal":
                array[..., 0] = view.thermal
            else:  # BGRA
                array[...] = (view.fused if name == "fused" else view.frames.bgra)[..., 2::-1]

    def _view(self, episode: _Episode) -> CameraView:
        return episode.now.seen[self._settings.camera["id"]]

    def _info(self, episode: _Episode, new: list[Event], failure: Failure | None, is_over: bool) -> dict[str, Any]:
        completion, time_s = episode.loop.completion, round(episode.now.tick.time_s, 6)
        now = score(episode.events, completion, self._settings.metric)
        info: dict[str, Any] = {
            "route_id": episode.spec.id,
            "seed": episode.seed,
            "time_s": time_s,
            "events": [event.to_dict() for event in new],
            "driving_score": now.driving_score,
            "route_completion": now.route_completion,
            "infraction_penalty": float(now.infraction_penalty),
            "metric_version": now.version,
        }
        if is_over:
            scores = {version: score(episode.events, completion, version) for version in METRIC_VERSIONS}
            info["record"] = {
                "scenario": self._settings.definition.name,
                "town": episode.spec.town,
                "route_id": episode.spec.id,
                "seed": episode.seed,
                "status": status(episode.events, completion, failure),
                "scores": {
                    version: {
                        "driving_score": one.driving_score,
                        "route_completion": one.route_completion,
                        "infraction_penalty": float(one.infraction_penalty),
                    }
                    for version, one in scores.items()
                },
                "events": [event.to_dict() for event in episode.events],
                "route_length_m": episode.length_m,
                "duration_game_s": time_s,
                "tick_count": len(episode.loop.ticks),
            }
        return info


def _next_manoeuvre(route: Route, from_m: float, to_m: float) -> RoadOption:
    """The first on this stretch of the route that is more than following the lane."""
    first = max(int(np.searchsorted(route.distance_m, from_m, side="right")) - 1, 0)
    last = int(np.searchsorted(route.distance_m, to_m, side="right"))
    ahead = (option for option in route.options[first:last] if option is not RoadOption.LANEFOLLOW)
    return next(ahead, RoadOption.LANEFOLLOW)
