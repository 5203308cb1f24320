"""The seconds before an infraction as a film, RGB | thermal | fused side by side: VP8 in WebM, which browsers play."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from results.strips import PANEL_WIDTH, Moment, panel_height, row

FRAMES_PER_S = 10.0
# Matroska's element TrackUID: its id and its length.
_UID_BYTES = 8
_TRACK_UID = b"\x73\xc5\x88"


def film_webm(moments: Sequence[Moment], panel_width: int = PANEL_WIDTH) -> bytes:
    """One frame a moment, in the order given, `FRAMES_PER_S` a second; empty where OpenCV was built without VP8."""
    if not moments:
        raise ValueError("a film needs at least one moment")
    height = max(panel_height(moment, panel_width) for moment in moments)
    frames = [_even(row(moment, panel_width, height)) for moment in moments]
    size = frames[0].shape[1], frames[0].shape[0]
    with tempfile.TemporaryDirectory(prefix="nightloop-film-") as folder:  # OpenCV writes to files alone
        path = Path(folder) / "film.webm"
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), FRAMES_PER_S, size)
        if not writer.isOpened():
            return b""
        for frame in frames:
            writer.write(frame)
        writer.release()
        return _without_chance(path.read_bytes())


def _without_chance(data: bytes) -> bytes:
    """The same pictures give the same bytes: the number that its writer draws for a track becomes 1."""
    _, found, rest = data.partition(_TRACK_UID)
    return data.replace(rest[:_UID_BYTES], (1).to_bytes(_UID_BYTES, "big")) if found else data


def _even(picture: np.ndarray) -> np.ndarray:
    """VP8 halves its colours: an odd last row or column is left out."""
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[: height - height % 2, : width - width % 2])
