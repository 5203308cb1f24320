from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fusion import FusionProxy
from fusion.ensemble import draw
from fusion.pairs.data import Images, load, read_pairs, reduce
from fusion.synthetic import write
from fusion.train import train
from fusion.training.batches import make_batch
from fusion.training.cache import EnsembleCache
from fusion.training.contrast import stronger_contrast
from fusion.training.scenes import read_scenes
from fusion.training.student_recipe import Recipe

PLANES = arrays(np.float32, (24, 40), elements=st.floats(0.0, 1.0, width=32))
RECIPE = Recipe(steps=40, batch=2, patch_px=64, evidence_patches=1.0, held_out=0.0, learning_rate=1e-2, ema=0.9,
                lambda_contrast=20.0, lambda_feat=0.0, lambda_edge=0.0, drift_px=0.0, drift_deg=0.0)  # fmt: skip
SETTINGS = {"teacher": "visible", "samples": 2, "steps": 1, "eta": 1.0, "seed": 0, "scale": 2}


def night(contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """A dark mean (64, 96) with a thing of that contrast, and a thermal frame in which it is 0.4 warmer."""
    mean, thermal = np.full((64, 96), 0.1, np.float32), np.full((64, 96), 0.3, np.float32)
    mean[26:38, 43:49] += contrast
    thermal[26:38, 43:49] += 0.4
    return mean, thermal


def contrast_of(image: np.ndarray) -> float:
    return float(image[28:36, 44:48].mean() - image[26:38, 4:20].mean())


def test_what_is_warm_and_dark_is_wanted_as_bright_as_it_is_warm():
    mean, thermal = night(0.0)
    wanted, _, weight = stronger_contrast(mean, thermal, 2, 1.0)
    assert contrast_of(wanted) == pytest.approx(0.4, abs=0.06)
    assert weight[32, 46] > 3.0
    assert weight[32, 4] < 0.2


def test_the_gain_makes_it_brighter_still():
    mean, thermal = night(0.0)
    contrasts = [contrast_of(stronger_contrast(mean, thermal, 2, gain).luminance) for gain in (0.5, 1.0, 1.5)]
    assert contrasts[1] / contrasts[0] == pytest.approx(2.0, rel=0.1)
    assert contrasts[2] / contrasts[1] == pytest.approx(1.5, rel=0.1)


def test_detail_sets_a_thing_off_from_what_is_close_by():
    mean, thermal = night(0.0)
    wished = [stronger_contrast(mean, thermal, 2, 1.0, detail).luminance for detail in (0.0, 1.5, 3.0)]
    assert contrast_of(wished[0]) + 0.1 < contrast_of(wished[1]) < contrast_of(wished[2]) - 0.1
    far = [image[26:38, 4:20].mean() for image in wished]
    assert far[2] == pytest.approx(far[0], abs=1e-3)


def test_what_is_cold_is_asked_for_less_than_what_is_warm():
    mean, thermal = np.full((64, 96), 0.5, np.float32), {}
    for name, difference in (("warm", 0.3), ("cold", -0.3)):
        thermal[name] = np.full((64, 96), 0.5, np.float32)
        thermal[name][26:38, 43:49] += difference
    warm, cold = (contrast_of(stronger_contrast(mean, thermal[name], 2, 1.0).luminance) for name in ("warm", "cold"))
    assert warm == pytest.approx(0.3, abs=0.06)
    assert -0.4 * warm < cold < -0.1 * warm


def test_the_ground_around_a_warm_thing_goes_towards_the_thermal_frame_s():
    mean, thermal = night(0.0)
    beside = {level: stronger_contrast(mean, thermal + level, 2, 1.0).luminance[32, 52] for level in (0.0, 0.2)}
    assert beside[0.0] < beside[0.2] < 0.5
    assert beside[0.2] - beside[0.0] == pytest.approx(0.2 / 2 / 3, abs=0.005)  # half of it, for a third is the thing's


def test_what_the_teacher_shows_more_clearly_stays_as_it_is():
    mean, thermal = night(0.7)
    thermal[26:38, 43:49] = 0.35
    wanted, _, weight = stronger_contrast(mean, thermal, 2, 1.0)
    assert np.abs(wanted - mean).max() < 0.02
    assert weight.max() < 0.5


def test_colour_goes_where_warmth_takes_over_and_stays_where_the_mean_is_clear():
    dark, lit = (stronger_contrast(*night(contrast), 2, 1.0).colour for contrast in (0.0, 0.8))
    assert dark[32, 46] < 0.2 < 0.8 < dark[32, 4]
    assert lit[32, 46] > 0.7


def test_what_daylight_shows_stays_where_the_dark_would_give_way_to_heat():
    """Stripes of paint by day and by night, and a thermal frame that shows stripes of its own across them."""
    ys, xs = np.mgrid[:64, :96]
    paint, heat = (np.where(axis // 8 % 2, 0.1, -0.1).astype(np.float32) for axis in (ys, xs))
    kept = []
    for brightness in (0.15, 0.6):
        wanted = stronger_contrast(brightness + paint, 0.5 + 2.0 * heat, 2, 1.0).luminance
        kept.append(float((wanted * paint).mean() / (paint * paint).mean()))
    assert kept[0] < 0.7
    assert kept[1] > 0.9


def test_who_stands_out_little_weighs_more_than_in_proportion():
    mean, thermal = night(0.0)
    faint = thermal[0, 0] + 0.25 * (thermal - thermal[0, 0])
    much, little = (stronger_contrast(mean, heat, 2, 1.0) for heat in (thermal, faint))
    lacking = [float(np.abs(wish.luminance - mean)[32, 46]) for wish in (much, little)]
    assert lacking[1] < 0.4 * lacking[0]
    assert little.weight[32, 46] > 0.4 * much.weight[32, 46]


@given(PLANES, st.floats(0.0, 1.0), st.sampled_from([1, 2, 4]))
def test_a_flat_thermal_frame_asks_for_nothing(mean, level, scale):
    wanted, _, weight = stronger_contrast(mean, np.full_like(mean, level), scale, 1.5)
    assert np.abs(wanted - mean).max() < 1e-3
    assert weight.max() < 0.01


@given(PLANES, PLANES, st.floats(0.5, 3.0), st.floats(0.0, 3.0))
def test_what_is_wanted_can_be_shown(mean, thermal, gain, detail):
    wanted, colour, weight = stronger_contrast(mean, thermal, 4, gain, detail)
    assert 0.0 <= wanted.min() <= wanted.max() <= 1.0
    assert 0.0 <= colour.min() <= colour.max() <= 1.0
    assert 0.0 <= weight.min() <= weight.max() <= 5.0


class SeesNoHeat:
    """A teacher that draws the visible frame: what is warm and dark is missing in all its samples."""

    identity = "visible"

    def sample(self, visible, thermal, n, seed):
        return visible.expand(n, -1, -1, -1).clone()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> dict[str, Path]:
    """The same pairs with their clear twin and without."""
    folder = tmp_path_factory.mktemp("contrast")
    write(folder / "twins", count=4, seed=0, width=128, height=96)
    for name, own in (("vi", "rgb"), ("ir", "thermal")):
        (folder / "alone" / name).mkdir(parents=True)
        for file in (folder / "twins" / own).glob("*.png"):
            (folder / "alone" / name / file.name).write_bytes(file.read_bytes())
    return {"twins": folder / "twins", "alone": folder / "alone"}


def drawn(folder: Path, out: Path) -> Path:
    draw(read_pairs(folder), SeesNoHeat(), EnsembleCache.create(out, SETTINGS))
    return out


def test_a_pair_with_a_clear_twin_needs_no_such_wish(pairs, tmp_path):
    lacks = {}
    for name, folder in pairs.items():
        cache = EnsembleCache.open(drawn(folder, tmp_path / name))
        scenes, _ = read_scenes([folder], cache, replace(RECIPE, lambda_contrast=0.0))  # refused where all have one
        lacks[name] = float(make_batch(scenes, RECIPE, 2, 0)["lack"].max())
    assert lacks["twins"] == 0.0
    assert lacks["alone"] > 0.5


def test_a_student_shows_what_its_teacher_leaves_dark(pairs, tmp_path):
    train([pairs["alone"]], drawn(pairs["alone"], tmp_path / "ensembles"), tmp_path / "student", RECIPE)
    proxy = FusionProxy.from_pretrained(tmp_path / "student" / "student.safetensors")
    assert np.mean([share_reached(proxy, load(pair)) for pair in read_pairs(pairs["alone"])]) > 0.5


def share_reached(proxy: FusionProxy, images: Images) -> float:
    """How far a fused frame has come from the visible one to what is wanted: 0 to 1, where much is missing."""
    fused = proxy(images.visible, images.thermal, channel_order="rgb")
    seen, shown, thermal = (reduce(image, 2).mean(axis=0) for image in (images.visible, fused, images.thermal))
    wanted, _, weight = stronger_contrast(seen, thermal, 2, RECIPE.contrast_gain)
    return float((weight * (shown - seen) * (wanted - seen)).sum() / (weight * (wanted - seen) ** 2).sum())
