"""Towns from OpenDRIVE text, as their ground, roads and signs turn out."""

from __future__ import annotations

from dataclasses import replace

import carla
import numpy as np
import pytest

from simulator.render.materials import Material
from simulator.render.templates import TAG_OF_MATERIAL
from simulator.towns import Town
from simulator.towns.xodr.records import GenerationParameters, OpenDrive, RoadMark
from simulator.towns.xodr.world import town_from_opendrive
from simulator.towns.xodr.writer import write_opendrive
from simulator.types import ActorDescription, CityObjectLabel, Rotation, Transform, Vector3D, VehicleControl
from simulator.world.world import World
from tests.simulator.towns.xodr.places import a_map, bridge_map, hill_road, straight, town_road


def built(made: OpenDrive, **parameters: float) -> Town:
    return town_from_opendrive(write_opendrive(made), "Trial", GenerationParameters(**parameters))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def street() -> Town:
    return built(a_map(town_road()))


@pytest.fixture(scope="module")
def hill() -> Town:
    return built(a_map(hill_road()))


@pytest.fixture(scope="module")
def bridge() -> Town:
    return built(bridge_map())


def area_m2(town: Town, material: Material) -> float:
    corners = town.mesh.vertices[town.mesh.triangles[town.mesh.materials == material]].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.linalg.norm(normals, axis=1).sum() / 2)


def test_lanes_are_made_of_what_their_type_says(street: Town) -> None:
    assert area_m2(street, Material.ASPHALT) == pytest.approx(160.0 * 2 * (3.5 + 2.3), rel=0.02)
    assert area_m2(street, Material.PAVING) == pytest.approx(160.0 * 2 * (2.0 - 0.15), rel=0.03)
    assert street.ground_height_m([[50.0, 1.7], [50.0, 7.0], [50.0, -7.0]]) == pytest.approx([0.0, 0.15, 0.15])


def test_signs_stand_beside_the_lanes_that_obey_them(street: Town) -> None:
    for sites in (street.traffic_lights, street.stop_signs, street.yield_signs, street.speed_limits):
        assert len(sites) == 1
    light, stop = street.traffic_lights[0], street.stop_signs[0]
    assert light.signal_id == "1"
    assert light.transform.location.y == pytest.approx(9.0, abs=0.1)
    assert light.transform.rotation.yaw == pytest.approx(90.0)
    assert [end.x for end in light.stop_line] == pytest.approx([74.0, 74.0])
    for site, s, length in ((light, 74.0, 10.0), (stop, 120.0, 3.5)):
        # the actor faces the driver: its y axis points against the traffic, its x axis to the driver's right
        foot, box = site.transform.location, site.trigger.location
        middle = foot.x - box.y, foot.y + box.x
        assert middle == pytest.approx((s - length / 2, 1.75), abs=0.05)
        assert site.trigger.extent.y == pytest.approx(length / 2)
    assert street.speed_limits[0].limit_kmh == 30
    assert set(street.lanes.speed_limit_kmh) == {30.0}


def test_a_crosswalk_is_painted_where_the_client_has_it(street: Town) -> None:
    (polygon,) = street.crosswalks
    assert polygon[:, 0].min() == pytest.approx(78.5)
    assert polygon[:, 1].max() == pytest.approx(3.5)
    paint = street.mesh.vertices[street.mesh.triangles[street.mesh.materials == Material.LANE_PAINT]].mean(axis=1)
    on_it = paint[(np.abs(paint[:, 0] - 80.0) < 1.0) & (np.abs(paint[:, 1]) < 3.3) & (np.abs(paint[:, 1]) > 0.3)]
    assert len(on_it) >= 10


