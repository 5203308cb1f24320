import textwrap

import pytest

from scenarios.definition import SCENARIO_FOLDER, available_scenarios, load_scenario
from scenarios.errors import ScenarioError
from sensors.fog import visibility_m

TWINS = ("night_fog", "night_dense_fog", "night_clear", "day_fog", "day_clear")


def test_scenarios_come_with_nightloop():
    assert set(TWINS) <= set(available_scenarios())


@pytest.mark.parametrize("name", TWINS)
def test_twins_differ_in_weather_alone(name):
    def rest(scenario):
        return scenario.model_dump(exclude={"name", "title", "weather", "fog", "ambient", "clear"})

    scenario = load_scenario(name)
    assert rest(scenario) == rest(load_scenario("night_fog"))
    assert scenario.clear_twin().name == "day_clear"
    assert scenario.town == "Elm02"


def test_night_fog_reaches_the_world_as_night_and_sixty_metres():
    weather = load_scenario("night_fog").weather_parameters()
    assert weather.sun_altitude_angle == -25
    assert visibility_m(weather.fog_density) == pytest.approx(60.0, rel=1e-3)
    denser = load_scenario("night_dense_fog").weather_parameters()
    assert visibility_m(denser.fog_density) == pytest.approx(30.0, rel=1e-3)
    assert load_scenario("day_clear").weather_parameters().fog_density == 0.0


def test_a_benchmarks_file_may_hold_what_does_not_fit_its_way():
    own = load_scenario("night_fog")
    assert not any(route.leaves_out for route in own.load_routes())
    assert all(route.leaves_out for route in own.on_routes(own.routes_path).load_routes())


def test_quick_drives_the_two_pedestrian_routes():
    routes = load_scenario("night_fog").load_routes(quick=True)
    assert [route.id for route in routes] == ["1", "2"]
    assert all("Pedestrian" in s.type or "DynamicObject" in s.type for route in routes for s in route.scenarios)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(ScenarioError, match="no scenario named 'nigth_fog': choose one of day_clear, day_fog") as error:
        load_scenario("nigth_fog")
    assert "\n" not in str(error.value)


