import carla
import pytest

from scenarios.definition import load_scenario
from scenarios.lights import lights_are_needed


@pytest.mark.parametrize(
    ("sun", "clouds", "fog", "needed"),
    [
        (45, 5, 0, False),
        (14, 5, 0, True),
        (166, 5, 0, True),
        (45, 81, 0, True),
        (45, 5, 41, True),
        (20, 75, 0, True),  # two that are nearly enough
        (20, 5, 35, True),
        (20, 5, 0, False),  # one alone is not
        (45, 75, 0, False),
    ],
)
def test_lights_burn_by_the_rule_of_the_leaderboard(sun, clouds, fog, needed):
    weather = carla.WeatherParameters(cloudiness=clouds, sun_altitude_angle=sun, fog_density=fog)
    assert lights_are_needed(weather) is needed


@pytest.mark.parametrize(
    ("name", "needed"), [("night_fog", True), ("night_clear", True), ("day_fog", True), ("day_clear", False)]
)
def test_only_the_clear_day_is_driven_without_lights(name, needed):
    assert lights_are_needed(load_scenario(name).weather_parameters()) is needed
