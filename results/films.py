"""The seconds before an infraction as a film: RGB | thermal | fused side by side, an animated WebP for browsers."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from results.strips import PANEL_WIDTH, Moment, panel_height, row

FRAMES_PER_S = 10.0
# The event itself stands still for a moment before the film begins again.
_LAST_MS = 1200
_QUALITY = 40


def film_webp(moments: Sequence[Moment], panel_width: int = PANEL_WIDTH) -> bytes:
    """One frame a moment, in the order given, `FRAMES_PER_S` a second; over and over."""
    if not moments:
        raise ValueError("a film needs at least one moment")
    height = max(panel_height(moment, panel_width) for moment in moments)
    frames = [Image.fromarray(row(moment, panel_width, height)[..., ::-1]) for moment in moments]
    film = io.BytesIO()
    frames[0].save(
        film,
        format="WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=[round(1000.0 / FRAMES_PER_S)] * (len(frames) - 1) + [_LAST_MS],
        loop=0,
        quality=_QUALITY,
    )
    return film.getvalue()
