import argparse
from dataclasses import dataclass, fields
from typing import Any

import pytest

from fusion import train_teacher
from fusion.training import student_recipe
from fusion.training.recipe import add_options, from_options, option


@dataclass(frozen=True)
class Recipe:
    steps: int = option(20, "training steps")
    name: str = option("", "of the run")
    routing: bool = option(True, "of the letters")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_options(made, Recipe())
    return made


def test_options_say_what_they_mean_and_what_they_are_unless_given() -> None:
    said = " ".join(parser().format_help().split())
    assert "--steps N training steps (default: 20)" in said
    assert "--name TEXT of the run (default: none)" in said
    given = vars(parser().parse_args(["--steps", "3", "--no-routing"]))
    assert from_options(Recipe(), given) == Recipe(steps=3, routing=False)


@pytest.mark.parametrize("recipe", [student_recipe.Recipe, train_teacher.Recipe])
def test_every_option_of_the_trainers_is_explained(recipe: Any) -> None:
    assert [one.name for one in fields(recipe) if not one.metadata.get("help")] == []
    made = argparse.ArgumentParser()
    add_options(made, recipe())
    made.format_help()  # fails on a stray percent sign
