"""What a driver would see on the thermal screen."""

import math
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml

from sensors.thermal import Ambient, HeatState, ThermalCamera, preset
from sensors.thermal.heat import initial_heat
from sensors.thermal.materials import MATERIALS_FILE, MaterialsError, load_materials
from sensors.thermal.radiometry import HIGHEST_K, LOWEST_K, band
from sensors.thermal.scene import radiance_at_lens
from sensors.thermal.world import thermal_world
from tests.sensors.scenes import CAR, ROAD, SKY, WALKER, Thing, actor, frames

NIGHT = Ambient(air_temperature_c=6.0, relative_humidity=0.75, local_time_h=22.0, cloudiness=5.0)
FOG = replace(NIGHT, visibility_m=60.0, relative_humidity=0.99)
PERSON = Thing(40.0, 0.0, (0.25, 0.28, 0.93), WALKER, 77, yaw_deg=90.0)
SALOON = Thing(14.0, 0.0, (2.4, 0.95, 0.75), CAR, 5, yaw_deg=180.0)
WARM = HeatState(bonnet_k=24.0, tyres_k=10.0, brakes_k=10.0, exhaust_k=40.0, cabin_k=3.0, engine_on=True)


def camera(ambient: Ambient, name: str = "adk", **changes) -> ThermalCamera:
    config = replace(preset(name), **changes) if changes else preset(name)
    return ThermalCamera(config, 320, 180, 90.0, ambient, seed=1)


def wide(ambient: Ambient) -> ThermalCamera:
    return ThermalCamera("adk", 640, 360, 90.0, ambient, seed=1)


def person(ambient: Ambient):
    return actor(PERSON, 900, "walker.pedestrian.0003", initial_heat("walker.pedestrian.0003", "", ambient, 0, 900))


def test_a_33_c_body_at_40_m_in_60_m_fog_is_brighter_than_any_road():
    shot = frames((PERSON,), 640, 360)
    warm = HeatState(face_k=27.0, hands_k=27.0, clothing_k=27.0)
    picture = wide(FOG).image(shot, [actor(PERSON, 900, "walker.pedestrian.0003", warm)]).counts
    body = picture[shot.tags == WALKER]
    assert len(body) > 50
    assert np.percentile(body, 40) > np.percentile(picture[shot.tags == ROAD], 99)


