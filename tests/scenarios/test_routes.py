import textwrap

import pytest

from scenarios.errors import ScenarioError
from scenarios.route_weather import weather_at
from scenarios.routes import parse_routes

LEADERBOARD_2 = """
    <routes>
      <route id="24" town="Town12">
        <weathers>
          <weather route_percentage="0" cloudiness="10" sun_altitude_angle="-20" fog_density="0"/>
          <weather route_percentage="100" cloudiness="30" sun_altitude_angle="40" fog_density="60"/>
        </weathers>
        <waypoints>
          <position x="983.5" y="5382.2" z="371.0"/>
          <position x="1070.0" y="5386.3" z="370.0"/>
        </waypoints>
        <scenarios>
          <scenario name="Walker_1" type="DynamicObjectCrossing">
            <trigger_point x="1000.5" y="5382.9" z="371.0" yaw="2.5"/>
            <distance value="40"/>
            <blocker_model value="static.prop.vendingmachine"/>
            <frequency from="10" to="30"/>
          </scenario>
        </scenarios>
      </route>
    </routes>
"""

LEADERBOARD_1 = """
    <routes>
      <route id="0" town="Town05">
        <weather cloudiness="0" sun_altitude_angle="70"/>
        <waypoint pitch="0" roll="0" x="-49.6" y="-85.3" yaw="-89.9" z="0.0"/>
        <waypoint pitch="0" roll="0" x="-27.9" y="-126.2" yaw="0.1" z="0.0"/>
      </route>
    </routes>
"""


def write(folder, text):
    path = folder / "routes.xml"
    path.write_text(textwrap.dedent(text).strip() + "\n", encoding="utf-8")
    return path


def test_a_leaderboard_2_route_is_read_whole(tmp_path):
    (route,) = parse_routes(write(tmp_path, LEADERBOARD_2))
    assert (route.id, route.town, len(route.keypoints)) == ("24", "Town12", 2)
    (scenario,) = route.scenarios
    assert (scenario.name, scenario.type) == ("Walker_1", "DynamicObjectCrossing")
    assert (scenario.trigger.x, scenario.trigger.yaw) == (1000.5, 2.5)
    assert scenario.number("distance", 0.0) == 40.0
    assert scenario.text("blocker_model", "") == "static.prop.vendingmachine"
    assert scenario.parameters["frequency"] == {"from": "10", "to": "30"}
    assert scenario.number("speed", 7.5) == 7.5


def test_a_leaderboard_1_route_is_a_list_of_waypoints(tmp_path):
    (route,) = parse_routes(write(tmp_path, LEADERBOARD_1))
    assert route.keypoints == ((-49.6, -85.3, 0.0), (-27.9, -126.2, 0.0))
    assert weather_at(route.weathers, 50.0)["sun_altitude_angle"] == 70.0


def test_weather_changes_linearly_along_the_route(tmp_path):
    (route,) = parse_routes(write(tmp_path, LEADERBOARD_2))
    half = weather_at(route.weathers, 50.0)
    assert half == {"cloudiness": 20.0, "sun_altitude_angle": 10.0, "fog_density": 30.0}
    assert weather_at(route.weathers, 100.0)["fog_density"] == 60.0
    assert weather_at((), 10.0) == {"sun_altitude_angle": 70.0, "cloudiness": 50.0}


def test_of_several_weathers_the_nearest_two_count(tmp_path):
    third = '<weather route_percentage="40" cloudiness="90"/></weathers>'
    (route,) = parse_routes(write(tmp_path, LEADERBOARD_2.replace("</weathers>", third)))
    clouds = [weather_at(route.weathers, at)["cloudiness"] for at in (0.0, 20.0, 40.0, 70.0, 100.0)]
    assert clouds == [10.0, 50.0, 90.0, 60.0, 30.0]


def test_what_a_routes_weather_leaves_out_is_as_in_the_leaderboard(tmp_path):
    shorter = LEADERBOARD_2.replace('cloudiness="10" sun_altitude_angle="-20" fog_density="0"', 'precipitation="40"')
    (route,) = parse_routes(write(tmp_path, shorter))
    assert route.weathers[0].parameters == {"cloudiness": 50.0, "sun_altitude_angle": 70.0, "precipitation": 40.0}
    half = weather_at(route.weathers, 50.0)
    assert half == {"cloudiness": 40.0, "sun_altitude_angle": 55.0, "precipitation": 20.0, "fog_density": 30.0}
    # That of 1.0 begins with CARLA's own.
    (older,) = parse_routes(write(tmp_path, LEADERBOARD_1.replace(' sun_altitude_angle="70"', "")))
    assert weather_at(older.weathers, 0.0) == {"cloudiness": 0.0}


