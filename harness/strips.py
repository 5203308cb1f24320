"""Strips of RGB | thermal | fused frames around an infraction, for the report."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

# How long before the infraction the frames of a strip were taken.
BEFORE_S = (1.0, 0.5, 0.0)
WIDTH_PX = 320
_LABELS = ("RGB", "thermal", "fused")


@dataclass(frozen=True)
class Triple:
    """One camera at one tick: RGB and fused as (H, W, 4) uint8 BGRA, thermal as (H, W) uint8."""

    time_s: float
    rgb: NDArray[np.uint8]
    thermal: NDArray[np.uint8]
    fused: NDArray[np.uint8]


class StripRecorder:
    """Keeps the last second of one camera, small, and writes a strip when asked.

    `keep` wants every tick; the frames are shrunk at once, so that memory stays at a few MB.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._last: deque[tuple[float, NDArray[np.uint8]]] = deque(maxlen=24)

    def keep(self, triple: Triple) -> None:
        panels = (triple.rgb[..., :3], cv2.cvtColor(triple.thermal, cv2.COLOR_GRAY2BGR), triple.fused[..., :3])
        self._last.append((triple.time_s, np.concatenate([_shrink(panel) for panel in panels], axis=1)))

    def write(self, name: str, time_s: float) -> Path | None:
        """Writes `name`.jpg with one row per time of `BEFORE_S`; None when no frame was kept yet."""
        if not self._last:
            return None
        rows = []
        for before_s in BEFORE_S:
            at_s, row = min(self._last, key=lambda kept: abs(kept[0] - (time_s - before_s)))
            rows.append(_labelled(row, f"{at_s - time_s:+.2f} s"))
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}.jpg"
        done, data = cv2.imencode(".jpg", np.concatenate(rows, axis=0), [cv2.IMWRITE_JPEG_QUALITY, 85])
        assert done
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(data.tobytes())
        unfinished.replace(path)
        return path


def _shrink(panel: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height = round(panel.shape[0] * WIDTH_PX / panel.shape[1])
    return cv2.resize(np.ascontiguousarray(panel), (WIDTH_PX, height), interpolation=cv2.INTER_AREA)


def _labelled(row: NDArray[np.uint8], when: str) -> NDArray[np.uint8]:
    row = row.copy()
    for column, label in enumerate(_LABELS):
        text = f"{label}  {when}" if column == 0 else label
        for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):  # outlined, to be read on any picture
            cv2.putText(
                row, text, (column * WIDTH_PX + 6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness, cv2.LINE_AA
            )
    return row
