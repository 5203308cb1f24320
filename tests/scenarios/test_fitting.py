import re
import sys
from dataclasses import replace
from pathlib import Path

import carla
import pytest

import scenarios.hazards
from scenarios.errors import ScenarioError
from scenarios.fitting import check_models, left_out, off_way, plan_route, title_of, triggers
from scenarios.hazards import HAZARDS, PARAMETERS, distance_m
from scenarios.planner import plan
from scenarios.routes import parse_routes
from scenarios.specs import RouteSpec, ScenarioSpec, TriggerPoint
from simulator.towns import build_town


def route(*types: str) -> RouteSpec:
    scenarios = tuple(ScenarioSpec(f"{kind}_{n}", kind, TriggerPoint(0, 0, 0, 0)) for n, kind in enumerate(types))
    return RouteSpec("1", "Elm02", ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), scenarios)


def test_what_is_not_staged_is_told():
    routes = [route("ParkedObstacle", "Accident"), route("Accident")]
    (line,) = left_out(routes)
    assert line.startswith(
        "left out: 2 of type Accident, which nightloop does not stage (it stages DynamicObjectCrossing"
    )
    assert title_of(routes[0]) == "ParkedObstacle_0, Accident_1 (left out)"


def crossing(**parameters: str) -> RouteSpec:
    """A pedestrian on a short way in Elm02."""
    trigger = TriggerPoint(-3.5, -150.6, 0.0, 0.0)
    given = {name: {"value": value} for name, value in parameters.items()}
    scenario = ScenarioSpec("Walker", "DynamicObjectCrossing", trigger, given, "mine.xml:7")
    return RouteSpec("1", "Elm02", ((-3.5, -150.6, 0.0), (-23.0, -146.0, 0.0)), (scenario,))


def test_a_misspelt_parameter_is_told_before_anything_is_driven():
    way = plan(carla.Map("Elm02", build_town("Elm02").opendrive), crossing().keypoints)
    with pytest.raises(ScenarioError) as error:
        triggers(way, crossing(distance="12", crosing_speed="2"))
    assert str(error.value) == "mine.xml:7: Walker has <crosing_speed>: did you mean <crossing_speed>?"
    # The leaderboard's own, which nightloop has no use for, are no mistakes.
    ((_, along_m),) = triggers(way, crossing(distance="12", crossing_angle="2", flow_speed="1"))
    assert along_m == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"direction": "Left"}, "mine.xml:7: <direction> of Walker: 'Left' is none of left, right"),
        ({"lead_time": "soon"}, "mine.xml:7: <lead_time> of Walker: 'soon' is not a number"),
        ({"crossing_speed": "0"}, "mine.xml:7: <crossing_speed> of Walker"),
        ({"crossing_speed": "100"}, "mine.xml:7: <crossing_speed> of Walker: 100 is not within 0.2 to 5"),
        ({"start_offset": "900"}, "mine.xml:7: <start_offset> of Walker: 900 is not within 0 to 30"),
        ({"start_offset": "-4"}, "mine.xml:7: <start_offset> of Walker: -4 is not within 0 to 30"),
        (
            {"walker_model": "vehicle.tesla.model3"},
            "mine.xml:7: <walker_model> of Walker: 'vehicle.tesla.model3' is none of walker.pedestrian.*",
        ),
        (
            {"blocker_model": "walker.pedestrian.0001"},
            "mine.xml:7: <blocker_model> of Walker: 'walker.pedestrian.0001' is none of vehicle.*, static.prop.*, none",
        ),
    ],
)
def test_a_value_that_no_hazard_can_have_is_told_before_anything_is_driven(parameters, says):
    spec = crossing(distance="12", **parameters)
    way = plan(carla.Map("Elm02", build_town("Elm02").opendrive), spec.keypoints)
    with pytest.raises(ScenarioError, match=f"^{re.escape(says)}"):
        triggers(way, spec)
    benchmarks = replace(moved(spec, yaw=float(way.yaw_deg[0])), leaves_out=True)
    assert triggers(way, benchmarks) == []
    assert off_way(way, benchmarks)["Walker"].startswith(says)


