"""The seconds before an infraction as a film, RGB | thermal | fused side by side: VP8 in WebM, which browsers play."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from results.strips import PANEL_WIDTH, Moment, panel_height, row

FRAMES_PER_S = 10.0
# Matroska's element of that name: its id and its length, 16 bytes.
_SEGMENT_UID, _UID_BYTES = b"\x73\xa4\x90", 16


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
        return _named_by_content(path.read_bytes())


def _named_by_content(data: bytes) -> bytes:
    """The same pictures give the same bytes: the number that its writer has drawn for the file becomes one of them."""
    start = data.index(_SEGMENT_UID) + len(_SEGMENT_UID)
    rest = data[:start], data[start + _UID_BYTES :]
    return rest[0] + hashlib.sha256(b"".join(rest)).digest()[:_UID_BYTES] + rest[1]


def _even(picture: np.ndarray) -> np.ndarray:
    """VP8 halves its colours: an odd last row or column is left out."""
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[: height - height % 2, : width - width % 2])
