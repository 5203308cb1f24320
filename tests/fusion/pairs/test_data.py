from pathlib import Path

import cv2
import numpy as np
import pytest

from fusion import FusionError
from fusion.pairs.data import (
    Pair,
    evenly,
    grey_bytes,
    is_coloured,
    load,
    load_labels,
    read_folders,
    read_pairs,
    reduce,
    split,
)
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
    assert [pair.name for pair in pairs] == ["0005s", "0006s", "0007s"]
    images = load(pairs[1])
    drawn = scene(6, 64, 48)
    assert images.clear is not None
    assert np.array_equal(images.visible, drawn.visible)
    assert np.array_equal(images.thermal, drawn.thermal)
    assert np.array_equal(images.clear, drawn.clear)


@pytest.mark.parametrize("given", ["scenes", "scenes/night_fog"])
def test_recordings_given_as_pairs_are_told_what_makes_pairs_of_them(tmp_path, given):
    drive = tmp_path / "scenes" / "night_fog" / "00"
    write(drive, count=1, seed=0, width=64, height=48)
    (drive / "frames.jsonl").write_text("")
    with pytest.raises(FusionError, match=rf"{given} holds recordings: fusion\.twins makes pairs of those"):
        read_pairs(tmp_path / given)


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
        (lambda f: (f / "ir").rename(f / "infrared"), "no two folders of visible and thermal images .*vi and ir"),
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


def test_of_drawn_scenes_about_a_tenth_is_held_out_one_by_one(tmp_path):
    write(tmp_path, count=64, seed=0, width=32, height=32)
    training, held = split(read_pairs(tmp_path))
    assert 4 <= len(held) <= 8
    assert len(training) == 64 - len(held)


def test_a_drawn_scene_lies_on_one_side_wherever_it_was_drawn(tmp_path):
    write(tmp_path / "a", count=24, seed=10, width=32, height=32)
    write(tmp_path / "b", count=24, seed=20, width=32, height=32)
    training, held = split(read_folders([tmp_path / "a", tmp_path / "b"]), 0.2)
    drawn = [{load(pair).visible.tobytes() for pair in side} for side in (training, held)]
    assert drawn[1]
    assert not drawn[0] & drawn[1]
    with pytest.raises(FusionError, match=r"rgb holds 0010s\.png, which is not drawn now: choose another --out"):
        write(tmp_path / "a", count=2, seed=0, width=32, height=32)


def test_neighbouring_frames_of_a_recording_stay_on_one_side():
    pairs = tuple(Pair(f"{index:04d}", Path("v"), Path("t")) for index in range(1000))
    _, held = split(pairs, 0.2)
    sides = {pair.name for pair in held}
    for start in range(0, 1000, 25):
        assert len({f"{index:04d}" in sides for index in range(start, start + 25)}) == 1


def test_numbers_of_three_digits_count_no_frames_of_a_recording():
    """TNO's are scenes of their own."""
    _, held = split(tuple(Pair(f"{index:03d}", Path("v"), Path("t")) for index in range(100)), 0.2)
    of_blocks = [sum(start <= int(pair.name) < start + 25 for pair in held) for start in range(0, 100, 25)]
    assert all(0 < count < 25 for count in of_blocks)


def test_reducing_takes_means_of_blocks():
    image = np.arange(7 * 9 * 3, dtype=np.uint8).reshape(7, 9, 3)
    small = reduce(image, 4)
    assert small.shape == (3, 1, 2)
    assert small[1, 0, 1] == pytest.approx(image[:4, 4:8, 1].mean() / 255.0)


