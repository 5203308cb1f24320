"""What the parameters of hazards may be: numbers within limits, words of a few, models of a kind.

The limits are wide: beyond them nobody would meet the hazard, and a drive without one scores as well as a good one.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from scenarios.errors import ScenarioError
from scenarios.specs import ScenarioSpec


class Parameter(Protocol):
    def check(self, spec: ScenarioSpec, name: str) -> None:
        """ScenarioError where the value that a file gives is none of these; a default is never looked at."""
        ...


@dataclass(frozen=True)
class Within(Parameter):
    """A number, in the unit that the hazard's module names."""

    least: float
    most: float

    def check(self, spec: ScenarioSpec, name: str) -> None:
        value = spec.number(name, self.least)
        if not self.least <= value <= self.most:
            raise ScenarioError(
                f"{spec.source}: <{name}> of {spec.name}: {value:g} is not within {self.least:g} to {self.most:g}"
            )


@dataclass(frozen=True)
class OneOf(Parameter):
    words: tuple[str, ...]

    def check(self, spec: ScenarioSpec, name: str) -> None:
        spec.choice(name, self.words[0], self.words)


@dataclass(frozen=True)
class Model(Parameter):
    """A blueprint's id, or a pattern of ids, that begins as one of `kinds`; with `or_none` also "none" or nothing."""

    kinds: tuple[str, ...]
    or_none: bool = False

    def check(self, spec: ScenarioSpec, name: str) -> None:
        value = spec.text(name, "")
        if not (value.startswith(self.kinds) or self._is_none(value)):
            possible = [f"{kind}*" for kind in self.kinds] + ["none"] * self.or_none
            raise ScenarioError(f"{spec.source}: <{name}> of {spec.name}: {value!r} is none of {', '.join(possible)}")

    def check_known(self, spec: ScenarioSpec, name: str, known: Collection[str]) -> None:
        """ScenarioError where a server with the blueprints `known` has none of this id, which `check` let pass."""
        value = spec.text(name, "")
        if self._is_none(value) or fnmatch.filter(known, value):  # CARLA's library takes patterns as well
            return
        raise ScenarioError(
            f"{spec.source}: <{name}> of {spec.name}: there is no blueprint {value!r}{self._hint(value, known)}"
        )

    def _hint(self, value: str, known: Iterable[str]) -> str:
        kind = next(kind for kind in self.kinds if value.startswith(kind))
        rest = sorted(model.removeprefix(kind) for model in known if model.startswith(kind))
        if meant := difflib.get_close_matches(value.removeprefix(kind), rest, n=1, cutoff=0.6):
            return f": did you mean {kind}{meant[0]}?"
        return f": those of {kind}* go from {rest[0]} to {rest[-1]}" if rest else ""

    def _is_none(self, value: str) -> bool:
        return self.or_none and value in ("", "none")


VEHICLE = Model(("vehicle.",))
WALKER = Model(("walker.pedestrian.",))
