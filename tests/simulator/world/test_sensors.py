"""GNSS, IMU and the rhythm of sensors."""

from __future__ import annotations

import math

import carla
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.types import Rotation, Transform, Vector3D, VehicleControl
from simulator.world.gnss import geo_reference, geolocation
from simulator.world.poses import matrix, transform_of
from tests.simulator.world.places import CAR, GEOREFERENCE, PEDESTRIAN, attach, make_world, put, run

ROAD = """<OpenDRIVE><header revMajor="1" revMinor="4"><geoReference><![CDATA[{}]]></geoReference></header>
<road name="" length="100.0" id="1" junction="-1">
<planView><geometry s="0" x="0" y="0" hdg="0" length="100.0"><line/></geometry></planView>
<lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
<right><lane id="-1" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>"""


@pytest.fixture(scope="module", params=[GEOREFERENCE, "+lat_0=-12.5 +lon_0=130.25 +proj=tmerc"])
def road_map(request):
    text = ROAD.format(request.param)
    return text, carla.Map("road", text)


@settings(max_examples=60, deadline=None)
@given(x=st.floats(-3000.0, 3000.0), y=st.floats(-3000.0, 3000.0), z=st.floats(-5.0, 50.0))
def test_geolocation_is_that_of_the_client(road_map, x, y, z):
    text, client_map = road_map
    location = carla.Location(x, y, z)
    there = client_map.transform_to_geolocation(location)
    here = geolocation(geo_reference(text), Vector3D(location.x, location.y, location.z))
    assert here == pytest.approx((there.latitude, there.longitude, there.altitude), abs=1e-9)


def test_gnss_measures_where_the_antenna_is():
    world = make_world()
    car = put(world, CAR, 30.0, 20.0, yaw=90.0)
    attach(world, "sensor.other.gnss", car, x=1.0, z=1.4)
    (reading,) = world.step(0.05).gnss
    expected = geolocation(world.georeference, Vector3D(30.0, 21.0, 1.4))
    assert (reading.latitude, reading.longitude) == pytest.approx(expected[:2], abs=1e-9)
    assert reading.altitude == pytest.approx(1.4)


def test_gnss_noise_has_the_asked_size_and_bias_and_is_reproducible():
    def measured():
        world = make_world(5)
        car = put(world, CAR, 0.0, 20.0)
        attach(world, "sensor.other.gnss", car, noise_lat_stddev=5e-6, noise_alt_bias=2.0, noise_alt_stddev=0.1)
        return np.array([(r.latitude, r.longitude, r.altitude) for _ in range(400) for r in world.step(0.05).gnss])

    first = measured()
    assert np.array_equal(first, measured())
    true = geolocation(make_world().georeference, Vector3D(0.0, 20.0, 0.0))
    assert np.std(first[:, 0]) == pytest.approx(5e-6, rel=0.15)
    assert np.mean(first[:, 0]) == pytest.approx(true[0], abs=1e-6)
    assert np.ptp(first[:, 1]) < 1e-12
    assert np.mean(first[:, 2]) == pytest.approx(2.0, abs=0.05)


def _imu_of_a_car(yaw=0.0, **attributes):
    world = make_world()
    car = put(world, CAR, 0.0, 20.0, yaw=yaw)
    attach(world, "sensor.other.imu", car, **attributes)
    return world, car


def test_imu_at_rest_feels_gravity_and_no_turning():
    world, _ = _imu_of_a_car()
    for _ in range(5):
        (reading,) = world.step(0.05).imu
    assert reading.accelerometer == pytest.approx((0.0, 0.0, 9.81), abs=1e-6)
    assert reading.gyroscope == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)


@pytest.mark.parametrize(
    ("yaw", "compass"), [(-90.0, 0.0), (0.0, math.pi / 2), (90.0, math.pi), (180.0, 1.5 * math.pi)]
)
def test_compass_is_0_to_the_north_and_grows_clockwise(yaw, compass):
    world, _ = _imu_of_a_car(yaw)
    (reading,) = world.step(0.05).imu
    assert reading.compass == pytest.approx(compass, abs=1e-9)


def test_imu_feels_acceleration_along_the_car_and_turning_to_the_right():
    world, car = _imu_of_a_car(yaw=90.0)
    world.apply_control_to_vehicle(car, VehicleControl(throttle=0.6))
    readings = [world.step(0.05).imu[0] for _ in range(20)]
    assert readings[-1].accelerometer.x == pytest.approx(world.bodies.rows[world.actors[car].row]["ay"], rel=0.2)
    assert readings[-1].accelerometer.x > 1.0
    world.apply_control_to_vehicle(car, VehicleControl(throttle=0.3, steer=0.3))
    reading = [world.step(0.05).imu[0] for _ in range(20)][-1]
    body = world.bodies.rows[world.actors[car].row]
    assert reading.gyroscope.z == pytest.approx(body["wz"], rel=0.02)
    assert reading.gyroscope.z > 0.1
    # centripetal: to the right, speed times yaw rate
    assert reading.accelerometer.y == pytest.approx(math.hypot(body["vx"], body["vy"]) * body["wz"], rel=0.35)


