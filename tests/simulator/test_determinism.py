"""The proof of determinism, in small, and that it can fail."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import determinism

SMALL = ["--ticks", "60", "--vehicles", "4", "--walkers", "3", "--image", "64x40"]


def test_two_servers_driven_alike_are_alike_bit_for_bit(capsys: pytest.CaptureFixture[str]) -> None:
    assert determinism.main(SMALL) == 0
    said = capsys.readouterr().out
    assert "4 vehicles, 3 walkers" in said
    assert said.splitlines()[-1] == "the same, bit for bit"


class Drive:
    """What a drive says, without a server."""

    def __init__(self, *pixels: str) -> None:
        self._lines: list[dict[str, Any]] = [{"vehicles": 1, "walkers": 0}]
        self._lines += [{"tick": 100 * (k + 1), "snapshots": "s" * 64, "pixels": text} for k, text in enumerate(pixels)]
        self.client = self

    def line(self) -> dict[str, Any] | None:
        return self._lines.pop(0) if self._lines else None

    def wait(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("first", "second", "code"), [("ab", "ab", 0), ("ab", "ac", 1), ("ab", "a", 2)], ids=["same", "differs", "ended"]
)
def test_a_difference_or_an_early_end_is_told(first: str, second: str, code: int) -> None:
    drives: list[Any] = [Drive(*first), Drive(*second)]
    assert determinism._compare(drives) == code
