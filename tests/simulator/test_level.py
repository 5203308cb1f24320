"""The level as clients see and change it: objects, layers, debug drawing, lamps, bones, doors."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import carla
import numpy as np
import pytest

from tests.simulator.serving import RunningServer, running_server

Label = carla.CityObjectLabel
CAR_TAG, VEGETATION_TAG, SIGN_TAG = 14, 9, 8


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--cameras") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> carla.Client:
    connected = carla.Client("127.0.0.1", server.port)
    connected.set_timeout(60.0)
    return connected


@pytest.fixture
def world(client: carla.Client) -> Iterator[carla.World]:
    world = client.get_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    yield world
    world.enable_environment_objects({o.id for o in world.get_environment_objects(Label.Any)}, True)
    world.load_map_layer(carla.MapLayer.All)
    world.debug.clear_debug_shape()
    left = [a for a in world.get_actors() if a.type_id.split(".")[0] in ("vehicle", "walker", "sensor")]
    for actor in left:
        if isinstance(actor, carla.Sensor):
            actor.stop()
    client.apply_batch_sync([carla.command.DestroyActor(actor.id) for actor in left], True)
    world.apply_settings(carla.WorldSettings())


class Eye:
    """A camera and its pictures."""

    def __init__(self, world: carla.World, kind: str, place: carla.Transform, **attributes: str) -> None:
        blueprint = world.get_blueprint_library().find(f"sensor.camera.{kind}")
        blueprint.set_attribute("image_size_x", "160")
        blueprint.set_attribute("image_size_y", "120")
        if kind == "rgb":
            blueprint.set_attribute("exposure_mode", "manual")
        for name, value in attributes.items():
            blueprint.set_attribute(name, value)
        self._world, self._images = world, queue.Queue[Any]()
        self._sensor = world.spawn_actor(blueprint, place)
        self._sensor.listen(self._images.put)

    def look(self) -> np.ndarray:
        """(H, W, 4) BGRA of the next frame."""
        frame = self._world.tick()
        while True:
            image = self._images.get(timeout=60.0)
            if image.frame == frame:
                return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4).copy()


def _beside(box: carla.BoundingBox, metres: float) -> carla.Transform:
    """A place `metres` along the box's y axis, looking at it."""
    yaw = box.rotation.yaw
    out = carla.Rotation(yaw=yaw + 90.0).get_forward_vector()
    place = box.location + out * metres
    return carla.Transform(
        carla.Location(place.x, place.y, box.location.z + 1.0), carla.Rotation(pitch=-6.0, yaw=yaw - 90.0)
    )


def _parked_car(world: carla.World) -> carla.EnvironmentObject:
    return world.get_environment_objects(Label.Car)[0]


def test_a_parked_car_that_is_hidden_is_neither_seen_nor_met_by_rays_nor_run_into(world: carla.World) -> None:
    parked = _parked_car(world)
    eye = Eye(world, "semantic_segmentation", _beside(parked.bounding_box, 6.0))
    middle = parked.bounding_box.location
    above = carla.Location(middle.x, middle.y, 5.0)
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    spot = carla.Transform(carla.Location(middle.x, middle.y, 0.3), parked.bounding_box.rotation)
    seen = int((eye.look()[..., 2] == CAR_TAG).sum())
    assert world.project_point(above, carla.Vector3D(0, 0, -1), 10.0).label == Label.Car
    assert world.try_spawn_actor(blueprint, spot) is None
    world.enable_environment_objects({parked.id}, False)
    assert int((eye.look()[..., 2] == CAR_TAG).sum()) < 0.3 * seen
    assert parked.id in {o.id for o in world.get_environment_objects(Label.Car)}
    world.enable_environment_objects({parked.id}, True)
    assert int((eye.look()[..., 2] == CAR_TAG).sum()) == seen
    world.enable_environment_objects({parked.id}, False)
    assert world.project_point(above, carla.Vector3D(0, 0, -1), 10.0).label == Label.Roads
    car = world.try_spawn_actor(blueprint, spot)
    assert car is not None
    world.tick()
    assert car.destroy()
    world.enable_environment_objects({parked.id}, True)
    assert int((eye.look()[..., 2] == CAR_TAG).sum()) == seen
    assert world.try_spawn_actor(blueprint, spot) is None