def picture(path: Path, value: int = 0, channels: int = 3, size: tuple[int, int] = (24, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if channels == 1 else (*size, channels)
    cv2.imwrite(str(path), np.random.default_rng(value).integers(0, 256, shape, dtype=np.uint8))


LAYOUTS = {
    "MSRS": (["train/vi/00001N.png", "train/ir/00001N.png", "test/vi/00002D.png", "test/ir/00002D.png"],
             ["train/00001N", "test/00002D"]),
    "M3FD": (["Vis/00001.png", "Ir/00001.png"], ["00001"]),
    "LLVIP": (["visible/train/010001.jpg", "infrared/train/010001.jpg",
               "visible/test/190001.jpg", "infrared/test/190001.jpg"], ["train/010001", "test/190001"]),
    "RoadScene": (["crop_LR_visible/FLIR_00006.jpg", "cropinfrared/FLIR_00006.jpg"], ["FLIR_00006"]),
    "TNO": (["vi/VIS001.png", "ir/IR001.png"], ["001"]),
    "FLIR ADAS 1": (["train/RGB/FLIR_00001.jpg", "train/thermal_8_bit/FLIR_00001.jpeg"], ["train/FLIR_00001"]),
    "FLIR aligned": (["JPEGImages/FLIR_00002_RGB.jpg", "JPEGImages/FLIR_00002_PreviewData.jpeg"], ["FLIR_00002"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_public_sets_are_read_as_they_are_unpacked(tmp_path, name):
    files, names = LAYOUTS[name]
    for number, file in enumerate(files):
        picture(tmp_path / file, number)
    pairs = read_pairs(tmp_path)
    assert [pair.name for pair in pairs] == names
    for pair in pairs:
        assert load(pair).thermal.shape == (24, 32)
    training, held = split(pairs, 0.0)
    assert [pair.name for pair in held] == [name for name in names if name.startswith("test/")]
    assert len(training) == len(pairs) - len(held)


def test_the_second_flir_set_is_paired_by_its_own_map(tmp_path):
    picture(tmp_path / "images_rgb_train/data/video-a-frame-000001.jpg")
    picture(tmp_path / "images_thermal_train/data/video-b-frame-000009.jpg", channels=1)
    with pytest.raises(FusionError, match=r"rgb_to_thermal_vid_map\.json cannot be read"):
        read_pairs(tmp_path)
    table = '{"video-a-frame-000001.jpg": "video-b-frame-000009.jpg", "video-a-frame-000002.jpg": "gone.jpg"}'
    (tmp_path / "rgb_to_thermal_vid_map.json").write_text(table)
    (pair,) = read_pairs(tmp_path)
    assert (pair.name, pair.thermal.name) == ("train/video-a-frame-000001", "video-b-frame-000009.jpg")


def test_the_paired_videos_of_the_second_flir_set_are_its_test_frames(tmp_path):
    picture(tmp_path / "video_rgb_test/data/video-a-frame-000001.jpg")
    picture(tmp_path / "video_thermal_test/data/video-b-frame-000009.jpg", channels=1)
    table = '{"video-a-frame-000001.jpg": "video-b-frame-000009.jpg"}'
    (tmp_path / "rgb_to_thermal_vid_map.json").write_text(table)
    pairs = read_pairs(tmp_path)
    assert [pair.name for pair in pairs] == ["test/video-a-frame-000001"]
    assert split(pairs, 0.0)[1] == pairs


@pytest.mark.parametrize("place", [".", "ImageSets/Main"])
def test_validation_frames_of_aligned_flir_are_held_out(tmp_path, place):
    for number in (1, 2):
        picture(tmp_path / f"JPEGImages/FLIR_0000{number}_RGB.jpg")
        picture(tmp_path / f"JPEGImages/FLIR_0000{number}_PreviewData.jpeg", channels=1)
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "align_validation.txt").write_text("FLIR_00002_PreviewData\n")
    training, held = split(read_pairs(tmp_path), 0.0)
    assert [pair.name for pair in training] == ["FLIR_00001"]
    assert [pair.name for pair in held] == ["val/FLIR_00002"]


def test_a_set_s_test_folder_given_by_itself_is_held_out_too(tmp_path):
    for folder in ("train", "test"):
        picture(tmp_path / folder / "vi/0001.png")
        picture(tmp_path / folder / "ir/0001.png", channels=1)
    assert [pair.name for pair in read_folders([tmp_path / "test"])] == ["test/0001"]
    assert split(read_folders([tmp_path / "test"]), 0.0)[0] == ()
    assert [pair.name for pair in read_folders([tmp_path / "train"])] == ["0001"]


@pytest.mark.parametrize("apart", ["Test", "VAL"])
def test_a_set_s_test_folder_given_beside_another_is_held_out_however_it_is_written(tmp_path, apart):
    for folder in ("train", apart):
        picture(tmp_path / folder / "vi/0001.png")
        picture(tmp_path / folder / "ir/0001.png", channels=1)
    training, held = split(read_folders([tmp_path / "train", tmp_path / apart]), 0.0)
    assert [pair.name for pair in training] == ["train/0001"]
    assert [pair.name for pair in held] == [f"{apart}/0001"]


def test_a_frame_smaller_than_a_block_cannot_be_reduced():
    with pytest.raises(FusionError, match="a frame of 3x9 cannot be reduced by 4"):
        reduce(np.zeros((9, 3), np.uint8), 4)


def test_recordings_carry_their_labels(tmp_path):
    write(tmp_path, count=1, seed=0, width=64, height=48)
    for kind, value in (("depth", 1234), ("tags", 12), ("instances", 40000)):
        (tmp_path / kind).mkdir()
        cv2.imwrite(str(tmp_path / kind / "0000s.png"), np.full((48, 64), value, np.uint16))
    labels = load_labels(read_pairs(tmp_path)[0])
    assert float(labels["depth"][3, 4]) == pytest.approx(12.34)
    assert (int(labels["tags"][0, 0]), int(labels["instances"][0, 0])) == (12, 40000)


def test_raw_counts_of_a_thermal_camera_are_stretched_not_cut_off(tmp_path):
    picture(tmp_path / "vi" / "a.png")
    (tmp_path / "ir").mkdir()
    counts = (7000 + 10 * np.arange(24 * 32)).reshape(24, 32).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "ir" / "a.png"), counts)
    thermal = load(read_pairs(tmp_path)[0]).thermal
    assert (int(thermal.min()), int(thermal.max())) == (0, 255)
    assert abs(int(thermal[12, 0]) - 128) < 4


def test_a_scene_in_another_weather_stays_on_its_side():
    names = [f"scenes{index // 50:03d}-seed0_{index % 50:05d}" for index in range(800)]
    weathers = [[Pair(f"{folder}/{name}", Path("v"), Path("t")) for name in names] for folder in ("night", "fog")]
    held = [{pair.name.split("/")[1] for pair in split(pairs, 0.2)[1]} for pairs in weathers]
    assert held[0] == held[1] != set()


def test_a_hundredth_of_the_pixels_at_either_end_does_not_decide_the_stretch(tmp_path):
    picture(tmp_path / "vi" / "a.png", size=(40, 50))
    (tmp_path / "ir").mkdir()
    counts = np.tile(np.linspace(7000.0, 8000.0, 50), (40, 1)).astype(np.uint16)
    for outlier in (8000, 16000):
        counts[0, :5] = outlier
        cv2.imwrite(str(tmp_path / "ir" / "a.png"), counts)
        thermal = load(read_pairs(tmp_path)[0]).thermal
        assert abs(int(thermal[20, 25]) - 130) < 4


def test_evenly_takes_the_first_and_then_at_equal_distances():
    assert evenly(range(10), 5) == [0, 2, 4, 6, 8]
    assert evenly(range(3), 7) == [0, 1, 2]


def test_the_luminance_of_rgb_bytes_has_red_first():
    colours = np.array([[[100, 0, 0], [0, 100, 0], [0, 0, 100]]], np.uint8)
    assert grey_bytes(colours).tolist() == [[30, 59, 11]]


@pytest.mark.parametrize(("apart", "coloured"), [(0, False), (8, False), (14, True)])
def test_an_image_has_colour_from_a_twentieth_of_its_brightest_value_on(tmp_path, apart, coloured):
    image = np.repeat(np.linspace(20, 200, 32).astype(np.uint8)[None, :, None], 24, axis=0).repeat(3, axis=2)
    image[..., 2] += np.uint8(apart)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    assert is_coloured(tmp_path / "a.png") == coloured


def test_temperatures_as_floats_are_stretched_like_counts(tmp_path):
    picture(tmp_path / "vi" / "a.png")
    (tmp_path / "ir").mkdir()
    kelvin = (280.0 + 0.01 * np.arange(24 * 32)).reshape(24, 32).astype(np.float32)
    cv2.imwrite(str(tmp_path / "ir" / "a.tif"), kelvin)
    (pair,) = read_pairs(tmp_path)
    thermal = load(pair).thermal
    assert (thermal.dtype, int(thermal.min()), int(thermal.max())) == (np.uint8, 0, 255)
    assert abs(int(thermal[12, 0]) - 128) < 4
    cv2.imwrite(str(tmp_path / "ir" / "a.tif"), kelvin / np.float32(1000.0))  # whatever their unit
    assert np.abs(load(pair).thermal.astype(int) - thermal).max() <= 1
    cv2.imwrite(str(tmp_path / "ir" / "a.tif"), np.full_like(kelvin, 300.0))
    assert not load(pair).thermal.any()
    for bad in (np.nan, np.inf):
        kelvin[3, 4] = bad
        cv2.imwrite(str(tmp_path / "ir" / "a.tif"), kelvin)
        with pytest.raises(FusionError, match=r"a\.tif holds values that are no numbers"):
            load(pair)


def test_a_visible_frame_of_16_bits_uses_them(tmp_path):
    picture(tmp_path / "ir" / "a.png", channels=1)
    (tmp_path / "vi").mkdir()
    frame = np.random.default_rng(0).integers(0, 65536, (24, 32, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "vi" / "a.png"), frame)
    (pair,) = read_pairs(tmp_path)
    assert np.array_equal(load(pair).visible[..., ::-1], frame >> 8)
    for bits in (10, 12):
        cv2.imwrite(str(tmp_path / "vi" / "a.png"), frame >> (16 - bits))
        with pytest.raises(FusionError, match=r"a\.png has 16 bits per channel and no value above \d+: it would"):
            load(pair)