@pytest.mark.parametrize("kind", ["ParkedObstacle", "HardBreakRoute", "HazardAtSideLane"])
def test_what_drives_is_no_person(kind):
    (walker,) = crossing().scenarios
    name = "bicycle_model" if kind == "HazardAtSideLane" else "vehicle_model"
    given = {"distance": {"value": "12"}, name: {"value": "walker.pedestrian.0001"}}
    spec = replace(crossing(), scenarios=(replace(walker, type=kind, parameters=given),))
    way = plan(carla.Map("Elm02", build_town("Elm02").opendrive), spec.keypoints)
    with pytest.raises(ScenarioError, match=rf"^mine\.xml:7: <{name}> of Walker: 'walker.*' is none of vehicle\.\*$"):
        triggers(way, spec)


@pytest.mark.parametrize("parameters", [{}, {"blocker_model": "none"}, {"blocker_model": "static.prop.foodcart"}])
def test_a_blocker_may_be_a_car_a_thing_or_nothing(parameters):
    spec = crossing(distance="12", **parameters)
    way = plan(carla.Map("Elm02", build_town("Elm02").opendrive), spec.keypoints)
    assert len(triggers(way, spec)) == 1


def test_limits_let_pass_what_route_files_of_benchmarks_have():
    """The extremes of the route files of leaderboard 2.x, scenario_runner and Bench2Drive."""
    (walker,) = crossing().scenarios
    for kind, values in {
        "DynamicObjectCrossing": {"distance": (15, 113)},
        "ParkingCrossingPedestrian": {"distance": (30, 80)},
        "ParkedObstacle": {"distance": (50, 160)},
        "HazardAtSideLane": {"distance": (50, 90), "bicycle_speed": (8, 15), "bicycle_drive_distance": (60, 200)},
    }.items():
        for name, ends in values.items():
            for value in ends:
                PARAMETERS[kind][name].check(replace(walker, parameters={name: {"value": str(value)}}), name)


def test_a_model_that_the_server_has_not_is_told_with_the_nearest():
    known = ("vehicle.audi.tt", "walker.pedestrian.0001", "walker.pedestrian.0002")
    check_models(crossing(walker_model="walker.pedestrian.0001", blocker_model="none"), known)
    check_models(crossing(walker_model="walker.pedestrian.*"), known)  # CARLA's library takes patterns
    spec = crossing(blocker_model="vehicle.audi.tts")
    with pytest.raises(ScenarioError) as error:
        check_models(spec, known)
    why = "there is no blueprint 'vehicle.audi.tts': did you mean vehicle.audi.tt?"
    assert str(error.value) == f"mine.xml:7: <blocker_model> of Walker: {why}"
    with pytest.raises(
        ScenarioError, match=r"pedestrian\.9999': those of walker\.pedestrian\.\* go from 0001 to 0002$"
    ):
        check_models(crossing(walker_model="walker.pedestrian.9999"), known)
    check_models(replace(spec, leaves_out=True), known)  # left out where it is staged


def test_a_parameter_that_stands_twice_is_told_with_its_line(tmp_path):
    path = tmp_path / "mine.xml"
    path.write_text("""<routes><route id="1" town="Elm02"><waypoints>
      <position x="-3.5" y="-150.6" z="0"/><position x="-23.0" y="-146.0" z="0"/></waypoints>
      <scenarios><scenario name="Walker" type="DynamicObjectCrossing">
        <trigger_point x="-3.5" y="-150.6" z="0" yaw="0"/>
        <distance value="90"/>
        <distance value="12"/>
      </scenario></scenarios></route></routes>""")
    (spec,) = parse_routes(path)
    way = plan(carla.Map("Elm02", build_town("Elm02").opendrive), spec.keypoints)
    with pytest.raises(ScenarioError, match=r"mine\.xml:6: <distance> of Walker stands twice$"):
        triggers(way, spec)
    benchmarks = replace(moved(spec, yaw=float(way.yaw_deg[0])), leaves_out=True)
    ((scenario, _),) = triggers(way, benchmarks)
    assert scenario.number("distance", 0.0) == 12.0  # the last, as the leaderboard has it


