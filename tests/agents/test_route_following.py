import math

import numpy as np
import pytest

from agents.blind import CRUISE_MPS, BlindAgent
from agents.interface import AutonomousAgent
from agents.route import Progress, Route
from agents.route_following import RouteFollowingAgent, curve_speed_mps
from tests.agents.vehicle_model import SmallCar, plan_through

STREETS = {
    "straight": [(150, 0)],
    "right turn at a junction": [(60, 0), (9, 6), (60, 0)],
    "left turn at a junction": [(60, 0), (15, -10), (60, 0)],
    "s-curve": [(30, 0), (40, 35), (40, -35), (30, 0)],
}


class Cruise(RouteFollowingAgent):
    def run_step(self, input_data, timestamp):
        self.locate(input_data, timestamp)
        return self.drive(curve_speed_mps(self.route, self.progress.distance_m, 30.0 / 3.6))


def drive(agent: AutonomousAgent, pieces, seconds: float) -> dict[str, np.ndarray]:
    gps, world = plan_through(*pieces)
    agent.set_global_plan(gps, world)
    agent.setup("")
    start = world[0][0]
    car = SmallCar(start.location.x, start.location.y, math.radians(start.rotation.yaw))
    truth = Progress(Route.from_plan(world))
    log: dict[str, list[float]] = {"offset": [], "speed": [], "distance": [], "lost": [], "heading": []}
    for frame in range(int(seconds / 0.05)):
        control = agent.run_step(car.sense(frame), frame * 0.05)
        log["lost"].append(math.dist(car.origin, (agent.pose.x, agent.pose.y)))
        car.step(control)
        log["distance"].append(truth.update(*car.origin))
        log["offset"].append(truth.offset_m(*car.origin))
        log["speed"].append(car.speed)
    return {name: np.array(values) for name, values in log.items()}


@pytest.mark.parametrize("street", STREETS)
def test_the_route_is_followed_within_a_shoe_box(street):
    log = drive(Cruise("localhost", 2000), STREETS[street], 35.0)
    on_route = log["distance"] < sum(length for length, _ in STREETS[street]) - 2.0
    assert log["distance"][-1] > sum(length for length, _ in STREETS[street]) - 2.0
    assert np.abs(log["offset"][on_route]).max() < 0.3
    assert log["lost"].max() < 0.3


def test_a_single_fix_is_worse_than_the_filter():
    log = drive(Cruise("localhost", 2000), [(150, 0)], 20.0)
    rms = math.sqrt(float(np.mean(log["lost"] ** 2)))
    assert rms < 0.15  # one fix alone: 0.7 m


def test_the_speed_settles_on_the_target_without_overshoot():
    log = drive(Cruise("localhost", 2000), [(400, 0)], 30.0)
    assert log["speed"].max() < 30.0 / 3.6 + 0.4
    assert log["speed"][-100:] == pytest.approx(30.0 / 3.6, abs=0.15)
    reached = float(np.argmax(log["speed"] > 0.9 * 30.0 / 3.6)) * 0.05
    assert reached < 8.0


def test_tight_curves_are_taken_slowly_and_the_braking_begins_before():
    log = drive(Cruise("localhost", 2000), [(80, 0), (9, 6), (60, 0)], 30.0)
    in_curve = (log["distance"] > 81) & (log["distance"] < 88)
    assert log["speed"][in_curve].max() < 4.2
    just_before = (log["distance"] > 70) & (log["distance"] < 76)
    assert log["speed"][just_before].max() < 7.5


def test_progress_does_not_jump_where_the_route_comes_back_near_itself():
    # There and back in the other lane, 8 m apart.
    _, world = plan_through((60, 0), (13, 4), (60, 0))
    route = Route.from_plan(world)
    progress = Progress(route)
    for distance in np.arange(0.0, route.length_m, 0.5):
        x, y = route.point_at(float(distance))
        assert progress.update(x + 0.6, y - 0.6) == pytest.approx(distance, abs=1.2)


def test_the_blind_agent_holds_its_cruise_speed_whatever_the_camera_shows():
    agent = BlindAgent("localhost", 2000)
    assert {"front", "gnss", "imu", "speed"} == {sensor["id"] for sensor in agent.sensors()}
    log = drive(agent, [(250, 0)], 20.0)
    assert log["speed"][-20:] == pytest.approx(CRUISE_MPS, abs=0.15)
