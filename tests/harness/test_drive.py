"""An agent in the loop: what ends its drive, what is kept and what is told meanwhile; the loop itself is made up."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import carla
import numpy as np
import pytest

from agents.loader import AgentLoadError
from harness import drive as module
from harness.drive import MOST_STRIPS, REPORT_EVERY_TICKS, Drive
from harness.errors import Ended, HarnessError
from harness.server import CARLA, EMBEDDED, ServerAddress
from results.events import Event, EventKind
from results.scores import Failure
from results.strips import Moment
from results.ticks import Tick
from tests.results.synthetic import completion, event

STILL = (0.0, 0.0, 0.0)
FRAME = np.zeros((18, 32, 4), np.uint8)
HIT = EventKind.COLLISION_PEDESTRIAN
CAMERA = {"type": "sensor.camera.rgb", "id": "front", "x": 0, "y": 0, "z": 2, "width": 32, "height": 18, "fov": 90}
GNSS = {"type": "sensor.other.gnss", "id": "gnss", "x": 0, "y": 0, "z": 0}

Make = Callable[..., Drive]


class Agent:
    """Gives one control again and again until it `fails`, `at` a step; `shown` is what it was given."""

    def __init__(self, control: Any = None, fails: BaseException | None = None, at: int = 3):
        self.control, self.fails, self.at = control or carla.VehicleControl(throttle=0.5), fails, at
        self.shown: list[tuple[dict[str, Any], float]] = []
        self.is_destroyed = False

    def sensors(self) -> list[dict[str, Any]]:
        return [CAMERA, GNSS]

    def run_step(self, data: dict[str, Any], timestamp: float) -> Any:
        self.shown.append((data, timestamp))
        if self.fails and len(self.shown) == self.at:
            raise self.fails
        return self.control

    def destroy(self) -> None:
        self.is_destroyed = True
        raise SystemExit("nobody asked for this")


class Loop:
    """`events` by tick, from 0; ends with the last."""

    def __init__(self, length: int, events: dict[int, list[Event]]):
        self.ticks: list[Tick] = []
        self.acted: list[carla.VehicleControl] = []
        self.completion = 40.0
        self.is_warm = False
        self._length, self._events = length, events

    def warm_up(self) -> None:
        self.is_warm = not self.ticks

    def tick(self) -> Any:
        number = len(self.ticks)
        self.ticks.append(Tick(number, number * 0.05, STILL, STILL, STILL, STILL, STILL))
        return SimpleNamespace(
            tick=self.ticks[-1],
            events=self._events.get(number, []),
            ends_route=len(self.ticks) == self._length,
            seen={"front": (number, "seen")},
            sensed={"gnss": (number, "sensed")},
            game_time_s=number * 0.05 + 0.1,
        )

    def act(self, control: carla.VehicleControl) -> None:
        self.acted.append(control)

    def finish(self) -> list[Event]:
        return [completion(40.0)]


class Cameras:
    def __init__(self, *parts: Any, **attributes: Any):
        self.parts, self.attributes, self.is_destroyed = parts, attributes, False
        self.read = None

    def film(self, event_s: float) -> list[Moment]:
        return [Moment(f"{event_s:g}", FRAME, FRAME[..., 0], FRAME)] if event_s >= 0.0 else []

    def destroy(self) -> None:
        self.is_destroyed = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Make:
    """A drive of an agent; `set_up_agent` raises what is given for one."""
    monkeypatch.setattr(module, "Cameras", Cameras)
    monkeypatch.setattr(module, "AgentSensors", lambda *parts: SimpleNamespace(parts=parts, destroy=lambda: None))
    monkeypatch.setattr(module, "like_proxy", lambda name: name)

    def make(
        agent: Any = None,
        length: int = 4,
        events: dict[int, list[Event]] | None = None,
        arm: str = "fused",
        kind: str = EMBEDDED,
        track: str = "SENSORS",
        **config: Any,
    ) -> Drive:
        def set_up(*_: object) -> Any:
            if isinstance(agent, BaseException):
                raise agent
            return SimpleNamespace(agent=agent or Agent(), track=track, leaderboard="", rgb_attributes={"a": "b"})

        monkeypatch.setattr(module, "set_up_agent", set_up)
        monkeypatch.setattr(module, "Loop", lambda *parts: Loop(length, events or {}))
        config = {"metric_version": "leaderboard-2.0", "agent": "other.py", "thermal_preset": "boson", **config}
        request: Any = {"arm": arm, "config": config}
        world = SimpleNamespace(get_spectator=lambda: SimpleNamespace(id=77))
        told: list[dict[str, Any]] = []
        stage = SimpleNamespace(ego="ego")
        parts: Any = (ServerAddress("here", 1, kind), None, world, stage, "route", "proxy", None, 5)
        one = Drive(request, *parts, told.append)
        vars(one)["told"] = told
        return one

    return make


def test_an_agent_is_shown_what_its_sensors_saw_at_the_time_of_the_game(made: Make) -> None:
    agent = Agent()
    drive = made(agent)
    drive.run()
    assert [timestamp for _, timestamp in agent.shown] == pytest.approx([0.1, 0.15, 0.2])
    assert [data for data, _ in agent.shown] == [
        {"front": (number, "seen"), "gnss": (number, "sensed")} for number in range(3)
    ]  # the tick that ends the route asks it for nothing
    assert len(drive.ticks) == 4
    assert drive._loop.is_warm  # type: ignore[union-attr]
    assert [event.kind for event in drive.events] == [EventKind.ROUTE_COMPLETION]
    assert (drive.failure, drive.error, drive.track) == (None, "", "SENSORS")
    assert drive.sensors == ("carla_camera", "carla_gnss")


def test_a_gear_that_an_agent_asks_for_is_not_engaged(made: Make) -> None:
    """As in the leaderboard, whose agent_wrapper has the automatic gearbox shift."""
    drive = made(Agent(carla.VehicleControl(throttle=0.3, manual_gear_shift=True, gear=1)))
    drive.run()
    assert [control.manual_gear_shift for control in drive._loop.acted] == [False] * 3  # type: ignore[union-attr]


@pytest.mark.parametrize("part", ["throttle", "steer", "brake"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_control_that_is_no_number_ends_the_drive(made: Make, part: str, value: float) -> None:
    drive = made(Agent(carla.VehicleControl(**{part: value})))
    drive.run()
    assert drive.failure is Failure.AGENT_CRASHED
    assert drive.error.startswith("run_step returned throttle ")
    assert f"{part} {value}" in drive.error
    assert len(drive.ticks) == 1


@pytest.mark.parametrize("error", [ValueError("lost\nthe lane"), SystemExit("lost"), KeyboardInterrupt("lost")])
def test_whatever_an_agent_raises_ends_its_drive_alone_and_keeps_what_was_driven(
    made: Make, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    drive = made(Agent(fails=error), events={1: [event(HIT)]})
    drive.run()
    assert drive.failure is Failure.AGENT_CRASHED
    assert drive.error.startswith(f"{type(error).__name__}: lost (test_drive.py:")
    assert [one.kind for one in drive.events] == [HIT, EventKind.ROUTE_COMPLETION]
    assert (len(drive.ticks), len(drive._loop.acted)) == (3, 2)  # type: ignore[union-attr]
    drive.destroy()  # its own clean-up raises, too
    assert drive._agent.is_destroyed
    assert drive._cameras.is_destroyed  # type: ignore[union-attr]
    said = capsys.readouterr().err  # goes to the episode's log
    assert "raise self.fails" in said
    assert "SystemExit: nobody asked for this" in said


@pytest.mark.parametrize(
    ("error", "failure", "said"),
    [
        (HarnessError("agent x: more than\nfour"), Failure.SENSORS_INVALID, "agent x: more than"),
        (AgentLoadError("x.py: no class\nat all"), Failure.AGENT_SETUP, "x.py: no class"),
        (SystemExit(3), Failure.AGENT_SETUP, "SystemExit: 3"),
    ],
)
def test_an_agent_that_is_not_set_up_drives_nothing(
    made: Make, error: BaseException, failure: Failure, said: str
) -> None:
    drive = made(error)
    drive.run()
    drive.destroy()
    assert drive.failure is failure
    assert re.sub(r" \(.*", "", drive.error) == said
    assert (drive.ticks, drive.events, drive.sensors) == ([], [], ())


def test_a_process_that_is_told_to_end_blames_no_agent(made: Make) -> None:
    with pytest.raises(Ended):
        made(Ended())
    drive = made(Agent(fails=Ended()))
    with pytest.raises(Ended):
        drive.run()
    assert drive.failure is None


def test_an_agent_that_is_given_the_world_is_told_so(made: Make) -> None:
    agent, given = Agent(), []
    agent.set_world = lambda *parts: given.append(parts)  # type: ignore[attr-defined]
    assert made(agent, track="MAP").track == "PRIVILEGED"
    ((world, ego, route),) = given
    assert (world.get_spectator().id, ego, route) == (77, "ego", "route")
    assert made(track="MAP").track == "MAP"


def test_sensors_that_no_agent_may_have_are_no_drive(made: Make) -> None:
    agent = Agent()
    agent.sensors = lambda: [CAMERA, CAMERA]  # type: ignore[method-assign]
    drive = made(agent)
    assert drive.failure is Failure.SENSORS_INVALID
    assert drive.error == "agent other.py: every sensor needs an id of its own, got 'front'"


def test_cameras_are_those_of_the_arm(made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(**others: Any) -> Any:
        return made(**others)._cameras.parts  # type: ignore[union-attr]

    _, _, declared, fused, fuse, preset, _, seed, ids_from = parts()
    assert (declared, fused, fuse, preset, seed, ids_from) == ([CAMERA], True, "proxy", "boson", 5, 0)
    assert parts(arm="rgb")[3:5] == (False, "proxy")
    assert parts(arm="average")[3:5] == (True, "average")
    assert parts(arm="luminance_swap")[3:5] == (True, "luminance swap")
    assert parts(arm="restored")[3:5] == (True, "proxy")
    assert parts(kind=CARLA)[-1] == 77  # such a server has counted actors before
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text("")
    assert parts(thermal_preset="own.yaml")[5] == str(tmp_path / "own.yaml")  # an agent may go elsewhere
    assert made()._cameras.attributes == {"rgb_attributes": {"a": "b"}}  # type: ignore[union-attr]


def test_an_infraction_has_a_strip_and_a_film_that_are_found_by_its_number(made: Make) -> None:
    red = event(EventKind.RED_LIGHT, time_s=0.1)
    unseen, stretch = event(HIT, time_s=-1.0), event(EventKind.OUTSIDE_ROUTE_LANES, percentage=10.0)
    drive = made(events={0: [event(EventKind.TICK_CAP), stretch], 2: [unseen, red]}, arm="average")
    drive.run()
    assert [one.kind.value for one in drive.events][3] == "red_light"
    (clip,) = drive.clips
    assert (clip.event, clip.frame, clip.caption) == (3, red.frame, red.message)
    assert (clip.file, clip.film) == ("strips/003-red_light.jpg", "strips/003-red_light.webp")
    assert drive.strips.keys() == {clip.file, clip.film}
    assert drive.strips[clip.file][:2] == b"\xff\xd8"
    assert drive.strips[clip.film][8:12] == b"WEBP"


@pytest.mark.parametrize(("arm", "made_by"), [("fused", "fused"), ("average", "average"), ("fused_10um", "fused")])
def test_a_strip_says_what_stands_in_the_place_of_the_fused_frame(
    made: Make, arm: str, made_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(module, "strip_jpeg", lambda moments: shown.extend(one.made for one in moments) or b"")
    monkeypatch.setattr(module, "film_webp", lambda moments: shown.extend(one.made for one in moments) or b"")
    made(events={0: [event(HIT)]}, arm=arm).run()
    assert shown == [made_by] * 2


def test_a_drive_of_many_infractions_keeps_them_all_and_the_first_films(made: Make) -> None:
    drive = made(events={0: [event(HIT)] * (MOST_STRIPS + 3)})
    drive.run()
    assert len(drive.events) == MOST_STRIPS + 4
    assert [clip.event for clip in drive.clips] == list(range(MOST_STRIPS))


def test_progress_is_told_at_the_first_tick_and_at_every_tenth(made: Make) -> None:
    drive: Any = made(length=22, events={12: [event(HIT)]})
    drive.run()
    assert drive.told[0] == {"event": "state", "text": "warming up"}
    told = [message for message in drive.told if message["event"] == "progress"]
    assert {1, REPORT_EVERY_TICKS, 2 * REPORT_EVERY_TICKS} <= {message["ticks"] for message in told}
    assert len(told) < 8
    first, *_, last = told
    assert (first["time_s"], first["completion"], first["score"]) == (0.0, 40.0, 40.0)
    assert last["time_s"] == pytest.approx(19 * 0.05)
    assert last["score"] == 20.0  # a pedestrian halves it


def test_a_slow_agent_is_not_taken_for_one_that_hangs(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.arange(100.0, 1000.0, 1.5))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    drive: Any = made(length=6)
    drive.run()
    told = [message for message in drive.told if message["event"] == "progress"]
    assert [message["ticks"] for message in told] == [1, 2, 3, 4, 5]
    factors = [message["real_time_factor"] for message in told[:2]]
    assert factors == pytest.approx([0.05 / 1.5, 0.1 / 4.5])
