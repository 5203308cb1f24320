import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fusion import FusionProxy
from fusion.fuse import main
from fusion.pairs.data import load, read_pairs
from fusion.synthetic import scene, write


def run(monkeypatch: pytest.MonkeyPatch, *options: object) -> None:
    monkeypatch.setattr(sys, "argv", ["fuse", *map(str, options)])
    main()


def video(path: Path, frames: list[np.ndarray], rate: float = 20.0) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (frames[0].shape[1], frames[0].shape[0]))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def test_a_folder_of_pairs_is_fused_to_images_by_name(tmp_path, monkeypatch, capsys):
    write(tmp_path / "set", count=2, seed=0, width=64, height=48)
    cv2.imwrite(str(tmp_path / "set" / "thermal" / "0001s.png"), np.full((48, 64), 9, np.uint8))
    run(monkeypatch, "--data", tmp_path / "set", "--out", tmp_path / "out")
    one, two = (load(pair) for pair in read_pairs(tmp_path / "set"))
    fused = [cv2.imread(str(tmp_path / "out" / f"000{number}s.png"))[..., ::-1] for number in (0, 1)]
    proxy = FusionProxy.from_pretrained()
    assert (fused[0] == proxy(one.visible, one.thermal, channel_order="rgb")).all()
    assert (fused[1] == two.visible).all()
    assert "2 fused frames in" in (said := capsys.readouterr().out)
    assert "1 unchanged" in said


def test_weights_without_heat_leave_no_frame_unchanged(tmp_path, monkeypatch, capsys):
    write(tmp_path, count=1, seed=0, width=64, height=48)
    cv2.imwrite(str(tmp_path / "thermal" / "0000s.png"), np.full((48, 64), 9, np.uint8))
    run(monkeypatch, "--data", tmp_path, "--out", tmp_path / "out", "--weights", "sim_rgb")
    (pair,) = read_pairs(tmp_path)
    assert (cv2.imread(str(tmp_path / "out" / "0000s.png"))[..., ::-1] != load(pair).visible).any()
    assert capsys.readouterr().out == f"1 fused frame in {tmp_path / 'out'}\n"


def test_one_pair_of_images_is_fused_to_one_image(tmp_path, monkeypatch):
    write(tmp_path, count=1, seed=0, width=64, height=48)
    files = ("--visible", tmp_path / "rgb/0000s.png", "--thermal", tmp_path / "thermal/0000s.png")
    run(monkeypatch, *files, "--out", tmp_path / "fused.png")
    assert cv2.imread(str(tmp_path / "fused.png")).shape == (48, 64, 3)
    with pytest.raises(SystemExit, match=r"0000s\.png would be overwritten"):
        run(monkeypatch, *files, "--out", tmp_path / "rgb/0000s.png")


def test_two_videos_are_fused_frame_by_frame_as_long_as_both_last(tmp_path, monkeypatch, capsys):
    drawn = [scene(number, 64, 48) for number in range(3)]
    visible = video(tmp_path / "v.mp4", [one.visible[..., ::-1].copy() for one in drawn])
    thermal = video(tmp_path / "t.mp4", [np.repeat(one.thermal[..., None], 3, axis=2) for one in drawn[:2]])
    run(monkeypatch, "--visible", visible, "--thermal", thermal, "--out", tmp_path / "fused.mp4")
    said = f"2 fused frames in {tmp_path / 'fused.mp4'}; the thermal video ended after 2 of 3 frames\n"
    assert capsys.readouterr().out == said
    run(monkeypatch, "--visible", thermal, "--thermal", visible, "--out", tmp_path / "y.mp4")
    assert "; the visible video ended after 2 of 3 frames" in capsys.readouterr().out
    run(monkeypatch, "--visible", visible, "--thermal", visible, "--out", tmp_path / "y.mp4")
    assert "ended" not in capsys.readouterr().out
    back = cv2.VideoCapture(str(tmp_path / "fused.mp4"))
    assert (back.get(cv2.CAP_PROP_FRAME_COUNT), back.get(cv2.CAP_PROP_FPS)) == (2, 20.0)
    other = video(tmp_path / "o.mp4", [np.zeros((24, 32, 3), np.uint8)])
    with pytest.raises(SystemExit, match=r"o\.mp4 is 32x24 where .*v\.mp4 is 64x48"):
        run(monkeypatch, "--visible", visible, "--thermal", other, "--out", tmp_path / "x.mp4")
    monkeypatch.setattr("fusion.fuse._frame_count", lambda path: 1)  # as after a full disk
    with pytest.raises(SystemExit, match=r"x\.mp4 cannot be written whole"):
        run(monkeypatch, "--visible", visible, "--thermal", thermal, "--out", tmp_path / "x.mp4")
    assert not list(tmp_path.glob("*x*"))


