from dataclasses import asdict
from typing import Any

import pytest

from fusion import limits, train_teacher
from fusion.errors import FusionError
from fusion.training import student_recipe


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("batch", -1),
        ("log_every", 0),
        ("every", 0),
        ("workers", -1),
        ("seed", -1),
        ("patch_px", 5),
        ("ema", 1.5),
        ("anchor_share", 7.0),
        ("held_out", float("nan")),
        ("tau_pix", 0.0),
        ("learning_rate", float("inf")),
        ("lambda_feat", -1.0),
        ("drift_px", 31.0),
        ("drift_deg", 10.5),
        ("drift_px", float("inf")),
        ("device", "foo"),
    ],
)
def test_an_option_that_cannot_be_is_named_in_one_line(name: str, value: Any) -> None:
    with pytest.raises(FusionError, match=f"^--{name.replace('_', '-')} ") as caught:
        limits.check({name: value})
    assert "\n" not in str(caught.value)


def test_a_command_may_need_more_than_the_table_says() -> None:
    limits.check({"samples": 0})
    with pytest.raises(FusionError, match="--samples is 1 or more, not 0"):
        limits.check({"samples": 0}, samples=1)


@pytest.mark.parametrize("recipe", [student_recipe.Recipe(), train_teacher.Recipe()])
def test_every_number_of_a_recipe_has_its_limits(recipe: Any) -> None:
    known = {*limits.LEAST, *limits.SHARES, *limits.POSITIVE, *limits.NOT_NEGATIVE}
    numbers = {name for name, value in asdict(recipe).items() if type(value) in (int, float)}
    assert numbers <= known
    limits.check(asdict(recipe))


def test_a_card_that_is_not_there_is_named_without_touching_one_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    limits.check({"device": "cuda"})
    with pytest.raises(FusionError, match="--device cuda:1 cannot be used here: no such CUDA device is available"):
        limits.check({"device": "cuda:1"})
