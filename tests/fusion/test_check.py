import shutil
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion.backbones import DEFAULT, load_backbones
from fusion.check import bytes_held, check
from fusion.ensemble import source_checksum
from fusion.pairs import data
from fusion.pairs.data import Pair
from fusion.synthetic import write
from fusion.training.cache import EnsembleCache
from fusion.training.scenes import read_scenes
from fusion.training.student_recipe import Recipe


@pytest.fixture
def run(command):
    return partial(command, "fusion.check", "--data")


def test_a_folder_is_counted_and_all_its_faults_are_named(run, tmp_path: Path):
    write(tmp_path / "good", count=3, seed=0, width=64, height=48)
    write(tmp_path / "bad", count=3, seed=0, width=64, height=48)
    (tmp_path / "bad" / "rgb" / "0000s.png").write_bytes(b"\x89PNG but not for long")
    cv2.imwrite(str(tmp_path / "bad" / "thermal" / "0001s.png"), np.zeros((48, 64), np.uint8))
    result = run(tmp_path / "good", tmp_path / "bad")
    assert result.returncode == 1
    assert "64x48 (3)" in result.stdout
    assert "0000s.png is not an image" in result.stderr
    assert "0001s.png is flat" in result.stderr
    assert result.stderr.strip().splitlines()[-1] == "fusion.check: 2 faults"


def test_labels_of_public_sets_are_read_too_and_every_frame_once(tmp_path: Path, monkeypatch, capsys):
    write(tmp_path / "set", count=4, seed=0, width=64, height=48)
    for folder in ("Annotations", "labels", "Segmentation_labels"):
        (tmp_path / "set" / folder).mkdir()
    (tmp_path / "set" / "Annotations" / "0000s.xml").write_text("<annotation><object>")
    (tmp_path / "set" / "labels" / "0001s.txt").write_text("0 0.5 half 0.1 0.1\n")
    cv2.imwrite(str(tmp_path / "set" / "Segmentation_labels" / "0002s.png"), np.zeros((24, 32), np.uint8))
    read = []
    monkeypatch.setattr("fusion.check.load", lambda pair: read.append(pair.name) or data.load(pair))
    faults = check([tmp_path / "set"], held_out=0.1)
    says = ("0000s.xml is not a PASCAL", "0001s.txt:1: not 'class", "0002s.png is 32x24 where its frame is 64x48")
    assert len(faults) == 3
    assert all(part in fault for part, fault in zip(says, faults))
    assert read == ["0000s", "0001s", "0002s", "0003s"]
    row = [cell.strip() for cell in capsys.readouterr().out.split("│")]
    assert row[row.index("64x48 (4)") :][:3] == ["64x48 (4)", "4", "3"]  # size, with twin, with labels


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        (["scenes_00001", "0002"], "in blocks of 25 by number"),
        (["00001N", "7"], "pair by pair: to keep a recording's neighbours together, let names end in 4 digits or more"),
        (["0001", "7"], "in blocks of 25 by number, but 1 of 2 pair by pair: to keep"),
        (["test/0001"], "as a whole"),
    ],
)
def test_a_line_says_how_a_folder_is_held_out(tmp_path: Path, capsys, monkeypatch, names, rule):
    monkeypatch.setattr("fusion.check.read_folders", lambda _: [Pair(name, Path("v"), Path("t")) for name in names])
    check([tmp_path], held_out=0.1)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{tmp_path} is held out {rule}") for line in lines)


@pytest.mark.parametrize("twin", [True, False])
def test_the_memory_that_is_told_is_what_the_trainer_holds_of_a_pair(tmp_path: Path, twin):
    write(tmp_path / "set", count=1, seed=0, width=144, height=100)
    if not twin:
        shutil.rmtree(tmp_path / "set" / "clear")
    settings = {"teacher": "drawn", "samples": 2, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}
    cache = EnsembleCache.create(tmp_path / "ensembles", settings)
    (pair,) = data.read_pairs(tmp_path / "set")
    drawn = {pair.name: torch.randint(0, 256, (2, 3, 25, 36), dtype=torch.uint8)}
    cache.append(drawn, {pair.name: source_checksum(pair)})
    ((scene,), _) = read_scenes([tmp_path / "set"], cache, Recipe(held_out=0.0), load_backbones(DEFAULT))
    images = (scene.images.visible, scene.images.thermal, scene.images.clear)
    tensors = (scene.mean, scene.variance, *(tensor for feature in scene.features for tensor in feature))
    held = sum(array.nbytes for array in (*images, *tensors) if array is not None)
    assert bytes_held(100, 144, twin) == held


def test_thermal_frames_in_colour_are_a_warning_and_swapped_folders_another(run, tmp_path: Path):
    write(tmp_path / "grey", count=2, seed=0, width=64, height=48)
    write(tmp_path / "palette", count=2, seed=0, width=64, height=48)
    write(tmp_path / "swapped", count=2, seed=0, width=64, height=48)
    for name in ("0000s", "0001s"):
        thermal = cv2.imread(str(tmp_path / "palette" / "thermal" / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(tmp_path / "palette/thermal" / f"{name}.png"), cv2.applyColorMap(thermal, cv2.COLORMAP_JET))
        (tmp_path / "grey" / "thermal" / f"{name}.png").unlink()  # grey with three channels is as good as with one
        cv2.imwrite(str(tmp_path / "grey" / "thermal" / f"{name}.jpg"), cv2.cvtColor(thermal, cv2.COLOR_GRAY2BGR))
    (tmp_path / "swapped" / "rgb").rename(tmp_path / "away")
    (tmp_path / "swapped" / "thermal").rename(tmp_path / "swapped" / "rgb")
    (tmp_path / "away").rename(tmp_path / "swapped" / "thermal")
    result = run(tmp_path / "grey", tmp_path / "palette", tmp_path / "swapped")
    assert result.returncode == 0
    coloured, swapped = result.stderr.splitlines()
    assert coloured.startswith("fusion.check: warning: 2 of 2 thermal frames are in colour")
    assert coloured.endswith(f"({tmp_path / 'palette' / 'thermal' / '0000s.png'})")
    assert swapped.startswith(
        "fusion.check: warning: 2 of 2 pairs have a thermal frame in colour and a grey visible one"
    )