GOOD = """
    town: Elm02
    routes: elm02.xml
    ambient: {air_temperature_c: 5, relative_humidity: 0.9}
"""


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            GOOD + "    fog:\n      visibility_m: -3\n",
            r"own\.yaml:6: fog\.visibility_m: Input should be greater than or equal to 15",
        ),
        (GOOD + "    fog: {visibility_m: 14}\n", r"own\.yaml:5: fog\.visibility_m: Input should be greater than or e"),
        (GOOD + "    fog: {visibility_m: 2000}\n", r"own\.yaml:5: fog\.visibility_m: Input should be less than 2000"),
        (GOOD.replace("0.9", "0.9, wind_mps: 100"), r"own\.yaml:4: ambient\.wind_mps: Input should be less than or e"),
        (
            GOOD + "    traffic: {vehicles: true}\n",
            r"own\.yaml:5: traffic\.vehicles: Input should be a valid integer",
        ),
        (
            GOOD + "    weather:\n      cloudiness: '5'\n",
            r"own\.yaml:6: weather\.cloudiness: Input should be a valid number",
        ),
        (GOOD + "    limits: {blocked_s: '5'}\n", r"own\.yaml:5: limits\.blocked_s: Input should be a valid number"),
        (
            GOOD + "    fog: {visibility_m: 60, other_droplet_radii_um: [true]}\n",
            r"own\.yaml:5: fog\.other_droplet_radii_um\.0: Input should be a valid number",
        ),
        (GOOD + "    wether: {}\n", r"own\.yaml:5: wether: Extra inputs are not permitted"),
        ("town: Elm02\nroutes: elm02.xml\n", r"own\.yaml:1: ambient: Field required"),
        (GOOD.replace("elm02.xml", "gone.xml"), r"own\.yaml:3: routes: no file 'gone\.xml'"),
        ("town: [Elm02\n", r"own\.yaml:\d: not YAML"),
        ("- a\n- b\n", r"own\.yaml:1: a scenario is a mapping"),
        (
            GOOD + "    fog: {visibility_m: 60}\n    fog: {visibility_m: 90}\n",
            r"own\.yaml:6: not YAML: fog stands twice",
        ),
        (GOOD + "    fog: {visibility_m: .inf}\n", r"own\.yaml:5: fog\.visibility_m: Input should be a finite number"),
        (GOOD + "    title: a\x01b\n", r"own\.yaml:5: not YAML: unprintable character '\\x01'"),
        (GOOD + "    title: 2001-99-99\n", r"own\.yaml:5: not YAML: month must be in 1\.\.12"),
        (GOOD + "    title: !!int many\n", r"own\.yaml:5: not YAML: invalid literal for int"),
        (GOOD + "    1: 2\n", r"own\.yaml:5: not YAML: 1 is no name"),
        (GOOD + f"    title: {2000 * '['}\n", r"own\.yaml: not YAML: nested too deeply"),
        (GOOD + "    source: here\n", r"own\.yaml:5: source: Extra inputs are not permitted"),
        (GOOD + "    clear: nosuch\n", r"own\.yaml:5: clear: no nosuch\.yaml beside it, nor one of day_clear, "),
        (GOOD + "    quick_routes: ['1', '1']\n", r"own\.yaml:5: quick_routes: each route once"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_line(tmp_path, source, says):
    path = tmp_path / "own.yaml"
    path.write_text(textwrap.dedent(source))
    with pytest.raises(ScenarioError, match=says) as error:
        load_scenario(path)
    assert "\n" not in str(error.value)


def test_numbers_may_be_whole_or_have_an_exponent_alone(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(textwrap.dedent(GOOD) + "weather: {cloudiness: 7, mie_scattering_scale: 3e-2}\n")
    weather = load_scenario(path).weather_parameters()
    assert (weather.cloudiness, weather.mie_scattering_scale) == (7.0, pytest.approx(0.03))


def test_a_scenario_of_ones_own_uses_the_routes_beside_it(tmp_path):
    source = load_scenario("day_clear").routes_path.read_text()
    (tmp_path / "mine.xml").write_text(source.replace('id="1"', 'id="mine"'))
    (tmp_path / "own.yaml").write_text(textwrap.dedent(GOOD).replace("elm02.xml", "mine.xml"))
    scenario = load_scenario(tmp_path / "own.yaml")
    assert scenario.name == "own"
    assert scenario.load_routes()[0].id == "mine"


def test_a_route_of_another_town_is_refused(tmp_path):
    (tmp_path / "own.yaml").write_text(textwrap.dedent(GOOD).replace("Elm02", "Elm01"))
    with pytest.raises(ScenarioError, match=r"elm02\.xml:2: route 1 is in Elm02, scenario own in Elm01"):
        load_scenario(tmp_path / "own.yaml").load_routes()


def test_a_scenario_names_its_thermal_camera_or_a_file_beside_it(tmp_path):
    text = (SCENARIO_FOLDER / "night_fog.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert load_scenario(path).thermal_preset == "adk"
    path.write_text(text + "thermal: boson\n")
    assert load_scenario(path).thermal_preset == "boson"
    path.write_text(text + "thermal: cameras/roof.yaml\n")
    assert load_scenario(path).thermal_preset == str(tmp_path / "cameras/roof.yaml")


def test_a_file_whose_name_is_no_scenario_name_is_told(tmp_path):
    (tmp_path / "my scenario.yaml").write_text(textwrap.dedent(GOOD))
    with pytest.raises(ScenarioError, match=r"my scenario\.yaml:1: name: the file's name is none of letters, digits"):
        load_scenario(tmp_path / "my scenario.yaml")


def test_a_quick_route_that_is_not_there_is_told_with_the_scenario(tmp_path):
    (tmp_path / "own.yaml").write_text(textwrap.dedent(GOOD) + "quick_routes: ['77']\n")
    with pytest.raises(ScenarioError, match=r"own\.yaml: quick_routes: no route '77': the file has 1, 2"):
        load_scenario(tmp_path / "own.yaml").load_routes()


def test_the_clear_twin_gives_its_weather_alone(tmp_path):
    (tmp_path / "own.yaml").write_text(
        textwrap.dedent(GOOD) + "clear: day_clear\ntraffic: {vehicles: 1}\nlimits: {blocked_s: 7}\n"
    )
    own, twin = load_scenario(tmp_path / "own.yaml"), load_scenario(tmp_path / "own.yaml").clear_twin()
    assert (twin.traffic, twin.limits) == (own.traffic, own.limits)
    assert (twin.weather, twin.ambient) == (load_scenario("day_clear").weather, load_scenario("day_clear").ambient)


def test_a_clear_twin_in_another_town_is_refused(tmp_path):
    (tmp_path / "own.yaml").write_text(textwrap.dedent(GOOD) + "clear: elm01_day\n")
    with pytest.raises(ScenarioError, match=r"own\.yaml: clear: elm01_day lies in Elm01, this scenario in Elm02"):
        load_scenario(tmp_path / "own.yaml").clear_twin()
