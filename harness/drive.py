"""An agent driving a route in the loop, with what is kept of it on the way."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import carla

from agents.loader import BUILT_IN, AgentLoadError, decision, told
from fusion.naive import like_proxy
from fusion.proxy import FusionProxy
from harness.agent_setup import set_up_agent
from harness.arms import COMPARED_ARMS, arm_of
from harness.cameras import Cameras, strip_of
from harness.errors import Ended, HarnessError
from harness.loop import PATIENCE_S, STEP_S, Loop
from harness.request import Request
from harness.sensors import CAMERA, AgentSensors, check_declared
from harness.server import EMBEDDED, ServerAddress
from harness.time_limit import within
from results.events import OF_A_STRETCH, Event
from results.films import film_webp
from results.leaderboard import sensor_icons
from results.record import Clip
from results.scores import Failure, score
from results.strips import strip_jpeg
from results.ticks import Tick
from scenarios.planner import RoutePlan
from scenarios.stage import Stage
from sensors.thermal import Ambient

REPORT_EVERY_TICKS, REPORT_EVERY_S = 10, 1.0
MOST_STRIPS = 12
AGENT_CLOSING_S = 10.0

Tell = Callable[[dict[str, Any]], None]


class Drive:
    """An agent in the loop, with what is gathered on the way."""

    def __init__(
        self,
        request: Request,
        address: ServerAddress,
        client: carla.Client,
        world: carla.World,
        stage: Stage,
        route: RoutePlan,
        proxy: FusionProxy,
        ambient: Ambient,
        seed: int,
        tell: Tell,
    ):
        self.events: list[Event] = []
        self.ticks: list[Tick] = []
        self.clips: list[Clip] = []
        self.strips: dict[str, bytes] = {}
        self.failure: Failure | None = None
        self.error = ""
        self.track = "SENSORS"
        self.sensors: tuple[str, ...] = ()
        self._made = request["arm"] if request["arm"] in COMPARED_ARMS else "fused"
        self._tell = tell
        self._loop: Loop | None = None
        self._metric = request["config"]["metric_version"]
        agent = request["config"]["agent"]
        own = Path(__file__).parent.parent / "agents"
        self._agent_folder = own if agent in BUILT_IN else Path(agent).expanduser().resolve().parent
        # An agent may go to another folder, from which a relative path leads elsewhere.
        preset = request["config"]["thermal_preset"]
        preset = str(Path(preset).resolve()) if Path(preset).is_file() else preset
        self._agent: Any = None
        self._cameras: Cameras | None = None
        self._sensors: AgentSensors | None = None
        try:
            ready = set_up_agent(request, address, client, world, stage, route)
            self.track = ready.track
            if hasattr(ready.agent, "set_world"):
                ready.agent.set_world(world, stage.ego, route)
                self.track = "PRIVILEGED"
            self._agent = ready.agent
            declared = check_declared(self._agent.sensors(), agent, self.track, ready.leaderboard)
        except HarnessError as error:
            self._fail(Failure.SENSORS_INVALID, error)
            return
        except Ended:
            raise
        except BaseException as error:  # an agent may also call sys.exit; Ctrl-C does not reach this process
            self._fail(Failure.AGENT_SETUP, error)
            return
        self.sensors = sensor_icons(declared)
        cameras = [sensor for sensor in declared if sensor["type"] == CAMERA]
        arm = arm_of(request["arm"])
        fuse = like_proxy(arm.naive) if arm.naive else proxy
        # A server of the user goes on counting its actors: what is drawn for them goes by their place in the episode.
        ids_from = 0 if address.kind == EMBEDDED else world.get_spectator().id
        self._cameras = Cameras(
            *(world, stage.ego, cameras, arm.fused, fuse, preset, ambient, seed, ids_from),
            rgb_attributes=ready.rgb_attributes,
        )
        self._sensors = AgentSensors(world, stage.ego, declared, PATIENCE_S)
        self._loop = Loop(world, stage, self._cameras, self._sensors, self._cameras.read)
        self.ticks = self._loop.ticks

    def run(self) -> None:
        if self.failure:
            return
        assert self._loop is not None
        self._tell({"event": "state", "text": "warming up"})
        self._loop.warm_up()
        began = reported = time.monotonic()
        while True:
            now = self._loop.tick()
            self._keep(now.events)
            if now.ends_route:
                break
            try:
                control = self._decide(now.seen | now.sensed, now.game_time_s)
            except Ended:
                raise
            except BaseException as error:  # as above: whatever an agent raises ends its drive alone
                self._fail(Failure.AGENT_CRASHED, error)
                break
            self._loop.act(control)
            # After the first tick the limit of `--tick-limit` holds.
            is_due = len(self.ticks) == 1 or len(self.ticks) % REPORT_EVERY_TICKS == 0
            if is_due or time.monotonic() - reported > REPORT_EVERY_S:
                reported = time.monotonic()  # of a slow agent, too: whoever is silent is taken for one that hangs
                self._report(now.tick.time_s, reported - began)
        self._keep(self._loop.finish())

    def _decide(self, data: dict[str, tuple[int, Any]], timestamp: float) -> carla.VehicleControl:
        control = decision(self._agent, data, timestamp)
        if not all(math.isfinite(value) for value in (control.throttle, control.steer, control.brake)):
            raise HarnessError(
                f"run_step returned throttle {control.throttle}, steer {control.steer}, brake {control.brake}"
            )
        control.manual_gear_shift = False
        return control

    def _keep(self, new: Sequence[Event]) -> None:
        """Keeps events, and for each infraction a film of the seconds before it and a strip of its frames."""
        assert self._cameras is not None
        for event in new:
            index = len(self.events)
            self.events.append(event)
            if not event.is_infraction or event.kind in OF_A_STRETCH or len(self.clips) >= MOST_STRIPS:
                continue
            if not (moments := self._cameras.film(event.time_s)):
                continue
            moments = [replace(moment, made=self._made) for moment in moments]
            name = f"strips/{index:03d}-{event.kind.value}"
            strip, film = f"{name}.jpg", f"{name}.webp"
            self.strips[strip] = strip_jpeg(strip_of(moments))
            self.strips[film] = film_webp(moments)
            self.clips.append(Clip(strip, index, event.frame, event.message, film))

    def _report(self, time_s: float, wall_s: float) -> None:
        assert self._loop is not None
        completion = self._loop.completion
        self._tell(
            {
                "event": "progress",
                "time_s": time_s,
                "ticks": len(self.ticks),
                "real_time_factor": (time_s + STEP_S) / max(wall_s, 1e-6),
                "completion": completion,
                "score": score(self.events, completion, self._metric).driving_score,
            }
        )

    def _fail(self, failure: Failure, error: BaseException) -> None:
        """Ends the drive for a reason that is not driving; the traceback goes to the episode's log."""
        traceback.print_exc()
        self.failure = failure
        if isinstance(error, (HarnessError, AgentLoadError)):
            self.error = "".join(str(error).splitlines()[:1])
        else:
            self.error = told(error, self._agent_folder, Path(__file__).parent)

    def destroy(self) -> None:
        for part in (self._cameras, self._sensors):
            if part is not None:
                part.destroy()
        if self._agent is not None:
            try:
                with within(AGENT_CLOSING_S):
                    self._agent.destroy()
            except BaseException:
                traceback.print_exc()  # its scores stand; only its clean-up failed
