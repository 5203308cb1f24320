"""Figures as they are written to files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def rounded(value: Any) -> Any:
    """Six digits, as the leaderboard rounds scores; below that lies the order in which sums were taken."""
    if isinstance(value, float):
        return round(value, 6) + 0.0  # + 0.0 turns -0.0 into 0.0
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value
