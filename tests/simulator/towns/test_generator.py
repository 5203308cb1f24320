from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simulator.towns import build_town, plot
from simulator.towns.generator import generate
from simulator.towns.layout import draw_layout
from simulator.towns.network import build_network
from simulator.towns.opendrive import opendrive_text


@pytest.mark.parametrize("name", ["Elm01", "Carla/Maps/Elm01", "/Game/Carla/Maps/Elm01"])
def test_carlas_spellings_of_a_map_name_mean_the_same_town(name: str) -> None:
    assert build_town(name).name == "Elm01"


@pytest.mark.parametrize("name", ["Town10HD", "", "elm01", "Elm01/"])
def test_an_unknown_town_is_refused_with_the_names_that_exist(name: str) -> None:
    with pytest.raises(ValueError, match="Elm01, Elm02") as refusal:
        build_town(name)
    assert "\n" not in str(refusal.value)


def test_towns_are_the_same_bytes_twice() -> None:
    first, second = generate("Elm01"), build_town("Elm01")
    assert first.opendrive == second.opendrive
    for part in ("vertices", "triangles", "materials", "objects"):
        assert getattr(first.mesh, part).tobytes() == getattr(second.mesh, part).tobytes()
    assert first.ground.heights_m.tobytes() == second.ground.heights_m.tobytes()
    assert first.obstacles == second.obstacles
    assert first.spawn_points == second.spawn_points
    assert first.street_lamps == second.street_lamps
    assert first.traffic_lights == second.traffic_lights


def test_the_two_towns_differ() -> None:
    first, second = (build_town(name) for name in ("Elm01", "Elm02"))
    assert len(first.traffic_lights) != len(second.traffic_lights) or len(first.crosswalks) != len(second.crosswalks)
    near = np.abs(first.lanes.xyz[:, None, :2] - second.lanes.xyz[None, ::3, :2]).max(axis=2).min(axis=1) < 1.0
    assert near.mean() < 0.2


@pytest.mark.parametrize("seed", range(100, 112))
def test_any_seed_gives_a_town_whose_lanes_all_lead_on(seed: int) -> None:
    import carla

    layout = draw_layout(seed)
    assert 1000.0 < sum(street.path.length for street in layout.streets) < 2600.0
    assert all(abs(piece.curvature) < 1 / 12 for street in layout.streets for piece in street.path.pieces)
    carla_map = carla.Map("Elm", opendrive_text(build_network(layout), "Elm"))
    waypoints = carla_map.generate_waypoints(8.0)
    assert len(waypoints) > 200
    assert all(waypoint.next(2.0) for waypoint in waypoints)


def test_the_plot_command_draws_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "ring.png"
    command = [sys.executable, "-m", "simulator.towns.plot", "Ring01", str(picture)]
    assert subprocess.run(command, check=False).returncode == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit) as refused:
        plot.main(["Nowhere", str(picture)])
    assert refused.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Elm01" in said
