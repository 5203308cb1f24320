from pathlib import Path

from fusion.evaluation.compared import fusions
from fusion.student import Student
from fusion.weights.tensors import save_student


def test_students_of_the_same_file_name_are_told_apart(tmp_path):
    names = [str(tmp_path / run / "student.safetensors") for run in ("one", "two")]
    for name in names:
        Path(name).parent.mkdir()
        save_student(Student(), Path(name))
    assert [f"student {name}" for name in names] == list(fusions(names))[-2:]
    assert list(fusions(["sim", names[0]]))[-2:] == ["student sim", "student student"]
