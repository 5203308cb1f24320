from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion.errors import FusionError
from fusion.files import append, make_folder, whole, write_image, write_text
from fusion.shape import StudentConfig
from fusion.student import Student
from fusion.teacher.conditional import save_teacher
from fusion.teacher.diffusion import DiffusionConfig
from fusion.teacher.network import NetworkConfig, TeacherNetwork
from fusion.training.checkpoint import load_checkpoint, save_checkpoint
from fusion.weights.tensors import load_student, save_student


def test_a_disk_that_fills_up_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    write_text(file, "before")

    def half_written() -> None:
        with whole(file) as partial:
            partial.write_text("hal")
            raise OSError(28, "No space left on device")

    with pytest.raises(FusionError, match=r"manifest\.json cannot be written: No space left on device"):
        half_written()
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lost = tmp_path / "none" / "log.csv"
    for write in (
        lambda: append(lost, "1\n"),
        lambda: write_image(lost.with_suffix(".png"), np.zeros((4, 4, 3), np.uint8)),
        lambda: make_folder(tmp_path / "file" / "inside"),
        lambda: save_student(Student(StudentConfig(fine=8, middle=8, coarse=8)), lost.with_suffix(".safetensors")),
    ):
        with pytest.raises(FusionError, match=r"cannot be (written|made)") as caught:
            write()
        assert "\n" not in str(caught.value)


def test_weights_are_as_open_as_other_files(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    write_text(tmp_path / "recipe.json", "{}")
    save_student(Student(StudentConfig(fine=8, middle=8, coarse=8)), tmp_path / "student.safetensors")
    save_teacher(TeacherNetwork(NetworkConfig((8,))), DiffusionConfig(), tmp_path / "teacher.safetensors")
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    picture = np.full((4, 6, 3), 7, np.uint8)
    write_image(tmp_path / "grid.png", picture)
    assert (cv2.imread(str(tmp_path / "grid.png")) == picture).all()
    save_student(Student(), tmp_path / "student.safetensors")
    load_student(tmp_path / "student.safetensors")
    layer = torch.nn.Linear(2, 2)
    save_checkpoint(tmp_path, {"layer": layer}, {"seed": 0}, 3)
    assert load_checkpoint(tmp_path, {"layer": layer}, {"seed": 0}) == 3
