from pathlib import Path

import cv2
import numpy as np
import pytest

from fusion import FusionError
from fusion.data import Pair, load, read_folders, read_pairs, reduce, split
from fusion.synthetic import scene, write


def make_pairs(folder: Path, names: list[str], visible: str = "vi", thermal: str = "ir") -> Path:
    rng = np.random.default_rng(0)
    for kind, shape in ((visible, (24, 32, 3)), (thermal, (24, 32))):
        (folder / kind).mkdir(parents=True)
        for name in names:
            cv2.imwrite(str(folder / kind / f"{name}.png"), rng.integers(0, 256, shape, dtype=np.uint8))
    return folder


def test_folder_pairs_are_read_by_name_and_in_rgb(tmp_path):
    folder = make_pairs(tmp_path / "set", ["b", "a"])
    pairs = read_pairs(folder)
    assert [pair.name for pair in pairs] == ["a", "b"]
    images = load(pairs[0])
    assert images.visible.shape == (24, 32, 3)
    assert images.thermal.shape == (24, 32)
    assert images.clear is None
    assert np.array_equal(images.visible[..., ::-1], cv2.imread(str(folder / "vi" / "a.png")))


def test_visible_and_thermal_may_have_different_suffixes(tmp_path):
    folder = make_pairs(tmp_path / "set", ["a"])
    image = cv2.imread(str(folder / "vi" / "a.png"))
    (folder / "vi" / "a.png").unlink()
    cv2.imwrite(str(folder / "vi" / "a.jpg"), image)
    assert load(read_pairs(folder)[0]).visible.shape == (24, 32, 3)


def test_recordings_carry_their_clear_twin(tmp_path):
    write(tmp_path / "drawn", count=3, seed=5, width=64, height=48)
    pairs = read_pairs(tmp_path / "drawn")
    assert [pair.name for pair in pairs] == ["0000", "0001", "0002"]
    images = load(pairs[1])
    drawn = scene(6, 64, 48)
    assert images.clear is not None
    assert np.array_equal(images.visible, drawn.visible)
    assert np.array_equal(images.thermal, drawn.thermal)
    assert np.array_equal(images.clear, drawn.clear)


def test_several_folders_keep_their_names_apart(tmp_path):
    folders = [make_pairs(tmp_path / name, ["0001"]) for name in ("north", "south")]
    assert [pair.name for pair in read_folders(folders)] == ["north/0001", "south/0001"]
    with pytest.raises(FusionError, match="differ in their last name"):
        read_folders([tmp_path / "north", tmp_path / "elsewhere" / "north"])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / "ir" / "b.png").unlink(), r"vi/b\.png has no partner in .*ir"),
        (lambda f: (f / "vi" / "b.png").unlink(), r"ir/b\.png has no partner in .*vi"),
        (lambda f: [path.unlink() for path in (f / "vi").iterdir()], "no images in .*vi"),
        (lambda f: (f / "ir").rename(f / "infrared"), "neither the folders rgb and thermal nor vi and ir"),
        (lambda f: (f / "vi" / "a.png").rename(f / "vi" / "b.jpg"), "share a name"),
        (lambda f: (f / "vi").joinpath("a.png").write_bytes(b""), r"vi/a\.png is not an image"),
        (lambda f: (f / "vi").joinpath("a.png").write_bytes(b"GIF89a nothing"), r"vi/a\.png is not an image"),
        (
            lambda f: cv2.imwrite(str(f / "ir" / "a.png"), np.zeros((9, 9), np.uint8)),
            r"ir/a\.png is 9x9 where .* is 32x24",
        ),
    ],
)
def test_faults_are_named_by_file_in_one_line(tmp_path, damage, says):
    folder = make_pairs(tmp_path / "set", ["a", "b"])
    damage(folder)
    with pytest.raises(FusionError, match=says) as refusal:
        [load(pair) for pair in read_pairs(folder)]
    assert "\n" not in str(refusal.value)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FusionError, match=r"no folder .*nowhere"):
        read_pairs(tmp_path / "nowhere")


def test_a_frame_never_changes_sides_when_others_come_or_go():
    pairs = tuple(Pair(f"street{index:05d}", Path("v"), Path("t")) for index in range(2000))
    training, held = split(pairs, 0.2)
    assert len(training) + len(held) == 2000
    assert 200 < len(held) < 600
    fewer_training, fewer_held = split(pairs[::3], 0.2)
    assert set(fewer_held) <= set(held)
    assert set(fewer_training) <= set(training)


def test_neighbouring_frames_of_a_recording_stay_on_one_side():
    pairs = tuple(Pair(f"{index:04d}", Path("v"), Path("t")) for index in range(1000))
    _, held = split(pairs, 0.2)
    sides = {pair.name for pair in held}
    for start in range(0, 1000, 25):
        assert len({f"{index:04d}" in sides for index in range(start, start + 25)}) == 1


def test_reducing_takes_means_of_blocks():
    image = np.arange(7 * 9 * 3, dtype=np.uint8).reshape(7, 9, 3)
    small = reduce(image, 4)
    assert small.shape == (3, 1, 2)
    assert small[1, 0, 1] == pytest.approx(image[:4, 4:8, 1].mean() / 255.0)
