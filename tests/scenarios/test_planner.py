import itertools
import math

import carla
import numpy as np
import pytest

from agents.localisation import GpsFrame
from agents.plan import RoadOption
from harness.sensors import mirror_deg
from scenarios.errors import ScenarioError
from scenarios.planner import gps_plan, make_plan, plan
from scenarios.route_writer import lane_location
from tests.scenarios.maps import elm02, street
from tests.scenarios.odd_maps import fork, short_lane, solid_ahead


def manoeuvres(route):
    return [option for option, _ in itertools.groupby(option for _, option in route.points)]


def between(start, end):
    return plan(elm02(), [lane_location(elm02(), start), lane_location(elm02(), end)])


def test_points_are_a_metre_apart_and_lie_on_lanes():
    route = between((7, -1, 8), (10, -1, 70))
    assert np.diff(route.distance_m) == pytest.approx(1.0, abs=0.51)
    assert np.median(np.diff(route.distance_m)) == pytest.approx(1.0, abs=0.02)
    for transform, _ in route.points[::7]:
        lane = elm02().get_waypoint(transform.location)
        assert lane.transform.location.distance(transform.location) < 0.1
    heading = np.degrees(np.arctan2(np.diff(route.xyz[:, 1]), np.diff(route.xyz[:, 0])))
    assert np.abs((heading - route.yaw_deg[:-1] + 180) % 360 - 180).max() < 12


@pytest.mark.parametrize(
    ("start", "end", "turn"),
    [
        ((7, -1, 8), (10, -1, 70), RoadOption.RIGHT),
        ((4, 1, 8), (5, -1, 100), RoadOption.LEFT),
        ((10, 1, 5), (5, 1, 100), RoadOption.STRAIGHT),
    ],
)
def test_junctions_carry_the_manoeuvre_a_driver_would_name(start, end, turn):
    assert manoeuvres(between(start, end)) == [RoadOption.LANEFOLLOW, turn, RoadOption.LANEFOLLOW]


def test_the_shortest_way_is_taken():
    route = between((4, 1, 8), (5, -1, 100))
    assert route.length_m == pytest.approx(121 + 22 + 100, abs=8)


def test_key_points_on_the_way_are_passed():
    start, end = lane_location(elm02(), (4, 1, 8)), lane_location(elm02(), (5, -1, 100))
    via = lane_location(elm02(), (4, 1, 80))
    direct, passing = plan(elm02(), [start, end]), plan(elm02(), [start, via, end])
    assert passing.length_m == pytest.approx(direct.length_m, abs=1.0)
    assert len(passing.points) == pytest.approx(len(direct.points), abs=2)


def test_many_key_points_lead_nowhere_back():
    direct = between((4, 1, 8), (4, 1, 110))
    dense = plan(elm02(), [lane_location(elm02(), (4, 1, float(along_m))) for along_m in np.arange(8.0, 111.0, 8.5)])
    assert dense.length_m == pytest.approx(direct.length_m, abs=1.1)
    assert np.abs(np.diff(dense.yaw_deg)).max() < 12
    heading = np.degrees(np.arctan2(np.diff(dense.xyz[:, 1]), np.diff(dense.xyz[:, 0])))
    assert np.abs((heading - dense.yaw_deg[:-1] + 180) % 360 - 180).max() < 12


def test_an_end_behind_the_start_leads_once_round():
    route = between((5, -1, 80), (5, -1, 40))
    assert route.length_m > 300.0
    assert len(manoeuvres(route)) > 5


@pytest.mark.parametrize("again_m", [80.0, 78.0, 60.0])
@pytest.mark.parametrize("end_m", [80.0, 110.0])
def test_key_points_that_repeat_or_lie_a_little_behind_lead_nowhere_round(again_m, end_m):
    """A route of Bench2Drive's repeats one."""
    along_m = [40.0, 40.0, 80.0, again_m, end_m, end_m - 1.0]
    route = plan(elm02(), [lane_location(elm02(), (5, -1, at_m)) for at_m in along_m])
    assert route.length_m == pytest.approx(end_m - 40.0, abs=1.1)
    assert_leads_on(route)


@pytest.mark.parametrize("along_m", [(80.0, 80.0), (80.0, 79.5, 80.0)])
def test_a_route_of_one_place_is_refused_not_driven_once_round(along_m):
    with pytest.raises(
        ScenarioError, match=r"^nothing to drive: all key points lie at \(-?[\d.]+, -?[\d.]+\) on road 5$"
    ):
        plan(elm02(), [lane_location(elm02(), (5, -1, at_m)) for at_m in along_m])