def test_what_only_one_of_two_weathers_names_is_carlas_own_in_the_other(tmp_path):
    hazy = LEADERBOARD_2.replace('fog_density="60"', 'rayleigh_scattering_scale="1.0331"')
    (route,) = parse_routes(write(tmp_path, hazy.replace('fog_density="0"', 'fog_density="10"')))
    half = weather_at(route.weathers, 50.0)
    assert half["rayleigh_scattering_scale"] == pytest.approx(0.5331)  # 0.0331 in CARLA
    assert half["fog_density"] == 5.0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("</routes>", "", r"routes\.xml:\d+: not XML: "),
        ('x="983.5"', 'x="here"', r"routes\.xml:8: x='here' of <position> is not a number"),
        ('x="983.5" ', "", r"routes\.xml:8: <position> has no x"),
        (' town="Town12"', "", r"routes\.xml:2: <route> has no town"),
        ('<trigger_point x="1000.5" y="5382.9" z="371.0" yaw="2.5"/>', "", r"routes\.xml:12: scenario Walker_1 has no"),
        (
            'cloudiness="10"',
            'cloudyness="10"',
            r"routes\.xml:4: <weather> has 'cloudyness': did you mean 'cloudiness'\?",
        ),
        ('cloudiness="10"', 'cloudiness="500"', r"routes\.xml:4: cloudiness=500 of <weather> is not within 0 to 100"),
        ('density="60"', 'density="101"', r"routes\.xml:5: fog_density=101 of <weather> is not within 0 to 100"),
        ('angle="40"', 'angle="91"', r"routes\.xml:5: sun_altitude_angle=91 of <weather> is not within -90 to 90"),
        (
            '<position x="1070.0" y="5386.3" z="370.0"/>',
            "",
            r"routes\.xml:2: a route needs at least two points, found 1",
        ),
        ('id="24"', 'id="路线"', r"routes\.xml:2: route id '路线' has no character that a file name can carry"),
        ('id="24"', f'id="{300 * "x"}"', r"routes\.xml:2: a route's id has 100 characters at most, this one 300"),
        ("routes>", "paths>", r"routes\.xml:1: expected <routes>, found <paths>"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path, old, new, says):
    with pytest.raises(ScenarioError, match=says) as error:
        parse_routes(write(tmp_path, LEADERBOARD_2.replace(old, new)))
    assert "\n" not in str(error.value)


def test_a_name_that_stands_twice_in_a_route_is_numbered(tmp_path):
    """The leaderboard's own routes_devtest.xml has some."""
    again = '<scenario name="{}" type="A"><trigger_point x="1" y="2" z="3" yaw="4"/></scenario>'
    more = "".join(again.format(name) for name in ("Walker_1", "Walker_1 (2)", "Walker_1"))
    (route,) = parse_routes(write(tmp_path, LEADERBOARD_2.replace("</scenarios>", f"{more}</scenarios>")))
    names = [scenario.name for scenario in route.scenarios]
    assert names == ["Walker_1", "Walker_1 (3)", "Walker_1 (2)", "Walker_1 (4)"]


def test_the_maps_own_weather_is_minus_one_as_carla_writes_it(tmp_path):
    """Bench2Drive's routes carry `carla.WeatherParameters.Default` that way."""
    own = LEADERBOARD_2.replace('cloudiness="10"', 'cloudiness="-1.0"').replace('fog_density="0"', 'fog_density="-1.0"')
    (route,) = parse_routes(write(tmp_path, own))
    assert route.weathers[0].parameters == {"cloudiness": -1.0, "sun_altitude_angle": -20.0, "fog_density": -1.0}
    with pytest.raises(ScenarioError, match="route_percentage=-1 of <weather> is not within 0 to 100"):
        parse_routes(write(tmp_path, LEADERBOARD_2.replace('route_percentage="0"', 'route_percentage="-1"')))


def test_parameters_that_are_no_numbers_are_told_with_their_line(tmp_path):
    (route,) = parse_routes(write(tmp_path, LEADERBOARD_2.replace('value="40"', 'value="far"')))
    with pytest.raises(ScenarioError, match=r"routes\.xml:12: <distance> of Walker_1: 'far' is not a number"):
        route.scenarios[0].number("distance", 1.0)


@pytest.mark.parametrize(
    ("parameter", "says"),
    [
        ('<distance val="40"/>', r"routes\.xml:12: <distance> of Walker_1 has no value"),
        ('<distance value="nan"/>', r"routes\.xml:12: <distance> of Walker_1: 'nan' is not a number"),
        ('<distance value="-4"/>', r"routes\.xml:12: <distance> of Walker_1: -4 must be greater than 0"),
        ('<distance value="0"/>', r"routes\.xml:12: <distance> of Walker_1: 0 must be greater than 0"),
    ],
)
def test_parameters_without_a_usable_value_do_not_become_the_default(tmp_path, parameter, says):
    (route,) = parse_routes(write(tmp_path, LEADERBOARD_2.replace('<distance value="40"/>', parameter)))
    with pytest.raises(ScenarioError, match=says):
        route.scenarios[0].positive("distance", 1.0)


def test_routes_that_would_share_a_folder_are_refused(tmp_path):
    routes = LEADERBOARD_1.replace("</routes>", "") + LEADERBOARD_1.replace("<routes>", "")
    routes = routes.replace('id="0"', 'id="a/b"', 1).replace('id="0"', 'id="a_b"', 1)
    with pytest.raises(ScenarioError, match=r"routes\.xml:10: route ids 'a/b' and 'a_b' would share a folder, 'a_b'"):
        parse_routes(write(tmp_path, routes))


def test_ids_must_be_unique(tmp_path):
    twice = LEADERBOARD_1.replace("</routes>", "") + LEADERBOARD_1.replace("<routes>", "")
    with pytest.raises(ScenarioError, match=r"routes\.xml:10: route id '0' is used twice"):
        parse_routes(write(tmp_path, twice))


@pytest.mark.parametrize("encoding", ["klingon", "gbk", "idna"])
def test_an_encoding_that_cannot_be_read_is_one_line(tmp_path, encoding):
    declared = f'<?xml version="1.0" encoding="{encoding}"?>\n{textwrap.dedent(LEADERBOARD_2).strip()}'
    with pytest.raises(ScenarioError, match=r"routes\.xml: cannot be read: .*(encoding|codec)") as error:
        parse_routes(write(tmp_path, declared))
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ScenarioError, match=r"gone\.xml: cannot be read: No such file"):
        parse_routes(tmp_path / "gone.xml")