def test_spawn_points_lie_on_driving_lanes(street: Town, hill: Town, bridge: Town) -> None:
    for town in (street, hill, bridge):
        carla_map = carla.Map(town.name, town.opendrive)
        assert len(town.spawn_points) >= 8
        for point in town.spawn_points:
            waypoint = carla_map.get_waypoint(carla.Location(*point.location))
            assert waypoint.transform.location.distance(carla.Location(*point.location)) < 0.45
            assert abs((waypoint.transform.rotation.yaw - point.rotation.yaw + 180.0) % 360.0 - 180.0) < 1.0
            tilt = waypoint.transform.rotation.pitch - point.rotation.pitch
            assert abs((tilt + 180.0) % 360.0 - 180.0) < 0.1


def test_scenery_keeps_off_the_road(street: Town) -> None:
    solid = [o for o in street.obstacles if o.tag != CityObjectLabel.CAR]
    assert len({o.name.split("_")[0] for o in street.obstacles}) >= 3
    assert len(street.street_lamps) >= 4
    for obstacle in solid:
        x, y, _ = obstacle.box.location
        assert abs(y) > 5.9 or not 0.0 < x < 160.0, obstacle.name


def test_the_ground_follows_the_road_over_a_hill(hill: Town) -> None:
    s = np.linspace(5.0, 345.0, 60)
    wanted = np.interp(s, [100.0, 250.0], [0.0, 12.0])
    heights = hill.ground_height_m(np.stack([s, np.full(60, 1.75)], axis=1))
    assert np.abs(heights - wanted).max() < 2.0
    carla_map = carla.Map(hill.name, hill.opendrive)
    for x, height in zip(s, heights):
        at = carla_map.get_waypoint(carla.Location(float(x), 1.75, float(height)))
        assert height == pytest.approx(at.transform.location.z, abs=0.02)


def test_no_meadow_grows_through_the_asphalt(hill: Town) -> None:
    grass = hill.mesh.vertices[hill.mesh.triangles[hill.mesh.materials == Material.GRASS]].astype(float)
    middle = grass.mean(axis=1)
    on_road = (np.abs(middle[:, 1]) < 4.3) & (middle[:, 0] > 1.0) & (middle[:, 0] < 349.0)
    assert on_road.any()
    assert (middle[on_road, 2] < hill.ground_height_m(middle[on_road, :2]) - 0.01).all()


def drive(town: Town, pose: Transform, seconds: float, control: VehicleControl) -> tuple[World, int]:
    world = World(town)
    car = world.spawn(ActorDescription(0, "vehicle.lincoln.mkz_2020"), pose).id
    world.apply_control_to_vehicle(car, control)
    for _ in range(round(seconds / 0.05)):
        world.step(0.05)
    return world, car


ON_THE_SLOPE = Transform(Vector3D(175.0, 1.75, 6.4), Rotation())


def test_a_car_in_neutral_rolls_down_a_hill_and_brakes_hold_it(hill: Town) -> None:
    free = VehicleControl(manual_gear_shift=True, gear=0)
    world, car = drive(hill, ON_THE_SLOPE, 4.0, free)
    assert world.transform_of(car).location.x < 171.0
    for control in (VehicleControl(brake=1.0), VehicleControl(hand_brake=True)):
        world, car = drive(hill, ON_THE_SLOPE, 4.0, control)
        assert world.transform_of(car).location.x == pytest.approx(175.0, abs=0.15)
        assert world.transform_of(car).location.z == pytest.approx(6.0, abs=0.05)


def test_gravity_is_what_a_free_car_gains(hill: Town) -> None:
    """Down the steepest part, 12 %, less what rolling takes: between 0.7 and 1.2 m/s^2."""
    start, car = drive(hill, ON_THE_SLOPE, 1.0, VehicleControl(manual_gear_shift=True, gear=0))
    first = start.bodies.velocity(start.actors[car].row).x
    for _ in range(20):
        start.step(0.05)
    assert -1.2 < start.bodies.velocity(start.actors[car].row).x - first < -0.7