def test_a_clothed_person_at_40_m_in_60_m_fog_stands_out_from_the_road_behind():
    shot = frames((PERSON,), 640, 360)
    picture = wide(FOG).image(shot, [person(FOG)]).counts.astype(float)
    rows = np.nonzero((shot.tags == WALKER).any(axis=1))[0]
    feet = picture[rows[-1] - 2 : rows[-1] + 1]
    road = feet[shot.tags[rows[-1] - 2 : rows[-1] + 1] == ROAD]
    body = picture[rows[0] : rows[len(rows) // 2]][shot.tags[rows[0] : rows[len(rows) // 2]] == WALKER]
    assert body.mean() > road.mean() + 3.0 * road.std()


def test_fog_dims_a_person_with_distance():
    def contrast(distance: float) -> float:
        far = replace(PERSON, x=distance)
        shot = frames((far,))
        warm = actor(far, 900, "walker.pedestrian.0003", person(FOG).heat)
        kelvin = camera(FOG, "ideal").image(shot, [warm]).kelvin
        return float(kelvin[shot.tags == WALKER].max() - 279.15)

    assert contrast(10.0) > contrast(20.0) > contrast(40.0) > 0.5


def test_black_hot_shows_a_person_darker_than_the_road():
    near = replace(PERSON, x=12.0)
    shot = frames((near,))
    warm = actor(near, 900, "walker.pedestrian.0003", person(NIGHT).heat)
    agc = replace(preset("adk").agc, polarity="black_hot")
    black = camera(NIGHT, agc=agc).image(shot, [warm]).counts.astype(float)
    white = camera(NIGHT).image(shot, [warm]).counts.astype(float)
    assert black[shot.tags == WALKER].mean() < black[shot.tags == ROAD].mean() - 20
    assert white[shot.tags == WALKER].mean() > white[shot.tags == ROAD].mean() + 20


def test_a_parked_cars_bonnet_is_colder_than_a_running_ones():
    shot = frames((SALOON,))
    front = shot.tags == CAR

    def hottest(heat: HeatState) -> float:
        return float(
            np.percentile(camera(NIGHT, "ideal").image(shot, [actor(SALOON, 9, "vehicle.x", heat)]).kelvin[front], 90)
        )

    assert hottest(WARM) > hottest(HeatState()) + 8.0
    electric = initial_heat("vehicle.tesla.model3", "", NIGHT, 0, 9)
    petrol = initial_heat("vehicle.ford.mustang", "", NIGHT, 0, 9)
    assert hottest(petrol) > hottest(electric) + 4.0


def test_warmth_sits_at_the_front_of_a_running_car_and_follows_it_as_it_turns():
    for yaw, towards_us in ((180.0, True), (0.0, False)):
        thing = replace(SALOON, yaw_deg=yaw)
        shot = frames((thing,))
        kelvin = camera(NIGHT, "ideal").image(shot, [actor(thing, 9, "vehicle.x", WARM)]).kelvin
        grille = float(np.percentile(kelvin[shot.tags == CAR], 80)) - 279.15
        assert (grille > 12.0) == towards_us


def test_an_instance_is_matched_by_where_it_is_not_by_its_number():
    near, far = replace(SALOON, instance=4711), replace(SALOON, x=40.0, y=6.0, instance=9)
    shot = frames((near, far))
    states = [actor(far, 4711, "vehicle.x", HeatState()), actor(near, 9, "vehicle.x", WARM)]
    kelvin = camera(NIGHT, "ideal").image(shot, states).kelvin
    assert np.percentile(kelvin[shot.instances == 4711], 90) > 279.15 + 12.0
    assert np.percentile(kelvin[shot.instances == 9], 90) < 279.15 + 4.0


def test_a_windscreen_that_the_depth_looked_through_is_still_the_car():
    shot = frames((SALOON,))
    through = shot.depth_m.copy()
    rows, columns = np.nonzero(shot.tags == CAR)
    window = (rows < rows.min() + 6, columns)
    through[rows[window[0]], columns[window[0]]] = 200.0
    states = [actor(SALOON, 9, "vehicle.x", WARM)]
    seen = camera(FOG, "ideal").image(replace(shot, depth_m=through), states).kelvin
    glass = seen[rows[window[0]], columns[window[0]]]
    assert (
        np.abs(glass - camera(FOG, "ideal").image(shot, states).kelvin[rows[window[0]], columns[window[0]]]).mean()
        < 2.0
    )
    assert not np.allclose(glass, 279.15, atol=0.1), "at 200 m in this fog only air would be left"


def test_the_clear_sky_is_colder_than_the_road_and_fog_is_as_warm_as_the_air():
    shot = frames()
    clear = camera(NIGHT, "ideal").image(shot, []).kelvin
    assert clear[0].mean() < clear[shot.tags == ROAD].mean() - 12.0
    fog = camera(FOG, "ideal").image(shot, []).kelvin
    assert fog[shot.tags == SKY] == pytest.approx(279.15, abs=1.0)


def test_overcast_sky_is_warmer_than_a_clear_one():
    shot = frames()
    clear, grey = (camera(replace(NIGHT, cloudiness=c), "ideal").image(shot, []).kelvin[0].mean() for c in (0.0, 100.0))
    assert grey > clear + 10.0


def test_the_road_keeps_the_sun_of_the_day_into_the_evening():
    def road(hour: float) -> float:
        shot = frames()
        return float(
            camera(replace(NIGHT, local_time_h=hour), "ideal").image(shot, []).kelvin[shot.tags == ROAD].mean()
        )

    assert road(15.0) > road(20.0) > road(5.0)


def test_the_pattern_on_the_road_stays_where_it_is_as_the_camera_moves():
    shot = frames()
    moved = replace(shot, transform=shot.transform + np.array([[0, 0, 0, 2.0], [0] * 4, [0] * 4, [0] * 4], np.float32))
    overcast = replace(NIGHT, cloudiness=100.0)  # else the road mirrors a sky that is the colder the higher it is
    before, after = (camera(overcast, "ideal").image(s, []).kelvin for s in (shot, moved))

    # The point 8 m ahead is 6 m ahead after 2 m of driving.
    def row(distance: float) -> int:
        return round(90 + 160 * 1.6 / distance - 0.5)

    u = np.arange(150, 170)
    at_8 = before[row(8.0), u]
    at_6 = after[row(6.0), np.round(160 + (u + 0.5 - 160) * 8.0 / 6.0 - 0.5).astype(int)]
    assert at_8 == pytest.approx(at_6, abs=0.15)
    assert before[shot.tags == ROAD].std() > 0.15


def test_the_same_frames_give_the_same_picture_bit_for_bit():
    def film() -> bytes:
        cam = camera(FOG)
        shots = [cam.image(frames((PERSON,), frame=i), [person(FOG)]) for i in range(3)]
        return b"".join(s.counts.tobytes() + s.kelvin.tobytes() for s in shots)

    assert film() == film()


def test_the_picture_does_not_depend_on_the_number_of_threads():
    def film(threads: int) -> bytes:
        before = cv2.getNumThreads()
        cv2.setNumThreads(threads)
        try:
            cam = ThermalCamera("adk", 640, 360, 90.0, FOG, seed=1)
            shots = [cam.image(frames((PERSON,), 640, 360, frame=i), [person(FOG)]) for i in range(2)]
        finally:
            cv2.setNumThreads(before)
        return b"".join(s.counts.tobytes() + s.kelvin.tobytes() for s in shots)

    assert film(1) == film(2) == film(4)


def test_a_closed_shutter_repeats_the_picture_before():
    detector = replace(preset("adk").detector, shutter_interval_s=2.0, shutter_freeze_s=0.5)
    cam = camera(NIGHT, detector=detector)
    pictures = [cam.image(frames(frame=i), []) for i in range(60)]
    frozen = [i for i in range(1, 60) if pictures[i].frozen]
    assert 10 <= len(frozen) <= 21
    assert all(np.array_equal(pictures[i].counts, pictures[i - 1].counts) for i in frozen)
    assert not np.array_equal(pictures[frozen[0] - 1].counts, pictures[frozen[0] - 2].counts)


def test_a_detector_without_a_shutter_never_freezes_and_keeps_its_pattern(tmp_path):
    own = tmp_path / "open.yaml"
    own.write_text("detector: {shutter_interval_s: .inf}\n")
    cam = ThermalCamera(preset(str(own)), 320, 180, 90.0, NIGHT, seed=1)
    pictures = [cam.image(replace(frames(frame=i), time_s=100.0 * i), []) for i in range(3)]
    assert not any(picture.frozen for picture in pictures)
    first, last = (cam._detector._fixed_pattern(time_s) for time_s in (0.0, 1e6))
    assert all(np.array_equal(a, b) for a, b in zip(first, last, strict=True))


def test_a_camera_of_few_pixels_gives_a_coarse_picture_of_full_size():
    shot = frames((PERSON,))
    picture = camera(NIGHT, "lepton").image(shot, [person(NIGHT)])
    assert picture.counts.shape == picture.kelvin.shape == (180, 320)
    fine = camera(NIGHT, "ideal").image(shot, [person(NIGHT)])
    assert picture.kelvin.max() < fine.kelvin.max()


def test_frames_of_another_size_are_refused():
    with pytest.raises(ValueError, match="front"):
        camera(NIGHT).image(frames(width=160, height=90), [])


def test_frames_of_another_lens_are_refused():
    with pytest.raises(ValueError, match="for 30 degrees got frames of 90 from 'front'"):
        ThermalCamera("adk", 320, 180, 30.0, NIGHT).image(frames(), [])
    told = replace(frames(), fov_deg=float(np.float32(33.3)))
    ThermalCamera("adk", 320, 180, 33.3, NIGHT).image(told, [])


def test_the_sun_warms_clothes_as_much_as_the_table_says_and_no_skin():
    near = replace(PERSON, x=6.0)
    shot = frames((near,))
    body = shot.tags == WALKER

    def seen(hour: float, solar_gain_k: float | None) -> np.ndarray:
        air = Ambient(air_temperature_c=20.0, local_time_h=hour, cloudiness=0.0, relative_humidity=0.4)
        cam = camera(air, "ideal")
        if solar_gain_k is not None:
            people = replace(cam._materials[WALKER], solar_gain_k=solar_gain_k)
            cam._materials = cam._materials | {WALKER: people}
            cam.ambient = air
        return cam.image(shot, [actor(near, 900, "walker.pedestrian.0003", person(air).heat)]).kelvin[body]

    noon, none, more = seen(13.0, None), seen(13.0, 0.0), seen(13.0, 20.0)
    assert 0.5 < np.median(noon - none) < 4.0
    assert np.median(more - none) == pytest.approx(5.0 * np.median(noon - none), rel=0.05)
    assert (more - none).min() == pytest.approx(0.0, abs=0.01), "the face"
    assert np.array_equal(seen(22.0, None), seen(22.0, 0.0))


@pytest.mark.parametrize("name", ["adk", "adk-50", "boson", "lepton", "ideal"])
def test_presets_make_pictures(name):
    assert camera(NIGHT, name).image(frames(), []).counts.std() > 5


def test_presets_from_a_file(tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text("base: boson\ndetector: {netd_mk: 25, dead_share: 1e-3}\nagc: {polarity: black_hot}\n")
    config = preset(str(own))
    assert (config.name, config.detector.netd_mk, config.agc.polarity) == ("mine", 25.0, "black_hot")
    assert config.detector.dead_share == 0.001
    own.write_text("detector: {netd: 25}\n")
    with pytest.raises(ValueError, match="unknown key 'netd'"):
        preset(str(own))
    with pytest.raises(ValueError, match="known: adk"):
        preset("adk-100")


def test_materials_from_a_file(tmp_path):
    table = tmp_path / "materials.yaml"
    rest = "solar_gain_k: 0, time_constant_h: 1, sky_cooling: 0, variation_k: 0, wettable: false"
    table.write_text(f"roads: {{emissivity: 0.96, specular: 0, offset_k: 30, {rest}}}\n")
    shot = frames()
    picture = camera(NIGHT, "ideal", materials=str(table)).image(shot, []).kelvin
    assert picture[170].mean() > 279.15 + 25.0
    table.write_text("lawn: {emissivity: 1}\n")
    with pytest.raises(ValueError, match="unknown tag 'lawn'"):
        camera(NIGHT, "ideal", materials=str(table))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("offset_k: .nan", "roads: offset_k must lie in -100..300, got nan"),
        ("offset_k: 1000", "roads: offset_k must lie in -100..300, got 1000"),
        ("offset_k: warm", "roads: offset_k must be a number, got 'warm'"),
        ("variation_k: .inf", "roads: variation_k must lie in 0..50, got inf"),
        ("time_constant_h: 0", "roads: time_constant_h must be positive, got 0"),
        ("wettable: 'false'", "roads: wettable must be true or false, got 'false'"),
    ],
)
def test_materials_that_cannot_be_are_refused_in_one_line(tmp_path, change, told):
    built_in = yaml.safe_load(MATERIALS_FILE.read_text(encoding="utf-8"))["roads"]
    table = tmp_path / "materials.yaml"
    table.write_text(yaml.safe_dump({"roads": built_in | yaml.safe_load(change)}))
    with pytest.raises(MaterialsError) as caught:
        load_materials(table)
    assert str(caught.value) == f"{table}: {told}"


@pytest.mark.parametrize(("offset_k", "end_k"), [(-1000.0, LOWEST_K), (1000.0, HIGHEST_K)])
def test_what_is_beyond_the_table_of_radiances_has_its_last_value(offset_k, end_k):
    """Whatever comes on top of the temperatures that a file may give."""
    bands = band(8.0, 14.0)
    dull = replace(load_materials()[ROAD], emissivity=1.0, specular=0.0, variation_k=0.0, offset_k=offset_k)
    shot = frames()
    world = thermal_world(NIGHT, bands, 1, dict.fromkeys(load_materials(), dull))
    radiance = radiance_at_lens(world, shot.tags, shot.instances, shot.depth_m, shot.transform, 90.0, ())
    air = 0.5  # between the road and the lens
    assert radiance[179].mean() == pytest.approx(float(bands.radiance(end_k)), rel=0.02, abs=air)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((0, 0, 90.0), "whole numbers of pixels, got 0 x 0"),
        ((640.5, 360, 90.0), "whole numbers of pixels, got 640.5 x 360"),
        ((1, 64, 90.0), "2 pixels each way or more, got 1 x 64"),
        ((64, 1, 90.0), "2 pixels each way or more, got 64 x 1"),
        ((640, 360, math.nan), "must lie in 0..180 degrees, got nan"),
        ((640, 360, 180.0), "must lie in 0..180 degrees, got 180"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(size, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        ThermalCamera("adk", *size, Ambient())


@pytest.mark.parametrize("value", [math.nan, math.inf, -5.0])
def test_frames_whose_depth_is_no_number_are_refused(value):
    frame = frames()
    frame.depth_m[40, 50] = value
    with pytest.raises(ValueError, match="frame 0 of 'front' has a depth or pose that is no number"):
        camera(Ambient()).image(frame, ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("detector: {netd_mk: .nan}", "netd_mk must be a number up to"),
        ("detector: {dead_share: 2}", "dead_share must be a number up to 0.5, got 2"),
        ("detector: {blur_px: 1.0e9}", "blur_px must be a number up to 50"),
        ("detector: {scene_c: [1]}", "scene_c must be (low, high)"),
        ("detector: {scene_c: [400, 500]}", "scene_c must be (low, high) within -123..377 C, got (400.0, 500.0)"),
        ("detector: {scene_c: 40}", "scene_c needs a list of numbers, got 40"),
        ("detector: {shutter_interval_s: .nan}", "shorter than shutter_interval_s, got 0.5 and nan"),
        ("band_um: [14, 8]", "needs 1 <= low < high <= 30 um, got 14.0..8.0"),
        ("band_um: [8]", "band_um must be (low, high), got (8.0,)"),
        ("band_um: [8, 14, 3]", "band_um must be (low, high), got (8.0, 14.0, 3.0)"),
        ("agc: {manual_c: [40]}", "AGC manual_c must be (low, high), got (40.0,)"),
        ("agc: {manual_c: [40, -10]}", "AGC manual_c must be (low, high), got (40.0, -10.0)"),
        ("agc: {plateau: .nan}", "AGC plateau and max_gain must be positive"),
        ("agc: {max_gain: .nan}", "AGC plateau and max_gain must be positive"),
        ("agc: {smoothing_s: .nan}", "smoothing_s not negative, got 60.0, 2.0 and nan"),
        ("detector: {netd_mk: true}", "netd_mk must be a number, got True"),
        ("detector: {netd_mk: '30'}", "netd_mk must be a number, got '30'"),
        ("detector: {scene_c: [true, '40']}", "scene_c must be a number, got True"),
        ("base: [adk]", "unknown base ['adk']; known: adk"),
        ("name: [a]", "name must be a text, got ['a']"),
        ("materials: 5", "materials must be a text, got 5"),
        ("materials: gone.yaml", "gone.yaml: cannot read the table of materials"),
        ("width: 640.5", "8 to 4096 pixels each way"),
        ("width: 100000", "8 to 4096 pixels each way"),
        ("name: \xff", "cannot read the thermal preset"),
    ],
)
def test_a_preset_file_that_makes_no_sense_is_named_in_one_line(tmp_path, text, told):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=re.escape(told)) as error:
        preset(str(path))
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)
