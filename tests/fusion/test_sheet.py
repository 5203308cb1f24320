"""Sheets show each pair in a row: its sources, what fusions make of it, and its clear twin if it has one."""

from functools import partial

import cv2
import numpy as np
import pytest

from fusion import FusionError
from fusion.naive import FUSIONS
from fusion.pairs.data import load, read_pairs
from fusion.sheet import GAP_PX, TILE_PX, TITLE_PX, chosen, sheet
from fusion.synthetic import write

ROW_PX = TILE_PX * 96 // 160 + GAP_PX


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheet") / "twins"
    write(folder, count=5, seed=0, width=160, height=96)
    return folder


@pytest.fixture
def run(command):
    return partial(command, "fusion.sheet")


def test_a_row_holds_its_pair_and_its_twin_in_the_order_of_the_titles(twins):
    pairs = read_pairs(twins)[:2]
    picture = sheet(pairs, {name: FUSIONS[name] for name in ("thermal", "visible")})
    assert picture.shape == (TITLE_PX + GAP_PX + 2 * ROW_PX, 3 * (TILE_PX + GAP_PX), 3)
    images = load(pairs[1])
    tops = TITLE_PX + GAP_PX + ROW_PX
    for column, shown in enumerate((np.repeat(images.thermal[..., None], 3, 2), images.visible, images.clear)):
        left = column * (TILE_PX + GAP_PX)
        tile = picture[tops : tops + ROW_PX - GAP_PX, left : left + TILE_PX, ::-1]
        assert np.abs(tile.astype(float).mean((0, 1)) - shown.mean((0, 1))).max() < 2.0
    assert (picture[:TITLE_PX] < 128).any()


def test_pairs_are_named_or_taken_at_even_distances(twins):
    pairs = read_pairs(twins)
    assert [pair.name for pair in chosen(pairs, 2, [])] == [pairs[0].name, pairs[2].name]
    assert [pair.name for pair in chosen(pairs, 2, [pairs[4].name, pairs[1].name])] == [pairs[4].name, pairs[1].name]
    assert len(chosen(pairs, 9, [])) == 5
    with pytest.raises(FusionError, match="no pairs are called nobody"):
        chosen(pairs, 2, ["nobody"])


def test_the_command_writes_a_picture_with_the_student(run, twins, tmp_path):
    done = run("--data", twins, "--out", tmp_path / "sheet.png", "--rows", 3)
    assert done.returncode == 0, done.stderr
    picture = cv2.imread(str(tmp_path / "sheet.png"))
    assert picture.shape == (TITLE_PX + GAP_PX + 3 * ROW_PX, 5 * (TILE_PX + GAP_PX), 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--columns", "visible,nothing"), "no fusion is called nothing"),
        (("--rows", "0"), "--rows is 1 or more"),
        (("--names", "nobody"), "no pairs are called nobody"),
        (("--out", "sheet.txt"), "a picture ends in"),
    ],
)
def test_mistakes_give_one_line(run, twins, tmp_path, arguments, says):
    done = run("--data", twins, "--out", tmp_path / "sheet.png", *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
