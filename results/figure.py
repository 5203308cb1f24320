"""matplotlib figures as inline SVG that takes its colours and its type from the page around it.

Colours are drawn as placeholders and then replaced by the page's CSS variables, so that one figure serves light, dark
and print. Ids that matplotlib numbers anew in every figure are dropped; the others are hashes of what they name.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from html import escape
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from results.arms import BASELINE, CEILING, TREATMENT

INK, MUTED, GRID, PAPER = "#010203", "#040506", "#070809", "#0a0b0c"
_ARM_PLACEHOLDERS = tuple(f"#10000{number}" for number in range(1, 10))
KNOWN_ARMS = (BASELINE, TREATMENT, CEILING)

_RC: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and in the page's own typeface
    "svg.hashsalt": "nightloop",
    "font.size": 11,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "text.color": INK,
    "text.parse_math": False,  # names are the user's
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "grid.color": GRID,
    "lines.solid_capstyle": "round",
}

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    **{colour: f"var(--arm{number})" for number, colour in enumerate(_ARM_PLACEHOLDERS)},
}
_COLOUR = re.compile("|".join(map(re.escape, _VARIABLES)))
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<metadata>.*?</metadata>|<style.*?</style>", re.S), ""),  # a style here would reach the whole page
    (re.compile(r' id="[A-Za-z0-9]+(?:\.[A-Za-z]+)?_\d+"'), ""),
    (re.compile(r"font: (bold|\d+) "), r"font-weight: \1; font: "),
    (re.compile(r"font: ([\d.]+px) "), r"font-size: \1; font-family: "),
    (re.compile(r"font-family: [^;\"]*"), "font-family: inherit"),
    (re.compile(r' transform="rotate\(-0 [^"]*\)"'), ""),
    (re.compile(r"<path d=\"[^\"]*\" style=\"fill: none\"/>"), ""),  # backgrounds that are not painted
    (re.compile(r"(\d\.\d\d)\d+"), r"\1"),
    (re.compile(r"\s+"), " "),
)


def arm_number(arm: str, arms: Sequence[str]) -> int:
    """Which of the page's arm colours an arm has: the known arms always the same one, others the next free."""
    if arm in KNOWN_ARMS:
        return KNOWN_ARMS.index(arm)
    others = [name for name in arms if name not in KNOWN_ARMS]
    free = len(_ARM_PLACEHOLDERS) - len(KNOWN_ARMS)
    return len(KNOWN_ARMS) + others.index(arm) % free


def arm_colour(arm: str, arms: Sequence[str]) -> str:
    return _ARM_PLACEHOLDERS[arm_number(arm, arms)]


def style() -> AbstractContextManager[None]:
    """Everything is drawn within this."""
    return matplotlib.rc_context(_RC)


def canvas(width_px: float, height_px: float) -> Figure:
    """An empty drawing; sizes and type in px of the page where it is shown unscaled."""
    return Figure(figsize=(width_px / 72.0, height_px / 72.0), dpi=72)


def svg(figure: Figure, title: str, enlarged: float = 1.0) -> str:
    """The figure as an <svg> element that shrinks with its container and grows up to `enlarged` times its size: what
    must be legible on a phone is drawn small and enlarged on a wide page. `title` is read out by screen readers."""
    out = io.StringIO()
    FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    body = out.getvalue().split("<svg", 1)[1].split(">", 1)[1]
    for pattern, replacement in _SHAPES:
        body = pattern.sub(replacement, body)
    body = _COLOUR.sub(lambda match: _VARIABLES[match.group(0)], body)
    width, height = (72.0 * inches for inches in figure.get_size_inches())
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" style="width:100%;max-width:{width * enlarged:g}px" role="img" '
        f'aria-label="{escape(title, quote=True)}" stroke-linejoin="round" overflow="visible" '
        f'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{body.strip()}'
    )