def test_lane_changes_are_planned_where_the_markings_allow_them():
    route = plan(street(), [(50.0, 1.75, 0.0), (300.0, 5.25, 0.0)])
    assert RoadOption.CHANGELANERIGHT in manoeuvres(route)
    assert route.xyz[-1, 1] == pytest.approx(5.25, abs=0.05)
    assert route.length_m == pytest.approx(250.0, abs=5.0)
    back = plan(street(), [(50.0, 5.25, 0.0), (300.0, 1.75, 0.0)])
    assert RoadOption.CHANGELANELEFT in manoeuvres(back)


def test_no_way_and_no_road_are_one_clear_line():
    with pytest.raises(ScenarioError, match=r"no way through street from \(300\.0, 1\.8\) to \(50\.0, 1\.8\)"):
        plan(street(), [(300.0, 1.75, 0.0), (50.0, 1.75, 0.0)])
    with pytest.raises(ScenarioError, match=r"no way through street from \(300\.0, 1\.8\) to \(50\.0, 5\.2\)"):
        plan(street(), [(300.0, 1.75, 0.0), (50.0, 5.25, 0.0)])


def test_places_along_the_route_are_interpolated_and_clamped():
    route = plan(street(), [(50.0, 1.75, 0.0), (300.0, 1.75, 0.0)])
    assert route.at(10.25).location.x == pytest.approx(60.25, abs=0.01)
    assert route.at(-5.0).location.x == pytest.approx(50.0, abs=0.01)
    assert route.at(9999.0).location.x == pytest.approx(300.0, abs=1.1)
    along_m, away_m = route.nearest(100.0, 4.75)
    assert along_m == pytest.approx(50.0, abs=0.6)
    assert away_m == pytest.approx(3.0, abs=0.1)


def test_headings_along_the_route_are_interpolated_the_short_way_round():
    around_north = [(carla.Transform(carla.Location(float(x)), carla.Rotation(yaw=yaw)), RoadOption.LANEFOLLOW)
                    for x, yaw in enumerate((350.0, 10.0, 30.0))]  # fmt: skip
    route = make_plan(around_north)
    yaws = [route.at(along_m).rotation.yaw % 360.0 for along_m in (0.0, 0.25, 0.75, 1.5, 2.0)]
    assert yaws == pytest.approx([350.0, 355.0, 5.0, 20.0, 30.0], abs=1e-3)


def test_a_gnss_that_is_mirrored_speaks_as_the_plan_does():
    route, twice_deg = between((7, -1, 8), (10, -1, 70)), mirror_deg(elm02())
    assert twice_deg is not None
    for (transform, _), (fix, _) in zip(route.points, gps_plan(route, elm02())):
        reading = elm02().transform_to_geolocation(transform.location)
        assert twice_deg - reading.latitude == pytest.approx(fix["lat"], abs=2e-6)  # 0.2 m
        assert reading.longitude == pytest.approx(fix["lon"], abs=2e-6)


def test_a_gnss_with_y_in_the_south_is_left_alone():
    class Southern:
        def transform_to_geolocation(self, location):
            return carla.GeoLocation(42.0 - location.y * 9e-6, 2.0 + location.x * 12e-6, 0.0)

    assert mirror_deg(Southern()) is None


def test_the_gps_plan_leads_to_the_same_places():
    route = between((7, -1, 8), (10, -1, 70))
    gps = gps_plan(route, elm02())
    reference = elm02().transform_to_geolocation(carla.Location())
    assert gps[0][0]["lat"] == pytest.approx(reference.latitude, abs=0.01)
    # South of the reference latitude is +y, as in the leaderboard.
    assert (gps[0][0]["lat"] < gps[-1][0]["lat"]) == (route.xyz[0, 1] > route.xyz[-1, 1])
    # As the leaderboard's agents have it built in: CARLA's towns lie about (0, 0).
    assert (gps[0][0]["lat"], gps[0][0]["lon"]) == pytest.approx(
        (-route.xyz[0, 1] / 111_319.49, route.xyz[0, 0] / 111_319.49), abs=1e-8
    )
    frame = GpsFrame(gps, route.points)
    for (point, option), (x, y, _), (_, world_option) in zip(gps, route.xyz, route.points):
        assert math.dist(frame.xy(point["lat"], point["lon"]), (x, y)) < 0.02
        assert option == world_option