def test_imu_noise_is_carlas():
    world, _ = _imu_of_a_car(noise_accel_stddev_x=0.2, noise_gyro_bias_z=0.05, noise_gyro_stddev_z=0.01)
    readings = [world.step(0.05).imu[0] for _ in range(400)]
    assert np.std([r.accelerometer.x for r in readings]) == pytest.approx(0.2, rel=0.15)
    assert np.ptp([r.accelerometer.y for r in readings]) < 1e-9
    assert np.mean([r.gyroscope.z for r in readings]) == pytest.approx(0.05, abs=0.003)


@pytest.mark.parametrize(("tick", "expected"), [(0.0, 100), (0.1, 50), (0.25, 20), (1.0, 5), (0.03, 100)])
def test_sensor_tick_sets_how_often_a_sensor_is_due(tick, expected):
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    gnss = attach(world, "sensor.other.gnss", car, sensor_tick=tick)
    events = [world.step(0.05) for _ in range(100)]
    assert gnss in events[0].due
    assert sum(len(event.gnss) for event in events) == expected


def test_attached_sensors_ride_along_exactly():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    camera = attach(world, "sensor.camera.rgb", car, x=1.5, z=1.6, yaw=45.0)
    world.apply_control_to_vehicle(car, VehicleControl(throttle=0.7, steer=0.2))
    run(world, 3.0)
    reference = carla.Transform(*_carla_pose(world.transform_of(car)))
    expected = reference.transform(carla.Location(1.5, 0.0, 1.6))
    place = world.transform_of(camera)
    assert place.location == pytest.approx((expected.x, expected.y, expected.z), abs=1e-3)
    rows = world.snapshot_rows()
    assert np.array_equal(
        rows[rows["id"] == camera][0]["transform"], np.array([*place.location, *place.rotation], np.float32)
    )


def test_what_rides_on_a_sensor_follows_it_and_a_sensor_put_elsewhere_stays_there():
    """Two on one car, one on a sensor: the poses of carriers are worked out once a step, the mounts once."""
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    first = attach(world, "sensor.camera.rgb", car, x=1.5, z=1.6, yaw=45.0)
    second = attach(world, "sensor.camera.depth", car, x=-1.0, z=2.0)
    third = attach(world, "sensor.other.imu", first, x=0.3, yaw=90.0)
    world.apply_control_to_vehicle(car, VehicleControl(throttle=0.7, steer=0.2))
    for moved in (False, True):
        if moved:
            world.set_actor_transform(first, Transform(Vector3D(0.5, 0.2, 1.2), Rotation(yaw=-30.0)))
        run(world, 1.0)
        for sensor, carrier in ((first, car), (second, car), (third, first)):
            relative = world.actors[sensor].relative
            expected = transform_of(matrix(world.transform_of(carrier)) @ matrix(relative))
            assert world.transform_of(sensor) == expected
    assert world.actors[first].relative.location.x == 0.5


def test_a_sensor_moves_with_the_car_that_bears_it_and_is_swung_round_as_it_turns():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    ahead = attach(world, "sensor.other.radar", car, x=2.0, z=1.0)
    beside = attach(world, "sensor.other.radar", ahead, x=1.0)
    alone = attach(world, "sensor.other.radar", 0)
    body = world.bodies.rows[world.actors[car].row]
    body["vx"], body["vy"], body["vz"], body["wz"] = 8.0, 1.0, 0.5, 0.5
    for sensor, swing in ((ahead, 0.5 * 2.0), (beside, 0.5 * 3.0)):  # what is ahead goes to the right in a right turn
        velocity, turning = world.motion_of(world.actors[sensor])
        assert velocity == pytest.approx((8.0, 1.0 + swing, 0.5), abs=1e-3)
        assert turning == pytest.approx((0.0, 0.0, 0.5))
        assert world.carrier_of(world.actors[sensor]).id == car
    assert [part.tolist() for part in world.motion_of(world.actors[alone])] == [[0.0] * 3] * 2
    found = world.velocities()
    assert list(found) == [car]
    assert found[car] == pytest.approx((8.0, 1.0, 0.5))


def test_what_an_obstacle_detector_takes_for_dynamic_moves_or_can_be_pushed():
    world = make_world()
    car, walker = put(world, CAR, 0.0, 20.0), put(world, PEDESTRIAN, 10.0, 20.0)
    barrel, bench = (put(world, f"static.prop.{name}", x, 20.0) for name, x in (("barrel", 20.0), ("bench01", 30.0)))
    camera = attach(world, "sensor.camera.rgb", car)
    assert world.dynamic_ids() == {car, walker, barrel}
    assert {bench, camera} <= world.actors.keys()


def _carla_pose(transform):
    return carla.Location(*transform.location), carla.Rotation(*transform.rotation)


@pytest.mark.parametrize("place", [Vector3D(3e38, -3e38, 3e38), Vector3D(-5e9, 0.0, 0.0)])
def test_gnss_knows_the_ends_of_the_world(place: Vector3D) -> None:
    assert all(math.isfinite(value) for value in geolocation(geo_reference(""), place))


@pytest.mark.parametrize("text", ["+lat_0=somewhere +lon_0=", "+lat_0=nan +lon_0=inf", "+lat_0=1e9 +lon_0=1e9"])
def test_a_geo_reference_without_angles_is_that_of_carla(text: str) -> None:
    assert geo_reference(f"<geoReference>{text}</geoReference>") == geo_reference("")
