"""How the plots look; drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes as Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

COLOURS = ("#1f5fa8", "#d1702a", "#2e8b57", "#9c3587", "#6b6b6b")
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "axes.titlesize": 9,
    "lines.markersize": 4,
}


def plot(path: Path, draw: object, *arguments: object, columns: int = 1) -> Path:
    """Draws with `draw(axes, ...)`, one call per plot, and writes a PNG."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(4.8 * columns, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, columns)
        draw(axes, *arguments)  # type: ignore[operator]
        figure.savefig(path, dpi=110, metadata={"Software": None})
    return path


def plain_ticks(axes: Axes, x: Sequence[float] | None, y: Sequence[float] | None) -> None:
    """Written-out numbers on logarithmic axes."""
    for axis, places in ((axes.xaxis, x), (axes.yaxis, y)):
        if places is not None:
            axis.set_ticks(list(places))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