def test_key_points_that_are_the_same_are_refused_and_passed_over_in_a_benchmarks_file():
    elm02 = carla.Map("Elm02", build_town("Elm02").opendrive)
    start, end = crossing().keypoints
    spec = replace(crossing(), keypoints=(start, start, end), source="mine.xml:2")
    why = "mine.xml:2: route 1: key points 1 and 2 at (-3.5, -150.6) are 0.0 m apart, which must be 0.5 m at least"
    with pytest.raises(ScenarioError, match=f"^{re.escape(why)}$"):
        plan_route(elm02, spec)
    assert plan_route(elm02, replace(spec, leaves_out=True)).length_m < 30.0


def test_parameters_of_hazards_are_those_that_their_code_reads():
    assert PARAMETERS.keys() == HAZARDS.keys()
    for make, names in ((HAZARDS[kind], PARAMETERS[kind]) for kind in HAZARDS):
        source = Path(scenarios.hazards.__file__).parent / f"{make.__module__.rpartition('.')[2]}.py"
        read = re.findall(r'spec\.(?:text|number|positive|choice)\(\s*"(\w+)"', source.read_text())
        assert set(read) == set(names)
        assert all(f"`{name}`" in source.read_text().split('"""')[1] for name in names)


@pytest.mark.parametrize("kind", HAZARDS)
def test_a_scenario_without_a_distance_takes_place_where_its_code_says(kind):
    spec = ScenarioSpec("One", kind, TriggerPoint(0, 0, 0, 0))
    given = replace(spec, parameters={"distance": {"value": "7"}})
    if "distance" in PARAMETERS[kind]:
        assert distance_m(spec) == sys.modules[HAZARDS[kind].__module__].DISTANCE_M
        assert distance_m(given) == 7.0
    else:
        assert distance_m(spec) == distance_m(given) == 0.0


def moved(spec: RouteSpec, **trigger: float) -> RouteSpec:
    (scenario,) = spec.scenarios
    return replace(spec, scenarios=(replace(scenario, trigger=replace(scenario.trigger, **trigger)),))


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (moved(crossing(distance="12"), y=-170.0), "mine.xml:7: trigger point of Walker is 19.4 m off the route"),
        (crossing(), "mine.xml:7: Walker lies outside the route: its trigger point at 0 m and its distance of 25 m"),
        (crossing(distance="90"), "mine.xml:7: Walker lies outside the route: its trigger point at 0 m and its dist"),
    ],
)
def test_what_does_not_fit_its_way_is_refused_and_left_out_of_a_benchmarks_file(spec, why):
    way = plan(carla.Map("Elm02", build_town("Elm02").opendrive), spec.keypoints)
    with pytest.raises(ScenarioError, match=f"^{re.escape(why)}"):
        triggers(way, spec)
    benchmarks = replace(moved(spec, yaw=float(way.yaw_deg[0])), leaves_out=True)
    assert triggers(way, benchmarks) == []
    assert off_way(way, benchmarks)["Walker"].startswith(why)
    assert title_of(benchmarks, off_way(way, benchmarks)) == "Walker (left out)"


def test_a_leader_that_would_brake_behind_the_end_of_the_route_is_refused():
    spec = crossing()
    way = plan(carla.Map("Elm02", build_town("Elm02").opendrive), spec.keypoints)
    leader = replace(spec.scenarios[0], type="HardBreakRoute", parameters={"brake_distance": {"value": "90"}})
    with pytest.raises(ScenarioError, match=r"Walker lies outside the route: .* its distance of 90 m"):
        triggers(way, replace(spec, scenarios=(leader,)))


def test_the_trigger_points_of_a_benchmarks_file_head_along_the_way():
    spec = replace(crossing(distance="12"), leaves_out=True)
    way = plan(carla.Map("Elm02", build_town("Elm02").opendrive), spec.keypoints)
    along_deg = float(way.yaw_deg[0])
    ((_, along_m),) = triggers(way, moved(spec, yaw=along_deg + 368.0))
    assert along_m == pytest.approx(0.0, abs=1.0)
    across = moved(spec, yaw=along_deg + 90.0)
    assert triggers(way, across) == []
    assert re.search(r"Walker has a yaw of -?[\d.]+, not that of the route$", off_way(way, across)["Walker"])
    assert triggers(way, replace(across, leaves_out=False))
