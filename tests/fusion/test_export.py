import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

from fusion import FusionError
from fusion.export import export, main
from fusion.runtimes import load
from fusion.shape import StudentConfig
from fusion.student import Student


@pytest.fixture(scope="module")
def student() -> Student:
    """A small one, far from the identity it starts as."""
    torch.manual_seed(0)
    student = Student(StudentConfig(bins=4, fine=8, middle=16, coarse=16, blocks=1)).eval().requires_grad_(False)
    for parameter in student.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.05)
    return student


def frames(batch: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((batch, 3, height, width), np.float32), rng.random((batch, 1, height, width), np.float32)


@pytest.fixture(scope="module", params=[("onnx", "s.onnx"), ("openvino", "s.xml")], ids=["onnx", "openvino"])
def exported(request, student, tmp_path_factory) -> tuple[Path, str, float]:
    """The student's file in each format, the format's name, and how far it is from PyTorch, grey levels."""
    form, name = request.param
    out = tmp_path_factory.mktemp(form) / name
    return out, form, export(student, out, form)


def weights_bytes(out: Path) -> int:
    """The size of the file that holds the weights: OpenVINO writes them beside the graph."""
    return (out.with_suffix(".bin") if out.suffix == ".xml" else out).stat().st_size


def test_an_exported_student_takes_any_size_and_batch(student, exported):
    out, _, difference = exported
    assert difference < 0.01
    run = load(out)
    for shape in ((1, 1, 1), (3, 37, 50), (1, 64, 96)):
        visible, thermal = frames(*shape)
        expected = student(torch.from_numpy(visible), torch.from_numpy(thermal)).clamp(0.0, 1.0).numpy()
        if thermal.std() > 0.01:
            assert np.abs(run(visible, thermal) - expected).max() < 1e-4
        assert np.array_equal(run(visible, thermal * 0.0), visible)
    assert not list(out.parent.glob(".export-*"))


@pytest.mark.parametrize(("precision", "levels", "size"), [("fp16", 2.0, 0.8), ("int8", 40.0, 0.75)])
def test_smaller_numbers_are_near_and_make_a_smaller_file(student, exported, precision, levels, size, tmp_path):
    whole, form, _ = exported
    difference = export(student, tmp_path / whole.name, form, precision)
    assert 0.0 < difference < levels
    assert weights_bytes(tmp_path / whole.name) < size * weights_bytes(whole)


@pytest.mark.parametrize(
    ("name", "says"), [("s.onnx", "no exported student"), ("s.pt", "ends neither in"), ("bad.onnx", "cannot be run")]
)
def test_a_file_that_cannot_be_run_is_named_in_one_line(name, says, tmp_path):
    (tmp_path / "bad.onnx").write_text("not a graph")
    with pytest.raises(FusionError, match=says) as refusal:
        load(tmp_path / name)
    assert "\n" not in str(refusal.value)


def test_a_runner_refuses_what_it_cannot_fuse(student, tmp_path):
    export(student, tmp_path / "s.onnx")
    run = load(tmp_path / "s.onnx")
    visible, thermal = frames(1, 32, 40)
    for bad, says in (
        ((visible, thermal[..., 1:]), "beside a visible frame"),
        ((visible.astype(np.float64), thermal), "float32, not float64"),
        ((visible, thermal * np.nan), "NaN"),
        ((visible[0], thermal), r"\(B, 3, H, W\)"),
    ):
        with pytest.raises(FusionError, match=says):
            run(*bad)


def test_the_command_says_how_near_it_came_and_refuses_a_wrong_ending(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["", "--out", str(tmp_path / "s.onnx")])
    main()
    assert "grey levels from PyTorch" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["", "--out", str(tmp_path / "s.xml")])
    with pytest.raises(SystemExit, match=r"^fusion\.export: a file of the format onnx ends in \.onnx"):
        main()


def test_weights_that_look_at_no_thermal_frame_are_not_exported(tmp_path):
    with pytest.raises(FusionError, match="trained without thermal frames"):
        export(Student(StudentConfig(thermal=0)), tmp_path / "student.onnx")


def test_what_would_be_ignored_or_cannot_be_written_is_said(student, tmp_path):
    with pytest.raises(FusionError, match="--calibrate is for --int8"):
        export(student, tmp_path / "student.onnx", calibrate=[tmp_path])
    with pytest.raises(FusionError, match=r"student\.onnx cannot be written"):
        export(student, Path("/proc/student.onnx"))


def test_a_path_may_be_a_string_and_a_device_that_is_not_there_is_named(student, tmp_path, monkeypatch):
    export(student, tmp_path / "student.onnx")
    path = str(tmp_path / "student.onnx")
    assert load(path)(np.zeros((1, 3, 8, 8), np.float32), np.zeros((1, 1, 8, 8), np.float32)).shape == (1, 3, 8, 8)
    with pytest.raises(FusionError, match="is one of cpu, cuda, tensorrt, not 'foo'"):
        load(path, device="foo")
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(FusionError, match="has no TensorrtExecutionProvider here"):
        load(path, device="tensorrt")