def test_boxes_of_a_kind_surround_what_they_name(world: carla.World) -> None:
    trees = world.get_level_bbs(Label.Vegetation)
    assert len(trees) == len(world.get_environment_objects(Label.Vegetation))
    assert np.median([tree.extent.z for tree in trees]) > 1.5  # with their crowns
    houses = world.get_level_bbs(Label.Buildings)
    assert 2.0 < np.median([house.extent.z for house in houses]) < 15.0
    parked = len(world.get_level_bbs(Label.Car))
    car = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.tesla.model3"), world.get_map().get_spawn_points()[0]
    )
    world.tick()
    boxes = world.get_level_bbs(Label.Car)
    assert len(boxes) == parked + 1
    assert min(box.location.distance(car.get_location()) for box in boxes) < 1.0
    assert len(world.get_level_bbs(Label.Any)) > parked + len(trees) + len(houses)


def test_boxes_of_signs_and_lights_surround_what_is_seen_of_them(world: carla.World) -> None:
    lights = world.get_actors().filter("traffic.traffic_light")
    heads = [box for light in lights for box in light.get_light_boxes()]
    boxes = world.get_level_bbs(Label.TrafficLight)
    assert len(boxes) == len(heads) > len(lights) > 0
    signs = [a for a in world.get_actors().filter("traffic.*") if a.type_id != "traffic.traffic_light"]
    boxes = world.get_level_bbs(Label.TrafficSigns)
    assert len(boxes) == len(signs) > 0
    for sign in signs:
        pole = sign.get_location()
        box = min(boxes, key=lambda b: b.location.distance_2d(pole))
        assert box.location.distance_2d(pole) < 0.5
        assert 0.2 < max(box.extent.x, box.extent.y) < 1.0
        assert 0.8 < box.extent.z < 2.0
        assert box.location.z - box.extent.z == pytest.approx(pole.z, abs=0.2)


def test_lights_and_signs_are_objects_of_the_level(world: carla.World) -> None:
    for tag, kind in ((Label.TrafficLight, "traffic.traffic_light"), (Label.TrafficSigns, "traffic.stop")):
        objects, boxes = world.get_environment_objects(tag), world.get_level_bbs(tag)
        assert len(objects) == len(boxes) > 0
        assert {o.type for o in objects} == {tag}
        assert {o.id for o in objects} < {o.id for o in world.get_environment_objects(Label.Any)}
        assert {o.name for o in objects} < set(world.get_names_of_all_objects())
        for thing in objects:
            assert min(box.location.distance(thing.bounding_box.location) for box in boxes) < 1e-3
        for actor in world.get_actors().filter(kind):
            assert any(o.transform.location.distance(actor.get_location()) < 1e-3 for o in objects)


def test_a_sign_that_is_hidden_is_neither_seen_nor_met_by_rays(world: carla.World) -> None:
    signs = world.get_environment_objects(Label.TrafficSigns)
    boxes = len(world.get_level_bbs(Label.TrafficSigns))
    sign = signs[0]
    top = sign.bounding_box.location.z + sign.bounding_box.extent.z
    place = sign.transform.location
    above = carla.Transform(carla.Location(place.x, place.y, top + 3.0), carla.Rotation(pitch=-89.9))
    eye = Eye(world, "semantic_segmentation", above)
    seen = eye.look()
    world.enable_environment_objects({sign.id}, False)
    hidden = eye.look()
    assert not np.array_equal(hidden, seen)
    assert int((hidden[..., 2] == SIGN_TAG).sum()) < int((seen[..., 2] == SIGN_TAG).sum())
    assert len(world.get_level_bbs(Label.TrafficSigns)) == boxes - 1
    assert [o.id for o in world.get_environment_objects(Label.TrafficSigns)] == [o.id for o in signs]
    down = world.cast_ray(above.location, carla.Location(place.x, place.y, place.z - 2.0))
    assert all(point.label != Label.TrafficSigns and point.label != Label.Poles for point in down)
    world.enable_environment_objects({sign.id}, True)
    assert np.array_equal(eye.look(), seen)


