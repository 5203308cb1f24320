"""Fog calibration: on a server whose mapping is known it must find it, and the harness must use what it found."""

from __future__ import annotations

import json
from pathlib import Path

import carla
import numpy as np
import pytest

from harness.config import RunConfig
from harness.run import main as run_main
from scenarios.definition import load_scenario
from sensors.calibrate_fog.__main__ import main
from sensors.calibrate_fog.contrast import Ring, View, edges, extinction_per_m, rings
from sensors.calibrate_fog.errors import CalibrationError
from sensors.calibrate_fog.station import raised
from sensors.fog import visibility_m
from sensors.fog_table import FogTableError, load_fog_table
from tests.simulator.serving import running_server


@pytest.mark.timeout(400)  # a first picture on a machine compiles
def test_on_the_embedded_server_it_finds_the_embedded_mapping(tmp_path: Path) -> None:
    out = tmp_path / "fog.json"
    with running_server("--town", "Elm01") as server:
        address = f"127.0.0.1:{server.port}"
        asked = ["--carla", address, "--out", str(out), "--densities", "40,70,90", "--place", "0"]
        assert main(asked) == 0
        world = carla.Client("127.0.0.1", server.port).get_world()
        assert not world.get_settings().synchronous_mode
        assert len(world.get_actors().filter("sensor.*")) == 0
    table = load_fog_table(out)
    for entry in table.entries:
        assert entry.visibility_m == pytest.approx(visibility_m(entry.fog_density), rel=0.04), entry
    assert visibility_m(table.fog_density(60.0)) == pytest.approx(60.0, rel=0.04)


def test_a_place_is_looked_from_at_the_same_height_each_time() -> None:
    spawn_point = carla.Transform(carla.Location(1.0, 2.0, 0.5), carla.Rotation(yaw=90.0))
    heights = [raised(spawn_point, 1.6).location.z for _ in range(2)]
    assert heights == pytest.approx([2.1, 2.1])
    assert raised(spawn_point, 1.6).rotation.yaw == 90.0


def test_slopes_by_range_are_the_share_of_contrast_whatever_the_air_adds() -> None:
    rng = np.random.default_rng(0)
    range_m = np.exp(rng.uniform(1.0, 4.5, (200, 300)))
    clear = rng.uniform(0.05, 0.3, range_m.shape)
    share = np.exp(-range_m * 3.912 / 80.0)
    foggy = 0.7 * clear * share + 0.33 * (1.0 - share) + rng.normal(0.0, 0.002, range_m.shape)
    found, deviation = extinction_per_m([rings(View(clear, range_m), foggy)])
    assert 3.912 / found == pytest.approx(80.0, rel=0.03)
    assert deviation / found < 0.03


def test_planes_have_no_edges_and_a_box_before_a_road_has_its_outline() -> None:
    v, u = np.mgrid[0:120, 0:160] + 0.5
    road = 2.2 * 100.0 / np.maximum(v - 40.0, 1.0)
    assert not edges(road)[45:].any()
    box = (u > 60) & (u < 100) & (v > 50) & (v < 70)
    found = edges(np.where(box, 4.0, road))
    assert found[60, 58:63].all()
    assert not found[58:62, 70:90].any()


def test_a_view_without_contrast_is_refused_with_advice() -> None:
    grey = np.full((60, 80), 0.2)
    assert rings(View(grey, np.full((60, 80), 20.0)), grey) == []
    with pytest.raises(CalibrationError, match="another --place"):
        extinction_per_m([[Ring(10.0, 0.5, 0.01)]])


def entries(*pairs: tuple[object, object]) -> list[dict[str, object]]:
    return [{"fog_density": density, "visibility_m": metres} for density, metres in pairs]


def table_file(folder: Path, rows: list[dict[str, object]]) -> Path:
    path = folder / "table.json"
    path.write_text(json.dumps({"server_version": "0.9.16", "town": "Town10HD", "entries": rows}))
    return path