def test_a_car_climbs_with_its_nose_up_and_its_wheels_on_the_road(hill: Town) -> None:
    world, car = drive(hill, Transform(Vector3D(20.0, 1.75, 0.4), Rotation()), 2.0, VehicleControl(throttle=0.6))
    row = world.actors[car].row
    steepest = 0.0
    for _ in range(200):
        world.step(0.05)
        b = world.bodies.rows[row]
        ground = float(hill.ground_height_m(np.array([[b["x"], b["y"]]]))[0])
        assert abs(b["z"] - ground) < 0.12
        steepest = max(steepest, float(np.degrees(b["pitch"])))
        if 150.0 < b["x"] < 200.0:
            climb = b["vz"] / max(1.0, float(b["vx"]))
            assert 0.07 < climb < 0.14
    assert 5.0 < steepest < 9.0
    assert world.bodies.rows[row]["x"] > 120.0


def test_one_drives_over_a_bridge_and_below_it(bridge: Town) -> None:
    assert bridge.ground_height_m([[100.0, 1.75]]) == pytest.approx([0.0], abs=0.05)
    assert bridge.ground_height_m([[100.0, 1.75]], [7.3]) == pytest.approx([7.0], abs=0.05)
    below, car = drive(bridge, Transform(Vector3D(60.0, 1.75, 0.4), Rotation()), 8.0, VehicleControl(throttle=0.5))
    assert below.transform_of(car).location.x > 110.0  # beyond the bridge, which ends at 104
    assert below.transform_of(car).location.z == pytest.approx(0.0, abs=0.1)
    # road 2 leads along OpenDRIVE's +y, which is CARLA's -y
    start = Transform(Vector3D(101.75, 60.0, 7.4), Rotation(yaw=-90.0))
    above, car = drive(bridge, start, 11.0, VehicleControl(throttle=0.5))
    place = above.transform_of(car).location
    assert place.y < -8.0
    assert place.z > 5.0


def test_a_bridge_is_labelled_as_one_and_walls_as_walls(bridge: Town) -> None:
    tags = set(TAG_OF_MATERIAL[bridge.mesh.materials[bridge.mesh.objects == 0]].tolist())
    assert CityObjectLabel.BRIDGE in tags
    assert CityObjectLabel.BUILDINGS not in tags
    walled = built(a_map(straight(60.0)), wall_height_m=1.5)
    walls = [obstacle for obstacle in walled.obstacles if obstacle.tag == CityObjectLabel.WALLS]
    drawn = np.isin(walled.mesh.objects, [wall.object_id for wall in walls])
    assert set(TAG_OF_MATERIAL[walled.mesh.materials[drawn]].tolist()) == {CityObjectLabel.WALLS}


def test_yellow_marks_are_painted_yellow() -> None:
    road = straight(60.0)
    yellow = RoadMark(0.0, "solid", "yellow")
    section = road.sections[0]
    lanes = tuple(replace(lane, marks=(yellow,)) if lane.id == 0 else lane for lane in section.lanes)
    town = built(a_map(replace(road, sections=(replace(section, lanes=lanes),))))
    assert area_m2(town, Material.LANE_PAINT_YELLOW) == pytest.approx(60.0 * 0.12, rel=0.05)
    assert area_m2(town, Material.LANE_PAINT) > 1.0


def test_walls_are_as_high_as_asked() -> None:
    town = built(a_map(straight(80.0)), wall_height_m=1.4)
    walls = [o for o in town.obstacles if o.tag == CityObjectLabel.WALLS]
    assert {round(2 * wall.box.extent.z, 3) for wall in walls} == {1.4}
    assert {round(wall.box.location.y) for wall in walls} == {-5, 5}
    assert not [o for o in built(a_map(straight(80.0))).obstacles if o.tag == CityObjectLabel.WALLS]


def test_the_same_text_gives_the_same_town(street: Town) -> None:
    again = built(a_map(town_road()))
    assert again.mesh.vertices.tobytes() == street.mesh.vertices.tobytes()
    assert again.obstacles == street.obstacles
    assert again.spawn_points == street.spawn_points
