import csv
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fusion import FusionError
from fusion.ablate import PRESET, ablate, arms, interval, main, table
from fusion.ensemble import draw
from fusion.pairs.data import read_pairs
from fusion.synthetic import write
from fusion.training.cache import EnsembleCache

TINY = replace(PRESET, steps=2, batch=1, patch_px=32, held_out=0.5, backbones="efficientnet-lite0")


class Noisy:
    identity = "noisy"

    def sample(self, visible, thermal, n, seed):
        return visible + 0.1 * torch.randn((n, *visible.shape), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pairs")
    write(folder / "drawn", count=60, seed=0, width=64, height=48)
    for kind in ("rgb", "thermal", "clear"):  # three blocks of a recording, two frames of each
        for path in (folder / "drawn" / kind).iterdir():
            number = path.stem[:4]
            path.rename(path.with_stem(number))
            if int(number) % 25 > 1:
                path.with_stem(number).unlink()
    settings = {"teacher": "noisy", "samples": 3, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}
    draw(read_pairs(folder / "drawn"), Noisy(), EnsembleCache.create(folder / "ensembles", settings))
    return folder / "drawn", folder / "ensembles"


def test_the_variants_are_those_of_the_method_and_no_more_samples_than_were_drawn():
    variants = arms(PRESET, drawn=8)
    assert list(variants) == [
        "uniform",
        "pixel",
        "routing",
        "both",
        "no-feature",
        "both, K=1",
        "both, K=2",
        "both, K=4",
    ]
    switches = [(v.pixel_weighting, v.routing) for v in variants.values()][:4]
    assert switches == [(False, False), (True, False), (False, True), (True, True)]
    assert all(v.lambda_feat == PRESET.lambda_feat for name, v in variants.items() if name != "no-feature")


def test_the_interval_is_students():
    mean, half = interval([1.0, 2.0, 3.0])
    assert mean == pytest.approx(2.0)
    assert half == pytest.approx(4.303 / math.sqrt(3.0), abs=1e-3)
    assert math.isnan(interval([1.0])[1])


def test_differences_are_taken_seed_by_seed():
    one = {"twin_psnr_db": 10.0, "twin_ssim": 0.5, "mean_psnr_db": 20.0}
    results = {}
    for seed in (0, 1):
        results["uniform", seed] = {key: value + 5 * seed for key, value in one.items()}
        results["both", seed] = {key: value + 5 * seed + 1 for key, value in one.items()}
    both = table(results).splitlines()[-1]
    assert both.startswith("| both | 2 | 13.50 | +1.00 ± 0.00 |")


def test_an_ablation_is_tabulated_and_not_trained_twice(drawn, tmp_path, monkeypatch):
    text = ablate([drawn[0]], drawn[1], tmp_path / "out", TINY, seeds=(0, 1), only=("uniform", "both", "both, K=2"))
    assert text == (tmp_path / "out" / "table.md").read_text()
    rows = list(csv.DictReader((tmp_path / "out" / "runs.csv").open()))
    assert [(row["variant"], row["seed"]) for row in rows] == [
        (name, seed) for seed in "01" for name in ("uniform", "both", "both, K=2")
    ]
    assert all(0.0 < float(row["twin_ssim"]) <= 1.0 for row in rows)
    monkeypatch.setattr("fusion.ablate.train", None)
    assert (
        ablate([drawn[0]], drawn[1], tmp_path / "out", TINY, seeds=(0, 1), only=("uniform", "both", "both, K=2"))
        == text
    )
    with pytest.raises(FusionError, match="another recipe"):
        ablate([drawn[0]], drawn[1], tmp_path / "out", replace(TINY, steps=3), seeds=(0,), only=("both",))
    with pytest.raises(FusionError, match="no variant 'none'"):
        ablate([drawn[0]], drawn[1], tmp_path / "out", TINY, seeds=(0,), only=("none",))


def test_what_was_measured_on_other_ensembles_is_not_taken_for_finished(drawn, tmp_path):
    recipe = replace(TINY, lambda_feat=0.0)
    ablate([drawn[0]], drawn[1], tmp_path / "out", recipe, seeds=(0,), only=("both",))
    settings = {"teacher": "noisy", "samples": 3, "steps": 1, "eta": 1.0, "seed": 1, "scale": 4}
    draw(read_pairs(drawn[0]), Noisy(), EnsembleCache.create(tmp_path / "others", settings))
    with pytest.raises(FusionError, match="was not trained on these ensembles and pairs: give another --out"):
        ablate([drawn[0]], tmp_path / "others", tmp_path / "out", recipe, seeds=(0,), only=("both",))


def test_the_command_refuses_in_one_line(tmp_path, monkeypatch):
    arguments = ["fusion.ablate", "--data", str(tmp_path), "--ensembles", str(tmp_path), "--out", str(tmp_path / "out")]
    for more, says in (([], "no manifest"), (["--seeds", "a"], "--seeds are whole numbers")):
        monkeypatch.setattr(sys, "argv", [*arguments, *more])
        with pytest.raises(SystemExit, match=f"^fusion.ablate: .*{says}"):
            main()


def test_a_fault_inside_a_run_is_not_blamed_on_the_seeds(tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("shapes differ")

    monkeypatch.setattr("fusion.ablate.ablate", broken)
    monkeypatch.setattr(
        sys,
        "argv",
        ["ablate", *(part for name in ("data", "ensembles", "out") for part in (f"--{name}", str(tmp_path)))],
    )
    with pytest.raises(ValueError, match="shapes differ"):
        main()


def test_that_nothing_is_held_out_is_known_before_anything_is_trained(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr("fusion.ablate.train", lambda *_, **__: pytest.fail("trained first"))
    with pytest.raises(FusionError, match="no pair is held out"):
        ablate([drawn[0]], drawn[1], tmp_path, replace(TINY, held_out=0.0), seeds=(0,), only=("both",))