def test_points_less_than_half_a_step_apart_are_one_and_heights_are_told():
    at = [(0.0, 5.0), (0.25, 5.125), (0.625, 5.25), (1.75, 5.5)]
    route = make_plan([(carla.Transform(carla.Location(x=x, z=z)), RoadOption.LANEFOLLOW) for x, z in at])
    assert [(x, z) for x, _, z in route.xyz] == [at[0], at[2], at[3]]
    assert [point["z"] for point, _ in gps_plan(route, elm02())] == [5.0, 5.25, 5.5]


def assert_leads_on(route, most_turn_deg=50.0):
    """No step leads back or straight aside."""
    steps = np.diff(route.xyz[:, :2], axis=0)
    heading = np.degrees(np.arctan2(steps[:, 1], steps[:, 0]))
    assert np.abs((heading - route.yaw_deg[1:] + 180) % 360 - 180).max() < most_turn_deg


def test_a_lane_change_takes_what_room_is_left():
    route = plan(street(), [(391.0, 1.75, 0.0), (398.0, 5.25, 0.0)])
    assert tuple(route.xyz[-1, :2]) == pytest.approx((398.0, 5.25), abs=0.05)
    assert_leads_on(route)


def test_key_points_beside_one_another_are_no_dead_end():
    """So Bench2Drive's routes write a lane change; CARLA's planner takes 5 m for it."""
    route = plan(street(), [(100.0, 1.75, 0.0), (105.0, 5.25, 0.0), (110.0, 1.75, 0.0)])
    assert tuple(route.xyz[-1, :2]) == pytest.approx((110.0, 1.75), abs=0.05)
    assert_leads_on(route)


def test_nobody_drives_back_for_key_points_that_a_lane_change_has_passed():
    keypoints = [(100.0, 1.75, 0.0), (102.0, 5.25, 0.0), (104.0, 5.25, 0.0), (130.0, 5.25, 0.0)]
    route = plan(street(), keypoints)
    assert tuple(route.xyz[-1, :2]) == pytest.approx((130.0, 5.25), abs=1.01)
    assert route.length_m == pytest.approx(31.0, abs=2.0)
    assert_leads_on(route)


def test_a_lane_change_that_was_allowed_before_the_start_is_made_at_once():
    route = plan(solid_ahead(), [(250.0, 1.75, 0.0), (300.0, 5.25, 0.0)])
    assert route.xyz[:12, 1].max() == pytest.approx(5.25, abs=0.05)
    later = plan(solid_ahead(), [(150.0, 1.75, 0.0), (300.0, 5.25, 0.0)])
    assert RoadOption.CHANGELANERIGHT in manoeuvres(later)


def test_a_route_may_end_on_a_lane_shorter_than_a_step():
    for start in np.arange(50.1, 51.0, 0.2):
        route = plan(short_lane(), [(start, 1.75, 0.0), (100.3, 1.75, 0.0)])
        assert route.xyz[-1, 0] == pytest.approx(100.2, abs=0.9)


@pytest.mark.parametrize("exit_road", [4, 5])
@pytest.mark.parametrize("aside_m", [0.1, 0.3, 0.5, 0.7])
def test_a_key_point_where_lanes_part_means_the_one_that_leads_on(exit_road, aside_m):
    """It lies on both, nearer to the one or the other."""
    end = fork().get_waypoint_xodr(exit_road, -1, 60.0).transform.location
    route = plan(fork(), [(50.0, 1.75, 0.0), (108.0, 1.75 + aside_m, 0.0), (end.x, end.y, 0.0)])
    assert math.dist(route.xyz[-1, :2], (end.x, end.y)) < 1.1
    assert_leads_on(route)


@pytest.mark.parametrize(("exit_road", "turn"), [(4, RoadOption.STRAIGHT), (5, RoadOption.RIGHT)])
def test_a_turn_of_less_than_a_right_angle_is_one_all_the_same(exit_road, turn):
    """By 57 degrees."""
    end = fork().get_waypoint_xodr(exit_road, -1, 60.0).transform.location
    route = plan(fork(), [(50.0, 1.75, 0.0), (end.x, end.y, 0.0)])
    assert manoeuvres(route) == [RoadOption.LANEFOLLOW, turn, RoadOption.LANEFOLLOW]
