"""Strips of RGB | thermal | fused frames around an infraction, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# How long before the infraction the frames of a strip were taken, in the order of its rows.
BEFORE_S = (1.0, 0.5, 0.0)
WIDTH_PX = 320
_LABELS = ("RGB", "thermal", "fused")


@dataclass(frozen=True, eq=False)
class Triple:
    """One camera at one tick: RGB and fused as (H, W, 4) uint8 BGRA, thermal as (H, W) uint8."""

    time_s: float
    rgb: NDArray[np.uint8]
    thermal: NDArray[np.uint8]
    fused: NDArray[np.uint8]


def nearest(times_s: Sequence[float], event_s: float) -> list[int]:
    """Which of the kept ticks a strip shows, oldest first, without repeats."""
    chosen = [min(range(len(times_s)), key=lambda i: abs(times_s[i] - (event_s - before))) for before in BEFORE_S]
    return sorted(set(chosen))


def strip_jpeg(triples: Sequence[Triple], event_s: float) -> bytes:
    """A JPEG with one row per tick, each RGB | thermal | fused."""
    rows = []
    for triple in triples:
        panels = (triple.rgb[..., :3], cv2.cvtColor(triple.thermal, cv2.COLOR_GRAY2BGR), triple.fused[..., :3])
        row = np.concatenate([_shrunk(panel) for panel in panels], axis=1)
        rows.append(_labelled(row, f"{triple.time_s - event_s:+.2f} s"))
    done, data = cv2.imencode(".jpg", np.concatenate(rows, axis=0), [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return data.tobytes()


def _shrunk(panel: NDArray[Any]) -> NDArray[Any]:
    height = round(panel.shape[0] * WIDTH_PX / panel.shape[1])
    return cv2.resize(np.ascontiguousarray(panel), (WIDTH_PX, height), interpolation=cv2.INTER_AREA)


def _labelled(row: NDArray[Any], when: str) -> NDArray[Any]:
    for column, label in enumerate(_LABELS):
        text = f"{label}  {when}" if column == 0 else label
        at = (column * WIDTH_PX + 6, 16)
        for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):  # outlined, to be read on any picture
            cv2.putText(row, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness, cv2.LINE_AA)
    return row