def test_a_traffic_light_goes_with_any_of_its_heads(world: carla.World) -> None:
    light = world.get_actors().filter("traffic.traffic_light")[0]
    objects = world.get_environment_objects(Label.TrafficLight)
    heads = [o for o in objects if o.transform.location.distance(light.get_location()) < 1e-3]
    assert len(heads) == len(light.get_light_boxes()) > 1
    world.enable_environment_objects({heads[0].id}, False)
    assert len(world.get_level_bbs(Label.TrafficLight)) == len(objects) - len(heads)
    world.enable_environment_objects({heads[1].id}, True)
    assert len(world.get_level_bbs(Label.TrafficLight)) == len(objects)


def test_names_and_ids_are_unique(world: carla.World) -> None:
    names = world.get_names_of_all_objects()
    objects = world.get_environment_objects(Label.Any)
    assert len(set(names)) == len(names) == len(objects)
    assert len({o.id for o in objects}) == len(objects)


def test_a_layer_goes_and_comes_back(world: carla.World) -> None:
    tree = max(world.get_environment_objects(Label.Vegetation), key=lambda o: o.bounding_box.extent.z)
    eye = Eye(world, "semantic_segmentation", _beside(tree.bounding_box, 12.0))
    before = eye.look()
    assert (before[..., 2] == VEGETATION_TAG).any()
    world.unload_map_layer(carla.MapLayer.Foliage)
    without = eye.look()
    assert not (without[..., 2] == VEGETATION_TAG).any()
    assert not world.get_level_bbs(Label.Vegetation)
    world.load_map_layer(carla.MapLayer.Foliage)
    assert np.array_equal(eye.look(), before)


def test_the_light_of_a_lamp_goes_with_its_post(world: carla.World) -> None:
    world.set_weather(carla.WeatherParameters(sun_altitude_angle=-60.0))
    manager = world.get_lightmanager()
    manager.turn_on(manager.get_all_lights())
    lamp = manager.get_all_lights()[0].location
    below = carla.Transform(carla.Location(lamp.x, lamp.y, 5.0), carla.Rotation(pitch=-89.0))
    eye = Eye(world, "rgb", below, shutter_speed="20", iso="1600")
    for _ in range(3):  # the client sends what its light manager was told with a tick
        lit = eye.look()[..., :3].mean()
    world.unload_map_layer(carla.MapLayer.StreetLights)
    assert eye.look()[..., :3].mean() < 0.5 * lit
    manager.turn_off(manager.get_all_lights())
    world.set_weather(carla.WeatherParameters())


def test_lamps_follow_the_sun_when_they_are_told_to(world: carla.World) -> None:
    manager = world.get_lightmanager()
    manager.set_day_night_cycle(True)
    for altitude, burning in ((-20.0, True), (40.0, False)):
        world.set_weather(carla.WeatherParameters(sun_altitude_angle=altitude))
        for _ in range(3):
            world.tick()
        lamps = world.get_lightmanager().get_all_lights()
        assert [lamp.is_on for lamp in lamps] == [burning] * len(lamps)
    manager.set_day_night_cycle(False)
    world.set_weather(carla.WeatherParameters(sun_altitude_angle=-20.0))
    for _ in range(3):
        world.tick()
    assert not any(lamp.is_on for lamp in world.get_lightmanager().get_all_lights())


def test_lamps_keep_what_is_set(world: carla.World) -> None:
    manager = world.get_lightmanager()
    lamp = manager.get_all_lights(carla.LightGroup.Street)[0]
    lamp.set_intensity(1234.0)
    lamp.set_color(carla.Color(10, 200, 30))
    lamp.set_light_group(carla.LightGroup.Building)
    lamp.turn_on()
    for _ in range(3):
        world.tick()
    found = {light.id: light for light in world.get_lightmanager().get_all_lights()}[lamp.id]
    assert found.intensity == pytest.approx(1234.0)
    assert (found.color.r, found.color.g, found.color.b) == (10, 200, 30)
    assert found.light_group == carla.LightGroup.Building
    assert found.is_on


def _pink(picture: np.ndarray) -> int:
    return int((np.abs(picture[..., :3].astype(int) - [255, 0, 255]).max(axis=2) < 4).sum())