def test_a_fused_video_overwrites_neither_of_its_sources(tmp_path, monkeypatch):
    frames = [np.full((48, 64, 3), 40, np.uint8)]
    visible, thermal = (video(tmp_path / f"{name}.mp4", frames) for name in ("v", "t"))
    (tmp_path / "link.mp4").symlink_to(thermal)
    before = [path.read_bytes() for path in (visible, thermal)]
    for name in ("v", "t", "link"):
        with pytest.raises(SystemExit, match=rf"{name}\.mp4 would be overwritten by its own fused video: give another"):
            run(monkeypatch, "--visible", visible, "--thermal", thermal, "--out", tmp_path / f"{name}.mp4")
    assert [path.read_bytes() for path in (visible, thermal)] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.mp4", "t.mp4", "v.mp4"]


def test_videos_of_another_rate_are_refused(tmp_path, monkeypatch):
    frames = [np.full((48, 64, 3), 40 * number, np.uint8) for number in range(3)]
    names = ("v", 30.0), ("ntsc", 29.97), ("t", 25.0)
    visible, ntsc, thermal = (video(tmp_path / f"{name}.mp4", frames, rate) for name, rate in names)
    run(monkeypatch, "--visible", visible, "--thermal", ntsc, "--out", tmp_path / "fused.mp4")
    says = r"v\.mp4 has 30 frames a second where .*t\.mp4 has 25 frames a second: bring both to one rate"
    with pytest.raises(SystemExit, match=says):
        run(monkeypatch, "--visible", visible, "--thermal", thermal, "--out", tmp_path / "x.mp4")


def test_no_fused_frame_comes_to_lie_beside_its_sources(tmp_path, monkeypatch):
    write(tmp_path / "set", count=1, seed=0, width=64, height=48)
    rgb = tmp_path / "set" / "rgb"
    cv2.imwrite(str(rgb / "0000s.jpg"), cv2.imread(str(rgb / "0000s.png")))
    (rgb / "0000s.png").unlink()
    for kind in ("rgb", "thermal", "clear"):
        with pytest.raises(SystemExit, match=f"{kind} holds frames that are to be fused: give another --out"):
            run(monkeypatch, "--data", tmp_path / "set", "--out", tmp_path / "set" / kind)
    assert [path.name for path in rgb.iterdir()] == ["0000s.jpg"]


def test_two_folders_are_fused_by_name(tmp_path, monkeypatch, capsys):
    write(tmp_path, count=2, seed=0, width=64, height=48)
    folders = ("--visible", tmp_path / "rgb", "--thermal", tmp_path / "thermal")
    run(monkeypatch, *folders, "--out", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0000s.png", "0001s.png"]
    assert "2 fused frames" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="are two images, two videos or two folders"):
        run(monkeypatch, *folders[:3], tmp_path / "thermal/0000s.png", "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "give either --data, or --visible and --thermal"),
        (["--visible", "a.png"], "give either --data, or --visible and --thermal"),
        (["--data", "none"], "no folder none"),
        (["--visible", "a.mp4", "--thermal", "b.mp4"], r"a fused video is an \.mp4 file"),
        (["--visible", "a.png", "--thermal", "b.png"], "a fused image ends in one of"),
        (["--data", "none", "--weights", "nope"], "no weights 'nope'"),
        (["--data", "none", "--threads", "0"], "--threads is 1 or more"),
    ],
)
def test_a_wrong_command_is_refused_in_one_line(tmp_path, monkeypatch, options, says):
    with pytest.raises(SystemExit, match=says) as caught:
        run(monkeypatch, *options, "--out", tmp_path / "out")
    assert "\n" not in str(caught.value)
