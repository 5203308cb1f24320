"""One episode: a route, an arm and a seed, driven to its end on one server and written to disk."""

from __future__ import annotations

import math
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import carla

from agents.hero import WorldWithHero
from agents.libraries import seed_libraries
from agents.loader import (
    BUILT_IN,
    LEADERBOARD_1,
    LEADERBOARD_1_SPACING_M,
    AgentLoadError,
    decision,
    load_agent_class,
    make_agent,
    takes_only_config,
    told,
)
from agents.outside.process import outside_agent
from agents.published import data_provider
from fusion.naive import like_proxy
from fusion.proxy import FusionProxy
from harness.agent_environment import agent_environment, config_told
from harness.air import ambient_for
from harness.arms import COMPARED_ARMS, arm_of
from harness.cameras import LEADERBOARD_1_LENS, Cameras, strip_of
from harness.errors import Ended, HarnessError
from harness.loop import PATIENCE_S, STEP_S, Loop
from harness.prepared_world import prepared_world
from harness.request import Request
from harness.sensors import CAMERA, AgentSensors, check_declared
from harness.server import EMBEDDED, ServerAddress, free_port
from results.events import OF_A_STRETCH, Event
from results.films import film_webp
from results.layout import RunFolder
from results.leaderboard import sensor_icons
from results.record import Clip, EpisodeRecord, write_episode
from results.scores import Failure, score
from results.strips import strip_jpeg
from results.ticks import Tick
from scenarios.definition import load_scenario
from scenarios.fitting import plan_route, title_of
from scenarios.planner import RoutePlan, gps_plan
from scenarios.route_subset import select_routes
from scenarios.stage import Stage
from sensors.fog_table import load_fog_table
from sensors.thermal import Ambient

REPORT_EVERY_TICKS, REPORT_EVERY_S = 10, 1.0
MOST_STRIPS = 12
AGENT_CLOSING_S = 10.0

Tell = Callable[[dict[str, Any]], None]


def run_episode(request: Request, tell: Tell, server: Callable[[], ServerAddress]) -> dict[str, Any]:
    """Drives what `request` asks for, writes the episode's folder and returns its last message.

    `server()` waits for the server, which may still be starting (`harness.server.server_for`).
    An agent's failure is a result and is recorded; a simulation's failure raises, so that the episode is run again.
    """
    config = request["config"]
    arm = arm_of(request["arm"])
    seed = int(request["seed"])
    seed_libraries(seed, int(request["threads"]))
    definition = load_scenario(request["scenario"])
    if request["routes"]:
        definition = definition.on_routes(Path(request["routes"]))
    driven = definition.clear_twin() if arm.clear_twin else definition
    if arm.droplet_radius_um is not None:
        driven = driven.with_droplets(arm.droplet_radius_um)
    if request["fog_table"]:
        driven = driven.with_fog_table(load_fog_table(Path(request["fog_table"])))
    (spec,) = select_routes(definition.load_routes(), [request["route_id"]])
    started = time.monotonic()
    with ExitStack() as stack:
        tell({"event": "state", "text": "starting the server"})
        routes = definition.routes_path
        # In the run's own folder: a drive may be killed.
        own_name = Path(request["out"]) / "logs" / f"{routes.stem}_{_name_of(request)}{routes.suffix}"
        stack.enter_context(agent_environment(routes, config["metric_version"], own_name))
        proxy = FusionProxy.from_pretrained(arm.weights or config["weights"], threads=int(request["threads"]))
        address = server()
        client = carla.Client(address.host, address.port)
        client.set_timeout(PATIENCE_S)
        world = prepared_world(client, spec.town, stack)
        route = plan_route(world.get_map(), spec)
        tell({"event": "state", "text": "setting the stage"})
        stage = Stage(client, world, route, spec, driven, seed, free_port())
        stack.callback(stage.destroy)
        for why in stage.left_out.values():
            print(f"left out: {why}")
        air = ambient_for(driven, stage.weather)
        drive = _Drive(request, address, client, world, stage, route, proxy, air, seed, tell)
        stack.callback(drive.destroy)
        drive.run()
        server_version = client.get_server_version()
    record = EpisodeRecord(
        scenario=definition.name,
        town=spec.town,
        route_id=spec.id,
        arm=arm.name,
        seed=seed,
        agent=config["agent"],
        track=drive.track,
        events=tuple(drive.events),
        route_length_m=route.length_m,
        duration_game_s=drive.ticks[-1].time_s if drive.ticks else 0.0,
        duration_system_s=time.monotonic() - started,
        tick_count=len(drive.ticks),
        config_hash=request["config_hash"],
        server_kind=address.kind,
        server_version=server_version,
        attempt=int(request["attempt"]),
        failure=drive.failure,
        error=drive.error,
        route_name=title_of(spec, stage.left_out),
        sensors=drive.sensors,
        clips=tuple(drive.clips),
        route_xy=tuple((float(x), float(y)) for x, y in route.xyz[::2, :2]),
    )
    folder = RunFolder(Path(request["out"])).episode(spec.id, arm.name, seed)
    try:
        write_episode(folder, record, drive.ticks, drive.strips)
    except OSError as error:  # driving it again would not make room
        raise HarnessError(f"{folder.path} cannot be written: {error.strerror}") from error
    return {"status": record.status}


