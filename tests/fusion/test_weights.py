import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import fusion
from fusion import FusionError, FusionProxy
from fusion.shape import StudentConfig
from fusion.student import Student, parameter_count
from fusion.weights import shipped
from fusion.weights.arrays import KIND
from fusion.weights.tensors import load_student, metadata_of, save_student

SHIPPED = Path(fusion.__file__).parent / "weights" / "sim.safetensors"


def test_the_student_has_fewer_than_half_a_million_parameters():
    assert parameter_count(Student()) < 500_000
    assert parameter_count(FusionProxy.from_pretrained("sim").student) < 500_000


def test_the_default_is_sim():
    assert FusionProxy.from_pretrained().checksum == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", shipped())
def test_shipped_weights_load_by_name_carry_their_checksum_and_have_a_card(name):
    proxy = FusionProxy.from_pretrained(name)
    card = SHIPPED.with_name(f"{name}.md").read_text()
    assert proxy.checksum in card
    assert f"{parameter_count(proxy.student):,} parameters" in card


def test_real_weights_show_what_is_warm_and_leave_the_rest_of_a_photograph():
    visible = np.tile(np.linspace(20, 90, 128, dtype=np.uint8)[None, :, None], (96, 1, 3))
    thermal = np.full((96, 128), 70, np.uint8)
    thermal[30:80, 60:70] = 220
    fused = FusionProxy.from_pretrained("real")(visible, thermal).astype(float)
    assert fused[40:70, 62:68].mean() > visible[40:70, 62:68].mean() + 15.0
    assert np.abs(fused[:, :40] - visible[:, :40]).mean() < 20.0


def test_shipped_weights_do_something_and_keep_colour():
    rng = np.random.default_rng(0)
    visible = np.zeros((96, 128, 3), np.uint8)
    visible[:] = (30, 40, 50)
    visible[48:, :64] = (20, 20, 120)  # a red car, BGR
    thermal = np.full((96, 128), 70, np.uint8)
    thermal[30:80, 80:90] = 200
    thermal += rng.integers(0, 4, thermal.shape, dtype=np.uint8)
    fused = FusionProxy.from_pretrained("sim")(visible, thermal).astype(float)
    # Where only the thermal frame sees something, it is there to see afterwards.
    person, beside = fused[40:70, 82:88], fused[40:70, 100:110]
    assert np.abs(person.mean(axis=(0, 1)) - beside.mean(axis=(0, 1))).max() > 8.0
    car = fused[60:90, 10:50].mean(axis=(0, 1))
    assert car[2] > car[0] + 10.0


def test_saved_weights_come_back_the_same(tmp_path):
    student = Student(StudentConfig(bins=4, fine=8, middle=16, coarse=16, blocks=1))
    save_student(student, tmp_path / "own.safetensors")
    loaded = load_student(tmp_path / "own.safetensors")
    assert loaded.config == student.config
    blind = Student(StudentConfig(thermal=0))
    save_student(blind, tmp_path / "blind.safetensors")
    assert load_student(tmp_path / "blind.safetensors").config == blind.config
    for name, tensor in student.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    assert FusionProxy.from_pretrained(tmp_path / "own.safetensors").checksum


def test_in_files_of_before_the_last_lane_means_nothing(tmp_path):
    """They hold what it was drawn with at first; no training ever reached it."""
    torch.manual_seed(0)
    student = Student()
    save_student(student, tmp_path / "new.safetensors")
    sizes = {key: value for key, value in json.loads(metadata_of(student.config)[KIND]).items() if key != "lanes"}
    save_file(student.state_dict(), tmp_path / "old.safetensors", {KIND: json.dumps(sizes)})
    new, old = (load_student(tmp_path / f"{name}.safetensors").network.head for name in ("new", "old"))
    last = torch.arange(len(new.bias)) % 16 == 15
    assert new.weight[last].abs().max() > 0.0
    assert old.weight[last].abs().max() == 0.0
    assert torch.equal(old.weight[~last], new.weight[~last])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("missing", "no weights"),
        ("truncated", "cannot be read"),
        ("text", "cannot be read"),
        ("foreign", "not those of a FusionProxy student"),
        ("sizes", "do not say the student's sizes"),
        ("no knot", "knots = 0: at least 1 is needed"),
        ("shape", "has shape"),
        ("lacking", "lack the tensor"),
        ("extra", "unknown tensor"),
        ("nan", "NaN"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_in_one_line(tmp_path, damage, says):
    path = tmp_path / "weights.safetensors"
    tensors = load_file(SHIPPED)
    metadata = metadata_of(StudentConfig())
    if damage == "shape":
        tensors["curves"] = tensors["curves"][:, :-1].contiguous()
    if damage == "lacking":
        del tensors["curves"]
    if damage == "extra":
        tensors["surplus"] = torch.zeros(1)
    if damage == "nan":
        tensors["curves"][0, 0] = torch.nan
    if damage == "foreign":
        metadata = {}
    if damage == "sizes":
        metadata[KIND] = '{"bins": "many"}'
    if damage == "no knot":
        metadata = metadata_of(StudentConfig(knots=0))
    if damage != "missing":
        save_file(tensors, path, metadata)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-1000])
    if damage == "text":
        path.write_text("not weights at all")
    with pytest.raises(FusionError, match=says) as refusal:
        FusionProxy.from_pretrained(path)
    assert "\n" not in str(refusal.value)


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(FusionError, match="sim"):
        FusionProxy.from_pretrained("moon")
