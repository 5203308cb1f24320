"""What an episode is driven in, with and recorded as, by its arm; the world and the drive themselves are made up."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness import episode
from harness.arms import WITHOUT_THERMAL
from harness.errors import HarnessError
from harness.loop import PATIENCE_S
from harness.request import Request
from harness.server import EMBEDDED, ServerAddress
from results.layout import RunFolder
from results.record import EpisodeRecord, read_episode
from results.scores import Failure
from results.ticks import Tick
from scenarios.definition import load_scenario
from tests.harness import tiny
from tests.results.synthetic import completion

STILL = (0.0, 0.0, 0.0)
TICKS = [Tick(number, number * 0.05, STILL, STILL, STILL, STILL, STILL) for number in range(31)]
WAY = np.column_stack([np.arange(7.0), np.arange(7.0) * 2.0, np.full(7, 9.0)])

Driven = Callable[..., tuple[EpisodeRecord, SimpleNamespace]]


def request(out: Path, arm: str, **changes: Any) -> Request:
    route = load_scenario("night_fog").load_routes()[0].id
    config = {"metric_version": "leaderboard-2.0", "weights": "sim", "agent": "blind"}
    asked: Any = {"config": config, "config_hash": "hash", "scenario": "night_fog", "routes": "", "town": "Elm02"}
    asked |= {"route_id": route, "arm": arm, "seed": 3, "out": str(out), "carla": None, "fog_table": ""}
    return {**asked, "threads": 1, "agent_python": "", "attempt": 2, **changes}


@pytest.fixture
def driven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driven:
    """Runs an episode without a server; its record, and what its parts were made with."""
    met = SimpleNamespace(ended=[])

    class Client:
        def __init__(self, *address: object):
            met.address = address

        def set_timeout(self, patience_s: float) -> None:
            met.patience_s = patience_s

        def get_server_version(self) -> str:
            return "0.9.16"

    class Stage:
        def __init__(self, client: Client, world: Any, route: Any, spec: Any, definition: Any, seed: int, port: int):
            met.spec, met.definition, met.seed = spec, definition, seed
            self.left_out = {"2": "scenario 2 lies off the way"}
            self.weather = definition.weather_parameters(spec)

        def destroy(self) -> None:
            met.ended.append("stage")

    class Drive:
        events, clips, strips, sensors, track = [completion(100.0)], (), {}, ("carla_camera",), "MAP"
        ticks, failure, error = TICKS, None, ""

        def __init__(self, *parts: Any):
            *_, met.proxy, met.air, met.drive_seed, _ = parts

        def run(self) -> None:
            met.routes = os.environ["ROUTES"]
            self.__dict__ |= met.outcome

        def destroy(self) -> None:
            met.ended.append("drive")

    def world(client: Client, town: str, stack: ExitStack) -> Any:
        met.town = town
        return SimpleNamespace(get_map=lambda: None)

    monkeypatch.setattr(episode.carla, "Client", Client)
    monkeypatch.setattr(episode.FusionProxy, "from_pretrained", lambda name, threads: name)
    monkeypatch.setattr(episode, "seed_libraries", lambda *seeds: setattr(met, "libraries", seeds))
    monkeypatch.setattr(episode, "prepared_world", world)
    monkeypatch.setattr(episode, "plan_route", lambda carla_map, spec: SimpleNamespace(length_m=7.5, xyz=WAY))
    monkeypatch.setattr(episode, "Stage", Stage)
    monkeypatch.setattr(episode, "Drive", Drive)

    def drive(arm: str, outcome: dict[str, Any] | None = None, **changes: Any) -> tuple[EpisodeRecord, SimpleNamespace]:
        met.outcome = outcome or {}
        asked = request(tmp_path / "out", arm, **changes)
        address = ServerAddress("somewhere", 4000, EMBEDDED)
        met.last = episode.run_episode(asked, lambda message: None, lambda: address)
        folder = RunFolder(tmp_path / "out").episode(asked["route_id"], arm, 3)
        return read_episode(folder), met

    return drive


@pytest.mark.parametrize(
    ("arm", "droplets_um", "weights"),
    [
        ("rgb", 5.0, "sim"),
        ("fused", 5.0, "sim"),
        ("fused_10um", 10.0, "sim"),
        ("restored", 5.0, WITHOUT_THERMAL),
        ("thermal", 5.0, "sim"),
    ],
)
def test_an_arm_is_driven_in_the_scenarios_fog_with_its_own_droplets_and_weights(
    driven: Driven, arm: str, droplets_um: float, weights: str
) -> None:
    record, met = driven(arm)
    assert met.definition == (load_scenario("night_fog") if arm != "fused_10um" else met.definition)
    assert met.definition.fog.visibility_m == 60.0
    assert (met.air.droplet_radius_um, met.air.visibility_m) == (droplets_um, 60.0)
    assert met.proxy == weights
    assert (record.arm, record.scenario) == (arm, "night_fog")


def test_the_ceiling_is_driven_by_clear_day_and_nothing_else_of_it_differs(driven: Driven) -> None:
    record, met = driven("clear")
    night, day = load_scenario("night_fog"), load_scenario("day_clear")
    assert met.definition.fog is None
    assert met.definition.weather == day.weather
    assert (met.definition.traffic, met.definition.limits) == (night.traffic, night.limits)
    assert met.spec == night.load_routes()[0]
    assert (record.arm, record.scenario) == ("clear", "night_fog")


def test_the_routes_of_another_file_and_a_servers_own_fog_are_those_that_are_driven(
    driven: Driven, tmp_path: Path
) -> None:
    routes, table = tmp_path / "two.xml", tmp_path / "fog.json"
    routes.write_text(tiny.TWO_TOWNS)
    entries = [{"fog_density": 10.0, "visibility_m": 200.0}, {"fog_density": 90.0, "visibility_m": 20.0}]
    held = {"server_version": "0.9.16", "town": "Town10HD", "fog_distance": 2.5}
    table.write_text(json.dumps({**held, "entries": entries}))
    record, met = driven("rgb", routes=str(routes), route_id="a", fog_table=str(table))
    assert (met.town, met.spec.id, record.town, record.route_id) == ("Elm01", "a", "Elm01", "a")
    weather = met.definition.weather_parameters(met.spec)
    assert weather.fog_distance == 2.5
    assert 10.0 < weather.fog_density < 90.0


def test_what_was_driven_is_what_is_recorded(
    driven: Driven, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record, met = driven("fused")
    assert (record.route_length_m, record.duration_game_s, record.tick_count) == (7.5, 1.5, 31)
    assert record.route_xy == ((0.0, 0.0), (2.0, 4.0), (4.0, 8.0), (6.0, 12.0))
    assert (record.seed, record.attempt, record.track, record.sensors) == (3, 2, "MAP", ("carla_camera",))
    assert (record.config_hash, record.server_kind, record.server_version) == ("hash", EMBEDDED, "0.9.16")
    assert (met.seed, met.drive_seed, met.libraries) == (3, 3, (3, 1))
    assert 0.0 <= record.duration_system_s < 60.0
    assert (met.address, met.patience_s) == (("somewhere", 4000), PATIENCE_S)
    assert "left out: scenario 2 lies off the way" in capsys.readouterr().out
    assert met.last == {"status": "Perfect"}
    assert met.ended == ["drive", "stage"]  # the agent's sensors go before the cars they sit on
    # an agent names what it saves by its route file: two drives at once must not share it
    assert Path(met.routes).parent == tmp_path / "out" / "logs"
    assert Path(met.routes).name.endswith(f"_{record.route_id}-fused-seed3.xml")
    assert not Path(met.routes).exists()


def test_an_agent_that_never_began_leaves_a_record_without_a_time(driven: Driven) -> None:
    crashed = {"ticks": [], "events": [], "failure": Failure.AGENT_SETUP, "error": "no model"}
    record, met = driven("rgb", crashed)
    assert (record.duration_game_s, record.tick_count) == (0.0, 0)
    assert (record.failure, record.error) == (Failure.AGENT_SETUP, "no model")
    assert met.last == {"status": record.status}


def test_a_drive_that_cannot_be_kept_is_not_driven_again(driven: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(episode, "write_episode", full)
    with pytest.raises(HarnessError, match=r"episodes/.*-rgb-seed3 cannot be written: No space left on device"):
        driven("rgb")