def test_what_is_drawn_is_seen_for_as_long_as_it_was_meant_to(world: carla.World) -> None:
    start = world.get_map().get_spawn_points()[0]
    lens = carla.Transform(start.location + carla.Location(z=1.5), start.rotation)
    eye, depth = Eye(world, "rgb", lens), Eye(world, "depth", lens)
    ahead = lens.transform(carla.Location(x=8.0))
    high = ahead + carla.Location(z=1.5)
    pink = carla.Color(255, 0, 255)
    assert _pink(eye.look()) == 0
    nothing = depth.look()
    world.debug.draw_line(ahead, high, 0.3, pink)
    assert _pink(eye.look()) > 5
    assert _pink(eye.look()) == 0
    world.debug.draw_arrow(ahead, high, 0.2, 0.4, pink, 0.15)
    assert [_pink(eye.look()) > 5 for _ in range(5)] == [True, True, True, False, False]
    world.debug.draw_box(carla.BoundingBox(ahead, carla.Vector3D(1, 1, 1)), carla.Rotation(yaw=20.0), 0.1, pink, 0.0)
    world.debug.draw_point(high, 0.5, pink, 0.0)
    assert [_pink(eye.look()) > 20 for _ in range(6)] == [True] * 6
    assert np.array_equal(depth.look(), nothing)
    world.debug.clear_debug_shape()
    assert _pink(eye.look()) == 0
    world.debug.draw_string(ahead, "only in the server's window", False, pink, 1.0)
    assert _pink(eye.look()) == 0


def test_textures_cannot_be_changed(world: carla.World) -> None:
    texture = carla.TextureColor(2, 2)
    with pytest.raises(RuntimeError, match="unable to find Actor to apply the texture"):
        world.apply_color_texture_to_object("no such thing", carla.MaterialParameter.Diffuse, texture)
    name = world.get_names_of_all_objects()[0]
    with pytest.raises(RuntimeError, match="unable to apply the texture"):
        world.apply_color_texture_to_object(name, carla.MaterialParameter.Diffuse, texture)
    with pytest.raises(RuntimeError, match="unable to apply the texture"):
        world.apply_float_color_texture_to_object(name, carla.MaterialParameter.Emissive, carla.TextureFloatColor(1, 1))


def _walker(world: carla.World) -> carla.Walker:
    start = world.get_map().get_spawn_points()[3].location
    blueprint = world.get_blueprint_library().find("walker.pedestrian.0002")
    return world.spawn_actor(blueprint, carla.Transform(start + carla.Location(z=1.0), carla.Rotation(yaw=30.0)))


def test_bones_of_a_walker_stand_where_its_body_is(world: carla.World) -> None:
    walker = _walker(world)
    for _ in range(5):
        world.tick()
    bones = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    assert walker.get_bone_names() == list(bones)
    place = walker.get_location()
    assert bones["crl_root"].world.location.z == pytest.approx(place.z - 0.93, abs=0.03)
    assert bones["crl_Head__C"].world.location.z > place.z + 0.5
    hands = bones["crl_hand__R"].world.location - bones["crl_hand__L"].world.location
    right = walker.get_transform().get_right_vector()
    assert hands.x * right.x + hands.y * right.y > 0.3


def test_a_walker_has_all_bones_of_carlas_skeleton(world: carla.World) -> None:
    """As its tutorial on bones lists them: 66, of which each hand has 20 in its fingers."""
    walker = _walker(world)
    world.tick()
    bones = {bone.name: bone.world.location for bone in walker.get_bones().bone_transforms}
    assert len(bones) == len(walker.get_bone_relative_transforms()) == 66
    for side, other in ("LR", "RL"):
        hand = bones[f"crl_hand__{side}"]
        for finger in ("Thumb", "Index", "Middle", "Ring", "Pinky"):
            reach = [bones[f"crl_hand{finger}{joint}__{side}"].distance(hand) for joint in ("", "01", "02", "End")]
            assert reach == sorted(reach)
            assert reach[0] > 0.02
            assert reach[-1] < 0.25
        assert bones[f"crl_toeEnd__{side}"].distance(bones[f"crl_toe__{side}"]) < 0.1
        assert bones[f"crl_handIndex__{side}"].distance(bones[f"crl_hand__{other}"]) > 0.3


