"""Light, fog and the camera: what a driver, or a detector, would notice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.fog import fog_density
from simulator.render.camera import CameraModel
from simulator.render.renderer import Renderer
from simulator.types import VehicleLightState, WeatherParameters
from tests.simulator.render import scene

RGB = CameraModel(320, 180, 90.0, "rgb")
LABELS = CameraModel(320, 180, 90.0, "instance_segmentation")
EYE = (0.0, 0.0, 1.6, 0.0, 0.0, 0.0)
LUMA = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture(scope="module")
def street() -> Iterator[Renderer]:
    renderer = Renderer(scene.street(), threads=1, seed=3, model_of=scene.model_of)
    yield renderer
    renderer.close()


def luminance(renderer: Renderer, view: object, eye: tuple[float, ...] = EYE, camera: CameraModel = RGB) -> NDArray:
    return renderer.radiance(camera, eye, view) @ LUMA  # type: ignore[arg-type]


def mask_of(renderer: Renderer, actor: int, view: object, camera: CameraModel = LABELS) -> NDArray[np.bool_]:
    image = renderer.image(0, camera, EYE, view)  # type: ignore[arg-type]
    return (image[..., 1].astype(int) | image[..., 0].astype(int) << 8) == actor


@pytest.mark.parametrize("altitude_deg", [40.0, -30.0])
@pytest.mark.parametrize("visibility_m", [40.0, 60.0, 150.0, 600.0])
def test_contrast_of_a_black_target_falls_as_koschmieder_says(visibility_m: float, altitude_deg: float) -> None:
    renderer = Renderer(scene.plain(), threads=1, model_of=scene.model_of)
    weather = WeatherParameters(
        cloudiness=100.0, sun_altitude_angle=altitude_deg, fog_density=fog_density(visibility_m)
    )
    for distance_m in (10.0, 25.0, 50.0):
        view = scene.view((7, "target.black", scene.pose(distance_m, 0.0, 1.6), 0), weather=weather, lamps=0)
        view = replace(view, palettes=np.zeros((1, 3, 3), np.float32))
        seen = luminance(renderer, view)
        horizon = seen[90, 5]
        contrast = (horizon - seen[90, 160]) / horizon
        assert contrast == pytest.approx(math.exp(-3.912 * distance_m / visibility_m), rel=0.05)


def test_fog_leaves_depth_and_labels_alone(street: Renderer) -> None:
    pictures = []
    for weather in (scene.DAY, scene.in_fog(scene.NIGHT, 80.0)):
        view = scene.view(
            (1, "vehicle.test.car", scene.pose(15.0, 0.0, 0.0), scene.BEAMS), weather=weather, lamps_on=1.0
        )
        kinds = ("depth", "semantic_segmentation", "instance_segmentation")
        pictures.append([street.image(0, CameraModel(160, 90, 90.0, kind), EYE, view) for kind in kinds])
    for clear, foggy in zip(*pictures, strict=True):
        assert np.array_equal(clear, foggy)


def test_the_same_frame_twice_is_the_same_picture_and_the_next_has_other_noise(street: Renderer) -> None:
    def night(frame: int) -> object:
        return scene.view((1, "vehicle.test.car", scene.pose(15.0, 0.0, 0.0), 0), weather=scene.NIGHT, frame=frame)

    first = street.image(11, RGB, EYE, night(5))  # type: ignore[arg-type]
    again = street.image(11, RGB, EYE, night(5))  # type: ignore[arg-type]
    later = street.image(11, RGB, EYE, night(6))  # type: ignore[arg-type]
    other = street.image(12, RGB, EYE, night(6))  # type: ignore[arg-type]
    assert np.array_equal(first, again)
    assert np.mean(first[..., :3] != later[..., :3]) > 0.2
    assert np.mean(other[..., :3] != later[..., :3]) > 0.2
    assert np.all(first[..., 3] == 255)


def test_a_second_renderer_repeats_the_first_bit_for_bit() -> None:
    runs = []
    for _ in range(2):
        renderer = Renderer(scene.street(), threads=1, seed=9, model_of=scene.model_of)
        views = [
            scene.view((1, "vehicle.test.car", scene.pose(8.0 + k, 0, 0), scene.BEAMS), weather=scene.NIGHT, frame=k)
            for k in range(1, 4)
        ]
        runs.append([renderer.image(1, RGB, EYE, view) for view in views])
    assert all(np.array_equal(a, b) for a, b in zip(*runs, strict=True))


def test_headlamps_light_the_road_ahead_and_hardly_anything_above_the_cut_off() -> None:
    wall = ((30.0, 0.0, 5.0), (0.5, 15.0, 5.0), scene.Material.CONCRETE, 3)
    road = ((0.0, 0.0, -0.05), (60.0, 15.0, 0.05), scene.Material.ASPHALT, 0)
    renderer = Renderer(scene.plain(wall, road), threads=1, model_of=scene.model_of)

    def seen(lights: int) -> NDArray:
        view = scene.view((1, "vehicle.test.car", scene.pose(-3.0, 0.0, 0.0), lights), weather=scene.NIGHT, lamps=0)
        return luminance(renderer, view)

    dark, low = seen(0), seen(scene.BEAMS)
    high = seen(int(VehicleLightState.HIGH_BEAM))
    road_at_12_m = (90 + int(160 * 1.6 / 12.0), 160)
    assert low[road_at_12_m] > 20.0 * dark[road_at_12_m]
    wall_at = {z: 90 + round(160 * (1.6 - z) / 29.5) for z in (0.15, 3.5)}
    assert low[wall_at[0.15], 160] > 12.0 * low[wall_at[3.5], 160]
    assert high[wall_at[3.5], 160] > 3.0 * low[wall_at[3.5], 160]


def test_fog_sends_the_own_headlamps_back_into_the_camera(street: Renderer) -> None:
    def ahead(lights: int, density: float) -> float:
        view = scene.view(
            (1, "vehicle.test.car", scene.pose(-2.0, 0.0, 0.0), lights), weather=scene.in_fog(scene.NIGHT, density)
        )
        return float(luminance(street, view)[95:110, 140:180].mean())

    thick = fog_density(50.0)
    assert ahead(scene.BEAMS, thick) > 5.0 * ahead(0, thick)
    assert ahead(int(VehicleLightState.HIGH_BEAM), thick) > 1.5 * ahead(scene.BEAMS, thick)


@pytest.mark.parametrize("night", [False, True])
def test_fog_begins_at_its_distance(street: Renderer, night: bool) -> None:
    # CARLA's ClearNight: fog_density 60, fog_distance 75
    clear = replace(scene.NIGHT if night else scene.DAY, fog_distance=0.0)
    beyond, here = replace(clear, fog_density=60.0, fog_distance=75.0), replace(clear, fog_density=60.0)
    car = (1, "vehicle.test.car", scene.pose(-2.0, 0.0, 0.0), scene.BEAMS)
    seen = [luminance(street, scene.view(car, weather=weather, lamps_on=1.0)) for weather in (clear, beyond, here)]
    road = np.s_[110:170, 60:260]  # up to 13 m
    far = np.s_[89:92, 150:170]
    near, foggy = (float(np.mean(np.abs(other[road] / seen[0][road] - 1.0))) for other in seen[1:])
    assert near < 0.1
    assert foggy > 10.0 * near
    assert abs(float(seen[1][far].mean() / seen[0][far].mean()) - 1.0) > 0.02


def weber_contrast(renderer: Renderer, view: object, actor: int) -> float:
    """Of an actor against what surrounds it on the picture."""
    mask = mask_of(renderer, actor, view)
    rows, columns = np.nonzero(mask)
    around = np.zeros_like(mask)
    around[rows.min() - 1 : rows.max() + 2, columns.min() - 4 : columns.max() + 5] = True
    seen = luminance(renderer, view)
    background = float(seen[around & ~mask].mean())
    return abs(float(seen[mask].mean()) - background) / background


def test_a_walker_at_forty_metres_is_plain_by_day_and_lost_in_a_foggy_night(street: Renderer) -> None:
    def view(weather: WeatherParameters, distance_m: float) -> object:
        return scene.view(
            (1, "vehicle.test.car", scene.pose(-2.0, 0.0, 0.0), scene.BEAMS),
            (2, "walker.test", scene.pose(distance_m, 1.0, 0.93), 0),
            weather=weather,
        )

    assert weber_contrast(street, view(scene.DAY, 40.0), 2) > 0.3
    foggy_night = scene.in_fog(scene.NIGHT, fog_density(55.0))
    assert weber_contrast(street, view(foggy_night, 40.0), 2) < 0.06
    assert weber_contrast(street, view(foggy_night, 28.0), 2) < 0.10
    # it is the fog that hides it, not the dark: the same beams show it in clear air
    assert weber_contrast(street, view(scene.NIGHT, 28.0), 2) > 0.3


@pytest.mark.parametrize("weather", [scene.DAY, scene.NIGHT, scene.in_fog(scene.NIGHT, 50.0)])
def test_signal_lamps_have_their_colour(street: Renderer, weather: WeatherParameters) -> None:
    for state, channel in ((0, 2), (2, 1)):
        # the lamps look along the model's +y, here back along the road
        view = scene.view((4, "traffic.test", scene.pose(12.0, 2.0, 0.0, 90.0), 1 << state), weather=weather)
        picture = street.image(
            20 + state + 7 * int(weather.fog_density + weather.sun_altitude_angle), RGB, EYE, view
        ).astype(float)  # type: ignore[arg-type]
        z = (4.85, 4.5, 4.15)[state]
        row, column = 90 + round(160 * (1.6 - z) / 11.8), 160 + round(160 * 2.0 / 11.8)
        lamp = picture[row - 1 : row + 2, column - 1 : column + 2, :3].mean(axis=(0, 1))
        others = [lamp[c] for c in (0, 1, 2) if c != channel and not (state == 2 and c == 0)]
        assert lamp[channel] > 100
        assert all(lamp[channel] > 1.4 * other for other in others)


def test_a_signal_shines_along_its_own_road_and_not_into_the_other(street: Renderer) -> None:
    def brightest(turned_deg: float) -> float:
        dark, lit = (
            scene.view((4, "traffic.test", scene.pose(12.0, 0.0, 0.0, 90.0 + turned_deg), state), weather=scene.NIGHT)
            for state in (0, 1)
        )
        return float((luminance(street, lit) - luminance(street, dark)).max())

    ahead, aside, across = brightest(0.0), brightest(22.0), brightest(75.0)
    assert ahead > 1000.0
    assert 0.05 * ahead < aside < 0.25 * ahead  # 0.05 + 0.95 exp(-2) = 0.18, seen by 60 % of the glass
    assert across < 0.01 * ahead


def test_brake_lamps_are_brighter_than_tail_lamps(street: Renderer) -> None:
    def rear(lights: int) -> NDArray:
        view = scene.view((1, "vehicle.test.car", scene.pose(12.0, 0.0, 0.0), lights), weather=scene.NIGHT)
        seen = street.radiance(RGB, EYE, view)
        return seen[100:112, 145:176].max(axis=(0, 1))

    off, tail, brake = rear(0), rear(scene.BEAMS), rear(scene.BEAMS | int(VehicleLightState.BRAKE))
    assert tail[0] > 10.0 * off[0]
    assert brake[0] > 4.0 * tail[0]
    assert brake[0] > 5.0 * brake[2]


@pytest.mark.parametrize("yaw", [0.0, 180.0])
@pytest.mark.parametrize("distance_m", [7.0, 15.0])
def test_a_vehicle_stands_in_none_of_its_own_light(street: Renderer, yaw: float, distance_m: float) -> None:
    def between_the_lamps(lights: int) -> float:
        pose = scene.pose(distance_m + 2.2, 0.0, 0.0, yaw)
        view = scene.view((1, "vehicle.test.car", pose, lights), weather=scene.NIGHT)
        camera = CameraModel(320, 180, 90.0, "rgb", (("bloom_intensity", "0"),))
        row, half = 90 + int(160 * 0.9 / distance_m), int(160 * 0.3 / distance_m)
        return float(street.radiance(camera, EYE, view)[row - 3 : row + 4, 160 - half : 161 + half].max())

    assert between_the_lamps(scene.BEAMS) < 1.5 * between_the_lamps(0)


def test_street_lamps_light_the_road_beneath_them(street: Renderer) -> None:
    dark, lit = (luminance(street, scene.view(weather=scene.NIGHT, lamps_on=on)) for on in (0.0, 1.0))
    under_the_lamp = (90 + int(160 * 1.6 / 38.0), 160)
    assert lit[under_the_lamp] > 10.0 * dark[under_the_lamp]


def test_a_wall_throws_a_shadow_away_from_the_sun() -> None:
    wall = ((20.0, 0.0, 2.0), (0.2, 6.0, 2.0), scene.Material.CONCRETE, 3)
    ground = ((20.0, 0.0, -0.05), (40.0, 30.0, 0.05), scene.Material.CURB, 0)
    renderer = Renderer(scene.plain(wall, ground), threads=1, model_of=scene.model_of)
    above = (20.0, 0.0, 25.0, -90.0, 0.0, 0.0)
    # the sun stands 45 degrees high towards +x, so the shadow falls 4 m towards -x, which is down in this picture
    weather = WeatherParameters(cloudiness=0.0, sun_altitude_angle=45.0, sun_azimuth_angle=0.0)
    seen = luminance(renderer, scene.view(weather=weather, lamps=0), above)
    per_m = 160.0 / 25.0

    def beside(metres: float) -> float:
        row = 90 + round(metres * per_m)
        return float(seen[row - 3 : row + 4, 150:170].mean())

    assert beside(2.2) < 0.45 * beside(-2.2)
    assert beside(6.5) == pytest.approx(beside(-2.2), rel=0.3)


def test_a_car_darkens_the_ground_beside_it_and_throws_a_shadow(street: Renderer) -> None:
    weather = WeatherParameters(cloudiness=0.0, sun_altitude_angle=30.0, sun_azimuth_angle=-90.0)
    above = (50.0, 0.0, 20.0, -90.0, 0.0, 0.0)
    without = luminance(street, scene.view(weather=weather), above)
    view = scene.view((1, "vehicle.test.car", scene.pose(50.0, 0.0, 0.0), 0), weather=weather)
    with_car = luminance(street, view, above)
    per_m = 160.0 / 20.0
    # the sun stands towards -y (left), the shadow falls to the right; the overview is turned so that right is right
    beside = (90, 160 + int(1.8 * per_m))
    assert with_car[beside] < 0.6 * without[beside]
    opposite = (90, 160 - int(3.0 * per_m))
    assert with_car[opposite] == pytest.approx(without[opposite], rel=0.02)


def test_a_signals_arm_and_a_rider_throw_no_shadow_of_their_whole_box() -> None:
    ground = ((20.0, 0.0, -0.05), (40.0, 30.0, 0.05), scene.Material.CURB, 0)
    renderer = Renderer(scene.plain(ground), threads=1)
    weather = WeatherParameters(cloudiness=0.0, sun_altitude_angle=60.0, sun_azimuth_angle=0.0)
    above = (20.0, 0.0, 60.0, -90.0, 0.0, 0.0)
    camera = CameraModel(320, 180, 30.0, "rgb")

    def darkened_m2(*actors: str) -> float:
        view = scene.view(
            *((k, name, scene.pose(20.0, 0.0, 0.0), 0) for k, name in enumerate(actors, 1)), weather=weather, lamps=0
        )
        bare = luminance(renderer, scene.view(weather=weather, lamps=0), above, camera)
        ground_seen = renderer.image(0, replace(camera, kind="instance_segmentation"), above, view)[..., 1] == 0
        dark = luminance(renderer, view, above, camera) < 0.8 * bare
        return float((dark & ground_seen).sum()) * (60.0 * 2.0 * math.tan(math.radians(15.0)) / 320.0) ** 2

    assert 0.1 < darkened_m2("traffic.traffic_light") < 2.0
    assert 0.2 < darkened_m2("vehicle.kawasaki.ninja") < 3.0


def test_a_bird_s_eye_sees_the_shadows_of_vehicles() -> None:
    ground = ((0.0, 0.0, -0.05), (200.0, 200.0, 0.05), scene.Material.CURB, 0)
    renderer = Renderer(scene.plain(ground), threads=1, model_of=scene.model_of)
    weather = WeatherParameters(cloudiness=0.0, sun_altitude_angle=30.0, sun_azimuth_angle=-90.0)
    above, camera = (0.0, 0.0, 150.0, -90.0, 0.0, 0.0), CameraModel(640, 360, 90.0, "rgb")
    bare = luminance(renderer, scene.view(weather=weather, lamps=0), above, camera)
    view = scene.view((1, "vehicle.test.car", scene.pose(40.0, 0.0, 0.0), 0), weather=weather, lamps=0)
    darker = luminance(renderer, view, above, camera) < 0.6 * bare
    per_m = 320.0 / 150.0
    row, column = 180 - round(40.0 * per_m), 320 + round(1.7 * per_m)
    assert darker[row - 1 : row + 2, column].any()


@pytest.mark.parametrize("fov_deg", [10.0, 60.0, 120.0])
def test_the_sun_is_half_a_degree_wide_or_a_pixel(street: Renderer, fov_deg: float) -> None:
    weather = WeatherParameters(cloudiness=0.0, sun_altitude_angle=30.0, sun_azimuth_angle=0.0, fog_density=0.0)
    camera = CameraModel(320, 180, fov_deg, "rgb")
    seen = luminance(street, scene.view(weather=weather), (0.0, 0.0, 30.0, 30.0, 0.0, 0.0), camera)
    disc = seen > 20.0 * np.median(seen)
    pixel_deg = math.degrees(2.0 * math.tan(math.radians(fov_deg / 2.0)) / 320.0)
    assert disc.sum() >= 1
    assert math.sqrt(disc.sum() * 4.0 / math.pi) * pixel_deg <= max(0.6, 2.4 * pixel_deg)


def test_surfaces_have_structure_and_instances_their_own_colours(street: Renderer) -> None:
    view = scene.view((1, "vehicle.test.car", scene.pose(10.0, 0.0, 0.0), 0))
    red = luminance(street, view)
    road = red[150:178, 100:150]
    assert 0.03 < road.std() / road.mean() < 0.5
    palettes = np.array(view.palettes)
    palettes[0, 0] = (0.05, 0.08, 0.5)
    blue_car = street.radiance(RGB, EYE, replace(view, palettes=palettes))
    red_car = street.radiance(RGB, EYE, view)
    row, column = 90 + int(160 * (1.6 - 0.6) / 7.8), 160
    assert red_car[row, column, 0] > 2.0 * red_car[row, column, 2]
    assert blue_car[row, column, 2] > 2.0 * blue_car[row, column, 0]


def test_exposure_adapts_slowly_and_stays_when_set_by_hand(street: Renderer) -> None:
    camera = CameraModel(160, 90, 90.0, "rgb")
    day = [street.image(50, camera, EYE, scene.view(frame=k)).mean() for k in (1, 2)]
    dark = [street.image(50, camera, EYE, scene.view(weather=scene.NIGHT, frame=k)).mean() for k in (3, 40, 400)]
    assert 90 < day[0] < 190
    assert abs(day[1] - day[0]) < 3
    assert dark[0] < 75  # the alpha channel alone gives 64
    assert dark[2] > dark[0] + 3
    by_hand = (("exposure_mode", "manual"), ("shutter_speed", "4000"), ("iso", "100"), ("fstop", "1.4"))
    fast = CameraModel(160, 90, 90.0, "rgb", by_hand)
    slow = CameraModel(160, 90, 90.0, "rgb", (*by_hand[:1], ("shutter_speed", "1000"), *by_hand[2:]))
    first, second = (street.image(51, camera, EYE, scene.view(frame=7))[..., :3].mean() for camera in (fast, slow))
    assert second > first + 20


@pytest.mark.parametrize(
    ("attributes", "white"),
    [
        ({"exposure_compensation": "3e38"}, True),
        ({"exposure_compensation": "-3e38"}, False),
        ({"exposure_mode": "manual", "iso": "3e38", "fstop": "0", "shutter_speed": "0"}, True),
        ({"exposure_mode": "manual", "iso": "0", "fstop": "3e38", "shutter_speed": "3e38"}, False),
        ({"bloom_intensity": "3e38"}, None),
        ({"bloom_intensity": "-3e38"}, None),
    ],
)
def test_absurd_settings_give_white_or_black_pictures(
    street: Renderer, attributes: dict[str, str], white: bool | None
) -> None:
    weather = scene.NIGHT if "bloom_intensity" in attributes else scene.DAY
    camera = CameraModel(160, 90, 90.0, "rgb", tuple(attributes.items()))
    picture = street.image(52, camera, EYE, scene.view(weather=weather, frame=7))[..., :3]
    if white is not None:
        brightest = picture.max(axis=-1).mean()  # a colour keeps its hue: its other channels stay below
        assert brightest > 240 if white else brightest < 15


def test_noise_grows_as_light_fails(street: Renderer) -> None:
    def grain(weather: WeatherParameters) -> float:
        pictures = [
            street.image(60, RGB, EYE, scene.view(weather=weather, frame=k))[:60, 200:].astype(float) for k in (1, 2)
        ]
        return float((pictures[0] - pictures[1]).std())

    assert grain(scene.NIGHT) > 2.0 * grain(scene.DAY)
