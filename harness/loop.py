"""The closed loop, tick by tick: what a drive of `harness.run` and an episode of the Gymnasium environment both do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import carla

from harness.air import ambient_for
from harness.cameras import Cameras
from harness.errors import ServerError
from harness.sensors import AgentSensors
from results.events import TERMINATING_KINDS, Event
from results.ticks import Tick
from scenarios.criteria import Judgement
from scenarios.criteria.route import RouteCompletion
from scenarios.stage import Stage

STEP_S = 0.05
WARM_UP_TICKS = 10
# A first frame on a new machine waits for the renderer to be compiled.
PATIENCE_S = 300.0

Look = Callable[[carla.WorldSnapshot, float, float], dict[str, Any]]
"""What is made of a tick's camera frames: `Cameras.read` or `Cameras.views`."""


@dataclass(frozen=True, eq=False)
class Instant:
    """What one tick brought: `seen` by the cameras and `sensed` by the other sensors, by sensor id.

    `game_time_s` is what an agent is told: scenario_runner's `GameTime`, which has counted one step at the first tick.
    """

    snapshot: carla.WorldSnapshot
    tick: Tick
    game_time_s: float
    seen: dict[str, Any]
    sensed: dict[str, tuple[int, Any]]
    events: list[Event]

    @property
    def ends_route(self) -> bool:
        return any(event.kind in TERMINATING_KINDS for event in self.events)


class Loop:
    """`warm_up`, then `tick` and `act` in turn until a tick ends the route, then `finish`."""

    def __init__(self, world: carla.World, stage: Stage, cameras: Cameras, sensors: AgentSensors, look: Look):
        self.ticks: list[Tick] = []
        self._world, self._stage, self._cameras, self._sensors, self._look = world, stage, cameras, sensors, look
        self._criteria = stage.criteria()
        self._began_s = 0.0

    @property
    def completion(self) -> float:
        """The route's completion so far, as the leaderboard counts it: per cent."""
        return next(c.percentage for c in self._criteria if isinstance(c, RouteCompletion))

    def warm_up(self) -> None:
        """Until everything that was spawned above the road stands on it."""
        for _ in range(WARM_UP_TICKS):
            self._stage.ego.apply_control(carla.VehicleControl(brake=1.0, hand_brake=True))
            snapshot, _ = self._advance()
            self._look(snapshot, 0.0, PATIENCE_S)
            # Without the rounding errors of its sum: taken off the times that follow, it changes no bit of their
            # differences.
            self._began_s = round(snapshot.timestamp.elapsed_seconds, 6)

    def tick(self) -> Instant:
        time_s = len(self.ticks) * STEP_S
        snapshot, sensed = self._advance()
        # Frames are counted from the first: what a server had counted before is chance.
        tick = replace(self._stage.observe_snapshot(snapshot, time_s), frame=len(self.ticks))
        judgement = Judgement(self._criteria, tick)
        seen = self._look(snapshot, time_s, PATIENCE_S)
        tick = self._stage.with_contacts(tick, snapshot)
        self.ticks.append(tick)
        game_time_s = snapshot.timestamp.elapsed_seconds - self._began_s
        return Instant(snapshot, tick, game_time_s, seen, sensed, judgement.events(tick))

    def act(self, control: carla.VehicleControl) -> None:
        """What the ego and everybody else do until the next tick; the weather may change with the way."""
        before = self._stage.weather
        self._stage.ego.apply_control(control)
        self._stage.step(self.ticks[-1].time_s)
        if self._stage.weather is not before:
            self._cameras.ambient = ambient_for(self._stage.definition, self._stage.weather)

    def finish(self) -> list[Event]:
        """Events that only the end of the route decides."""
        return [event for criterion in self._criteria for event in criterion.finish(self.ticks[-1])]

    def _advance(self) -> tuple[carla.WorldSnapshot, dict[str, tuple[int, Any]]]:
        """Ticks the world; what was sensed in that frame but for the cameras, which may still be at work then."""
        frame = self._world.tick(PATIENCE_S)
        snapshot = self._world.get_snapshot()
        if snapshot.frame != frame:
            raise ServerError(
                f"asked for frame {frame}, the server sent {snapshot.frame}: does another client tick it?"
            )
        self._cameras.begin(snapshot, PATIENCE_S)
        return snapshot, self._sensors.read(frame)
