"""Which arms a run has, and what fog of other droplets changes: the thermal frame, and nothing that the eye sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusion import weights
from fusion.naive import like_proxy
from harness.air import ambient_for
from harness.arms import ARMS, COMPARED_ARMS, WITHOUT_THERMAL, arm_of, parse_arms
from harness.config import extends
from harness.errors import HarnessError
from harness.preflight import default_arms
from results.arms import CONTROL, CONTROLLED
from scenarios.definition import load_scenario


def test_an_arm_of_other_droplets_is_known_by_its_name() -> None:
    arm = arm_of("fused_7.5um")
    assert arm.fused
    assert not arm.clear_twin
    assert arm.droplet_radius_um == 7.5
    assert arm_of(arm.name) == arm
    assert parse_arms("rgb, fused_10.0um, ,") == (ARMS["rgb"], arm_of("fused_10um"))
    assert [arm_of(f"fused_{um}um").droplet_radius_um for um in (1, 20)] == [1.0, 20.0]


def test_arms_differ_in_what_is_shown_and_the_ceiling_in_its_weather_alone() -> None:
    shown = {arm.name: (arm.fused, arm.clear_twin) for arm in ARMS.values()}
    assert shown == {"rgb": (False, False), "fused": (True, False), "clear": (False, True)}
    others = (*COMPARED_ARMS.values(), arm_of("fused_10um"))
    assert all(arm.fused and not arm.clear_twin for arm in others)
    assert all(arm.droplet_radius_um is None for arm in (*ARMS.values(), *COMPARED_ARMS.values()))
    assert {arm.name for arm in others if arm.naive} == COMPARED_ARMS.keys() - {CONTROL}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("rgb,infrared", "no arm named 'infrared'"),
        ("rgb,fused_um", "no arm named 'fused_um'"),
        ("rgb,rgb_10um", "no arm named 'rgb_10um'"),
        ("fused_0.5um", "droplets of 0.5 um: choose a radius from 1 to 20 um"),
        ("fused_10um,fused_10.0um", "each arm once"),
        (",", "choose from rgb, fused, clear"),
    ],
)
def test_arms_that_are_none_are_told_in_one_line(text: str, line: str) -> None:
    with pytest.raises(HarnessError, match=line) as error:
        parse_arms(text)
    assert str(error.value).startswith(f"--arms {text}: ")


def test_naive_fusions_stand_in_for_the_proxy() -> None:
    rng = np.random.default_rng(0)
    bgra = rng.integers(0, 256, (6, 8, 4), dtype=np.uint8)
    heat = rng.integers(0, 256, (6, 8), dtype=np.uint8)
    before = bgra.copy()
    for name in ("equalized", "average", "maximum", "luminance_swap", "thermal"):
        arm = arm_of(name)
        assert arm.fused
        fused = like_proxy(arm.naive)(bgra, heat, channel_order="bgr")
        assert fused.shape == bgra.shape
        assert (fused[..., 3] == bgra[..., 3]).all()
    assert (bgra == before).all()
    assert (like_proxy("thermal")(bgra, heat)[..., :3] == heat[..., None]).all()
    assert (like_proxy("equalized")(bgra, heat) == like_proxy("equalized")(bgra, 255 - heat)).all()
    assert (like_proxy("maximum")(bgra, heat)[..., 0] == np.maximum(bgra[..., 0], heat)).all()  # blue stays blue


def test_a_run_goes_on_with_more_drives_and_not_with_others() -> None:
    held = {"arms": ["rgb", "fused"], "seeds": [0], "route_ids": ["1"], "agent": "pilot"}
    assert extends({**held, "arms": ["rgb", "fused", "average"], "seeds": [0, 1], "route_ids": ["0", "1"]}, held)
    assert not extends({**held, "arms": ["rgb", "average"]}, held)
    assert not extends({**held, "seeds": [0, 1], "agent": "blind"}, held)


def test_a_full_run_drives_what_a_gain_has_to_be_held_against() -> None:
    """Fog that hides as much from infrared as from the eye, and RGB restored without a thermal camera."""

    def names(scenario: str, quick: bool = False) -> list[str]:
        return [arm.name for arm in default_arms(load_scenario(scenario), quick)]

    assert names("night_fog") == names("day_fog") == ["rgb", "fused", "clear", "fused_10um", "restored"]
    assert names("night_clear") == ["rgb", "fused", "clear", "restored"]
    assert names("night_fog", quick=True) == ["rgb", "fused", "clear"]


def test_the_control_is_driven_with_the_weights_that_it_is_one_of(tmp_path: Path) -> None:
    assert weights.is_copy_of(weights.locate("sim"), CONTROLLED)
    assert not weights.is_copy_of(weights.locate("real"), CONTROLLED)
    (tmp_path / "copy.safetensors").write_bytes(weights.locate("sim").read_bytes())
    assert weights.is_copy_of(tmp_path / "copy.safetensors", CONTROLLED)
    arms = default_arms(load_scenario("night_clear"), quick=False, is_controlled=False)
    assert [arm.name for arm in arms] == ["rgb", "fused", "clear"]


def test_other_droplets_change_what_infrared_sees_and_not_the_weather() -> None:
    scenario = load_scenario("night_fog")
    other = scenario.with_droplets(10.0)
    for name in ("fog_density", "fog_distance", "fog_falloff", "sun_altitude_angle", "cloudiness"):
        assert getattr(other.weather_parameters(), name) == getattr(scenario.weather_parameters(), name)
    air, other_air = (ambient_for(one, one.weather_parameters()) for one in (scenario, other))
    assert air.droplet_radius_um == 5.0
    assert other_air.droplet_radius_um == 10.0
    assert other_air.visibility_m == air.visibility_m


def test_the_arm_that_the_report_takes_for_the_control_is_one() -> None:
    assert arm_of(CONTROL).weights == WITHOUT_THERMAL
