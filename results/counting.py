"""Numbers with their noun."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """As "1 route" or "2 routes"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