def test_an_actors_components_bear_the_names_of_unreals(world: carla.World) -> None:
    car = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.tesla.model3"), world.get_map().get_spawn_points()[2]
    )
    walker = _walker(world)
    world.tick()
    assert {"VehicleMesh", "VehicleBounds"} < set(car.get_component_names())
    assert {"CollisionCylinder", "CharacterMesh0"} < set(walker.get_component_names())
    assert car.get_component_world_transform("VehicleMesh").location.distance(car.get_location()) < 1e-3
    bounds = car.get_component_relative_transform("VehicleBounds").location
    assert bounds.distance(car.bounding_box.location) < 1e-5
    centre = car.get_transform().transform(bounds)
    assert car.get_component_world_transform("VehicleBounds").location.distance(centre) < 1e-3
    feet = walker.get_component_world_transform("CharacterMesh0").location
    assert feet.distance(walker.get_bones().bone_transforms[0].world.location) < 1e-3
    with pytest.raises(RuntimeError, match="no component 'CharacterMesh0'"):
        car.get_component_world_transform("CharacterMesh0")


def test_a_walkers_pose_can_be_set_blended_and_taken_from_its_stride(world: carla.World) -> None:
    walker = _walker(world)
    world.tick()
    before = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    raised = carla.Transform(before["crl_foreArm__R"].relative.location, carla.Rotation(pitch=80.0))
    walker.set_bones(carla.WalkerBoneControlIn([("crl_foreArm__R", raised)]))
    same = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    assert same["crl_hand__R"].world.location.distance(before["crl_hand__R"].world.location) < 1e-4
    walker.blend_pose(0.5)
    half = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    assert half["crl_foreArm__R"].relative.rotation.pitch == pytest.approx(40.0, abs=0.01)
    walker.show_pose()
    shown = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    assert shown["crl_hand__R"].world.location.distance(before["crl_hand__R"].world.location) > 0.15
    walker.get_pose_from_animation()
    taken = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    assert taken["crl_hand__R"].world.location.distance(before["crl_hand__R"].world.location) < 1e-3
    walker.hide_pose()


def test_a_vehicles_bones_wheels_and_doors(world: carla.World) -> None:
    car = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.tesla.model3"), world.get_map().get_spawn_points()[1]
    )
    world.tick()
    names = car.get_bone_names()
    assert {"Wheel_Front_Left", "Wheel_Rear_Right"} < set(names)
    places = dict(zip(names, car.get_vehicle_bone_world_transforms(), strict=True))
    axle = places["Wheel_Front_Left"].location - places["Wheel_Rear_Left"].location
    forward = car.get_transform().get_forward_vector()
    assert axle.x * forward.x + axle.y * forward.y == pytest.approx(axle.length(), rel=0.01)
    assert car.get_socket_names() == []
    left = carla.VehicleWheelLocation.FL_Wheel
    car.set_wheel_steer_direction(left, 25.0)
    assert car.get_wheel_steer_angle(left) == pytest.approx(0.0)
    car.set_simulate_physics(False)
    car.set_wheel_steer_direction(left, 25.0)
    car.set_wheel_pitch_angle(left, 70.0)
    assert car.get_wheel_steer_angle(left) == pytest.approx(25.0)
    assert car.get_wheel_pitch_angle(left) == pytest.approx(70.0)
    car.open_door(carla.VehicleDoor.All)
    car.close_door(carla.VehicleDoor.FL)
    world.tick()


def test_lights_of_a_junction_can_be_frozen_and_reset(world: carla.World) -> None:
    light = world.get_actors().filter("traffic.traffic_light")[0]
    group = light.get_group_traffic_lights()
    assert light.id in {other.id for other in group}
    assert {other.get_opendrive_id() for other in group}.isdisjoint({""})
    assert world.get_traffic_light_from_opendrive_id(light.get_opendrive_id()).id == light.id
    assert len(light.get_light_boxes()) >= 1
    world.freeze_all_traffic_lights(True)
    world.tick()
    assert light.is_frozen()
    before = [str(other.state) for other in group]
    for _ in range(300):
        world.tick()
    assert [str(other.state) for other in group] == before
    world.freeze_all_traffic_lights(False)
    light.reset_group()
    world.tick()
    assert not light.is_frozen()
    assert light.get_elapsed_time() < 0.2
