"""Worlds from OpenDRIVE text and maps by other names, as an unmodified client meets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import carla
import pytest

from simulator.towns.maps import Maps
from simulator.towns.xodr.writer import write_opendrive
from tests.simulator.serving import RunningServer, running_server, start
from tests.simulator.towns.xodr.places import a_map, bridge_map, hill_road, town_road


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    path = tmp_path_factory.mktemp("maps") / "hillside.xodr"
    path.write_text(write_opendrive(a_map(hill_road())))
    with running_server("--town", str(path), "--carla-town-aliases") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> carla.Client:
    connected = carla.Client("127.0.0.1", server.port)
    connected.set_timeout(120.0)
    return connected


def test_a_server_starts_with_a_map_from_a_file(client: carla.Client) -> None:
    world = client.get_world()
    assert world.get_map().name == "Carla/Maps/hillside"
    assert "/Game/Carla/Maps/hillside" in client.get_available_maps()
    assert max(point.location.z for point in world.get_map().get_spawn_points()) > 11.0


def test_a_clients_text_becomes_the_world(client: carla.Client) -> None:
    world = client.generate_opendrive_world(
        write_opendrive(a_map(town_road())), carla.OpendriveGenerationParameters(wall_height=0.0)
    )
    assert world.get_map().name.endswith("OpenDriveMap")
    assert {actor.type_id for actor in world.get_actors().filter("traffic.*")} == {
        "traffic.traffic_light",
        "traffic.stop",
        "traffic.yield",
        "traffic.speed_limit.30",
    }
    light = world.get_actors().filter("traffic.traffic_light")[0]
    assert light.get_opendrive_id() == "1"
    (waypoint,) = light.get_stop_waypoints()
    # the client takes the middle of the trigger area: 10 m of lane that end at the line, here at 74 m
    assert waypoint.transform.location.x == pytest.approx(69.0, abs=1.0)
    car = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.lincoln.mkz_2020"), world.get_map().get_spawn_points()[0]
    )
    world.wait_for_tick()
    assert abs(car.get_location().z) < 0.5
    car.destroy()
    # another text under the same name is another world
    world = client.generate_opendrive_world(
        write_opendrive(bridge_map()), carla.OpendriveGenerationParameters(wall_height=1.0)
    )
    assert not world.get_actors().filter("traffic.traffic_light")
    assert len(world.get_map().get_topology()) == 2  # the client counts one way of each road that leads nowhere
    assert world.get_level_bbs(carla.CityObjectLabel.Walls)
    assert client.reload_world(False).get_map().name.endswith("OpenDriveMap")


def test_a_text_that_is_no_map_is_refused_and_harms_nothing(client: carla.Client) -> None:
    before = client.get_world().get_map().name
    for text in ("", "nonsense", "<OpenDRIVE/>"):
        with pytest.raises(RuntimeError, match="opendrive could not be correctly parsed"):
            client.generate_opendrive_world(text)
    assert client.get_world().get_map().name == before


def test_carlas_towns_stand_for_ours_when_asked(client: carla.Client) -> None:
    assert "/Game/Carla/Maps/Town03" in client.get_available_maps()
    world = client.load_world("/Game/Carla/Maps/Town07_Opt")
    assert world.get_map().name == "Carla/Maps/Town07_Opt"
    assert world.get_map().get_spawn_points()


def test_names_resolve_as_carlas_do() -> None:
    plain, aliased = Maps(), Maps(carla_aliases=True)
    for name in ("Elm01", "Elm01_Opt", "Carla/Maps/Elm01", "/Game/Carla/Maps/Elm01"):
        assert plain.resolve(name) == "Elm01"
    for name in ("Town01", "Elm99", "OpenDriveMap", "elm01"):
        assert plain.resolve(name) is None
    assert aliased.resolve("/Game/Carla/Maps/Town10HD_Opt") == "Town10HD_Opt"
    assert aliased.resolve("Town12_Opt") == "Town12"  # CARLA's large maps have no layers
    assert aliased.resolve("Elm01_Opt") == "Elm01"
    assert set(plain.names) == {"Elm01", "Elm02", "Fell01", "Mere01", "Ring01"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "No such file or directory"), (b"\xff\xfe\x00", "not UTF-8"), (b"<OpenDRIVE/>", "there is no <road>")],
)
def test_a_file_that_is_no_map_is_one_clear_line(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path = tmp_path / "map.xodr"
    if content is not None:
        path.write_bytes(content)
    process = start("--town", str(path))
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, out, errors.count("\n")) == (2, "", 1)
    assert complaint in errors