class _Drive:
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
        self._client, self._world, self._stage, self._route, self._tell = client, world, stage, route, tell
        self._loop: Loop | None = None
        self._metric = self._leaderboard = request["config"]["metric_version"]
        agent = request["config"]["agent"]
        own = Path(__file__).parent.parent / "agents"
        self._agent_folder = own if agent in BUILT_IN else Path(agent).expanduser().resolve().parent
        # An agent may go to another folder, from which a relative path leads elsewhere.
        preset = request["config"]["thermal_preset"]
        preset = str(Path(preset).resolve()) if Path(preset).is_file() else preset
        self._agent: Any = None
        self._rgb_attributes: dict[str, str] = {}
        self._cameras: Cameras | None = None
        self._sensors: AgentSensors | None = None
        try:
            self._agent = self._set_up_agent(request, address)
            sensors, name = self._agent.sensors(), request["config"]["agent"]
            declared = check_declared(sensors, name, self.track, self._leaderboard)
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
            rgb_attributes=self._rgb_attributes,
        )
        self._sensors = AgentSensors(world, stage.ego, declared, PATIENCE_S)
        self._loop = Loop(world, stage, self._cameras, self._sensors, self._cameras.read)
        self.ticks = self._loop.ticks

    def _set_up_agent(self, request: Request, address: ServerAddress) -> Any:
        config = request["config"]
        plans = gps_plan(self._route, self._stage.carla_map), self._route.points
        own = config["agent"] in BUILT_IN
        agent_config = config["agent_config"] if own else config_told(config["agent_config"], _name_of(request))
        metric = "" if own else self._metric  # ours are of 2.x whatever scores them
        settings = address.host, address.port, agent_config, *plans, self._stage.ego, _plan_spacing_m(config), metric
        is_leaderboard_1 = metric == LEADERBOARD_1
        agent: Any
        if python := request["agent_python"]:
            agent = outside_agent(python, config["agent"], *settings, seed=request["seed"], threads=request["threads"])
            is_leaderboard_1 |= agent.takes_only_config
        else:
            agent_class = load_agent_class(config["agent"])
            if provider := data_provider():
                provider.set_client(self._client)
                provider.set_world(WorldWithHero(self._world, self._stage.ego))
            agent = make_agent(agent_class, *settings)
            is_leaderboard_1 |= takes_only_config(agent_class)
        self._rgb_attributes = LEADERBOARD_1_LENS if is_leaderboard_1 else {}
        self._leaderboard = LEADERBOARD_1 if is_leaderboard_1 else self._metric
        self.track = getattr(agent.track, "value", str(agent.track))
        if hasattr(agent, "set_world"):
            agent.set_world(self._world, self._stage.ego, self._route)
            self.track = "PRIVILEGED"
        return agent

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
                with _within(AGENT_CLOSING_S):
                    self._agent.destroy()
            except BaseException:
                traceback.print_exc()  # its scores stand; only its clean-up failed


def _name_of(request: Request) -> str:
    """The drive's, also as a file's."""
    return RunFolder(Path(request["out"])).episode(request["route_id"], request["arm"], request["seed"]).path.name


def _plan_spacing_m(config: dict[str, Any]) -> float:
    """Of the thinned-out plan; 0 where the agent's class decides."""
    of_old = config["metric_version"] in (LEADERBOARD_1, "bench2drive") and config["agent"] not in BUILT_IN
    return float(config.get("plan_spacing_m") or (LEADERBOARD_1_SPACING_M if of_old else 0.0))


@contextmanager
def _within(limit_s: float) -> Iterator[None]:
    """Raises TimeoutError where what is done inside takes longer."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"took more than {limit_s:g} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