def test_a_table_is_read_by_the_logarithm_of_visibility(tmp_path: Path) -> None:
    table = load_fog_table(table_file(tmp_path, entries((20.0, 400.0), (60.0, 100.0), (100.0, 25.0))))
    assert table.fog_density(100.0) == pytest.approx(60.0)
    assert table.fog_density(50.0) == pytest.approx(80.0)
    assert table.fog_density(400.0 * 2 ** (20.0 / 40.0 * 2.0)) == pytest.approx(0.0, abs=1e-9)
    assert table.fog_density(5000.0) == 0.0
    with pytest.raises(FogTableError, match="10 m is thicker"):
        table.fog_density(10.0)


def test_a_scenario_with_a_table_asks_the_server_for_the_density_that_gives_its_metres(tmp_path: Path) -> None:
    table = load_fog_table(table_file(tmp_path, entries((20.0, 400.0), (60.0, 60.0), (100.0, 20.0))))
    own = load_scenario("night_fog")
    assert own.with_fog_table(table).weather_parameters().fog_density == pytest.approx(60.0, abs=1e-4)
    assert visibility_m(own.weather_parameters().fog_density) == pytest.approx(60.0, rel=1e-3)
    assert load_scenario("night_clear").with_fog_table(table).weather_parameters().fog_density == 0.0


def test_a_run_has_a_fog_table_in_its_hash_only_when_it_was_given_one() -> None:
    settings = dict.fromkeys(RunConfig.__dataclass_fields__, "") | {"route_ids": (), "arms": (), "seeds": ()}
    without, given = RunConfig(**settings), RunConfig(**settings | {"fog_table_checksum": "12ab"})  # type: ignore[arg-type]
    assert "fog_table_checksum" not in without.to_dict()
    assert given.hash != without.hash


def test_a_table_for_the_embedded_simulator_or_too_thin_for_the_scenario_is_one_line(tmp_path: Path, capsys) -> None:
    thin = table_file(tmp_path, entries((20.0, 400.0), (60.0, 100.0)))
    assert run_main(["--scenario", "night_fog", "--fog-table", str(thin)]) == 2
    assert "belongs to --carla" in capsys.readouterr().err
    assert run_main(["--scenario", "night_fog", "--carla", "127.0.0.1:1", "--fog-table", str(thin)]) == 2
    assert "60 m is thicker" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (entries((20.0, 400.0), (60.0, 500.0)), "visibility must fall"),
        (entries((60.0, 100.0), (20.0, 400.0)), "in order of fog_density"),
        (entries((20.0, 400.0)), "entries"),
        (entries((20.0, -3.0), (60.0, -5.0)), "entries.0.visibility_m"),
        (entries((20.0, "400"), (60.0, 100.0)), "entries.0.visibility_m: Input should be a valid number"),
        (entries((True, 400.0), (60.0, 100.0)), "entries.0.fog_density: Input should be a valid number"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_with_its_name(tmp_path: Path, rows, message: str) -> None:
    with pytest.raises(FogTableError, match=rf"table\.json.*{message}"):
        load_fog_table(table_file(tmp_path, rows))


def test_no_server_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--carla", "nowhere", "--out", str(tmp_path / "x.json")]) == 2
    assert "HOST:PORT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--densities", "50"], "--densities wants two or more numbers"),
        (["--densities", "50,nan"], "--densities wants two or more numbers"),
        (["--densities", "60,40"], "--densities wants two or more numbers"),
        (["--place", "-1"], "--place is the number of a spawn point"),
        (["--fog-distance", "nan"], "--fog-distance is 0 or more, and finite, not nan"),
        (["--carla", "127.0.0.1:99999"], "--carla wants HOST:PORT"),
        (["--carla", "127.0.0.1:1"], "no server at 127.0.0.1:1: Connection refused"),
        (["--out", "nowhere/fog.json"], "--out nowhere/fog.json: no folder nowhere"),
        (["--out", "/"], "--out / is a folder"),
    ],
)
def test_what_cannot_be_measured_is_told_before_anything_is_measured(
    capsys: pytest.CaptureFixture[str], wrong: list[str], told: str
) -> None:
    assert main(["--carla", "127.0.0.1:2", "--out", "fog.json", *wrong]) == 2
    errors = capsys.readouterr().err
    assert told in errors
    assert errors.count("\n") == 1
