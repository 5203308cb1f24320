import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fusion import FusionError
from fusion.pairs.data import load, load_labels, read_pairs
from fusion.twins import gather


def record(folder: Path, drive: str, poses: list[tuple[float, float, float]], grey: int) -> None:
    for kind in ("rgb", "thermal"):
        (folder / drive / kind).mkdir(parents=True)
        for index in range(len(poses)):
            image = np.full((8, 8, 3) if kind == "rgb" else (8, 8), grey + index, np.uint8)
            cv2.imwrite(str(folder / drive / kind / f"{index:05d}.png"), image)
    lines = [
        json.dumps({"name": f"{i:05d}", "ego": dict(zip(("x", "y", "yaw"), pose))}) for i, pose in enumerate(poses)
    ]
    (folder / drive / "frames.jsonl").write_text("\n".join(lines) + "\n")


def test_frames_pair_up_as_long_as_both_drives_stood_at_the_same_place(tmp_path):
    night, day = tmp_path / "night", tmp_path / "day"
    record(night, "1-seed0", [(0.0, 0.0, 180.0), (1.0, 0.0, 180.0), (2.0, 0.0, 180.0)], 10)
    record(day, "1-seed0", [(0.0, 0.01, -180.0), (1.3, 0.0, 180.0), (2.0, 0.0, 180.0)], 100)
    record(night, "2-seed0", [(5.0, 5.0, 0.0)], 50)  # never driven by day
    assert gather(night, day, tmp_path / "twins") == (2, 2)
    pairs = read_pairs(tmp_path / "twins")
    assert [pair.name for pair in pairs] == ["1-seed0_00000", "1-seed0_00002"]
    images = load(pairs[1])
    assert images.clear is not None
    assert (images.visible[0, 0, 0], images.thermal[0, 0], images.clear[0, 0, 0]) == (12, 12, 102)


def test_folders_without_recordings_and_damaged_lists_are_named(tmp_path):
    with pytest.raises(FusionError, match="no finished recordings"):
        gather(tmp_path, tmp_path, tmp_path / "out")
    record(tmp_path / "night", "1", [(0.0, 0.0, 0.0)], 1)
    record(tmp_path / "day", "1", [(0.0, 0.0, 0.0)], 1)
    (tmp_path / "day" / "1" / "frames.jsonl").write_text('{"name": "00000"}\n')
    with pytest.raises(FusionError, match=r"day/1/frames\.jsonl does not list frames"):
        gather(tmp_path / "night", tmp_path / "day", tmp_path / "out")


def test_where_no_frame_has_a_twin_it_is_told_and_nothing_is_written(tmp_path):
    record(tmp_path / "night", "1", [(0.0, 0.0, 0.0)], 1)
    record(tmp_path / "day", "2", [(0.0, 0.0, 0.0)], 1)
    for name, says in (("dya", "no folder .*dya"), ("day", "day shows no frame of .*night")):
        with pytest.raises(FusionError, match=says):
            gather(tmp_path / "night", tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_go_with_their_frames_where_every_drive_has_them(tmp_path):
    night, day = tmp_path / "night", tmp_path / "day"
    for folder, grey in ((night, 10), (day, 100)):
        record(folder, "1", [(0.0, 0.0, 0.0)], grey)
    for kind in ("depth", "tags"):
        (night / "1" / kind).mkdir()
        cv2.imwrite(str(night / "1" / kind / "00000.png"), np.full((8, 8), 300 if kind == "depth" else 4, np.uint16))
    assert gather(night, day, tmp_path / "twins") == (1, 0)
    (pair,) = read_pairs(tmp_path / "twins")
    labels = load_labels(pair)
    assert float(labels["depth"][0, 0]) == pytest.approx(3.0)
    assert int(labels["tags"][0, 0]) == 4
    assert "instances" not in labels
