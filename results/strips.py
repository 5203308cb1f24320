"""Strips of RGB | thermal | fused frames around an infraction, one row per moment, as one JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

PANEL_WIDTH = 320
_GAP = 4
_BAND = 22
_QUALITY = 82
_BACKGROUND = 24


@dataclass(frozen=True)
class Moment:
    """Frames of one instant, all of one camera. `rgb` and `fused` are (H, W, 3) or (H, W, 4) uint8, blue first as CARLA
    delivers them; `thermal` is (H, W) uint8. None where an arm does not make that frame. `label` names the instant
    ("1.0 s before"), `before_s` how long before what is shown it was, `made` what stands in the place of `fused`."""

    label: str
    rgb: NDArray[np.uint8] | None
    thermal: NDArray[np.uint8] | None
    fused: NDArray[np.uint8] | None
    before_s: float = 0.0
    made: str = "fused"


def strip_jpeg(moments: Sequence[Moment], panel_width: int = PANEL_WIDTH) -> bytes:
    """The moments from top to bottom in the order given."""
    picture = strip_picture(moments, panel_width)
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ValueError(f"no JPEG could be made of a strip of shape {picture.shape}")
    return data.tobytes()


def strip_picture(moments: Sequence[Moment], panel_width: int = PANEL_WIDTH) -> NDArray[np.uint8]:
    """The same before it is a file: (H, W, 3) uint8, blue first."""
    if not moments:
        raise ValueError("a strip needs at least one moment")
    height = max(panel_height(moment, panel_width) for moment in moments)
    rows = [row(moment, panel_width, height) for moment in moments]
    gap = np.full((_GAP, rows[0].shape[1], 3), _BACKGROUND, np.uint8)
    return np.concatenate([part for row in rows for part in (row, gap)][:-1])


def panel_height(moment: Moment, width: int) -> int:
    """In px, of a panel that is `width` px wide."""
    for frame in (moment.rgb, moment.thermal, moment.fused):
        if frame is not None:
            return max(1, round(width * frame.shape[0] / frame.shape[1]))
    raise ValueError(f"moment {moment.label!r} of a strip has no frame at all")


def row(moment: Moment, width: int, height: int) -> NDArray[np.uint8]:
    """RGB | thermal | fused of one moment, three panels of `width` x `height` px: (H, W, 3) uint8, blue first."""
    panels = [
        _panel(frame, name, moment.label, width, height)
        for name, frame in (("RGB", moment.rgb), ("thermal", moment.thermal), (moment.made, moment.fused))
    ]
    gap = np.full((height, _GAP, 3), _BACKGROUND, np.uint8)
    return np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1)


def _panel(frame: NDArray[np.uint8] | None, name: str, label: str, width: int, height: int) -> NDArray[np.uint8]:
    if frame is None:
        panel = np.full((height, width, 3), _BACKGROUND, np.uint8)
        return _written(panel, f"{name}: not made in this arm")
    colour = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) if frame.ndim == 2 else np.ascontiguousarray(frame[..., :3])
    panel = np.asarray(cv2.resize(colour, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return _written(panel, f"{name}  {label}".rstrip())


def _written(panel: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """White on a darkened band: readable on fog and on night alike."""
    panel[:_BAND] = panel[:_BAND] // 3
    cv2.putText(panel, text, (7, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return panel
