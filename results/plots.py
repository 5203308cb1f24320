"""The pictures of the report: scores, pairs, maps and timelines, each a function from figures to inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from results import figure
from results.figure import GRID, INK, MUTED, PAPER
from results.traces import Trace
from results.wording import signed


@dataclass(frozen=True)
class DrivenTrace:
    arm: str
    seed: int
    trace: Trace


@dataclass(frozen=True)
class Mark:
    """An infraction on a map or timeline: its `number` in the list beside the picture, where (m) and when (s)."""

    number: int
    arm: str
    xy: tuple[float, float]
    time_s: float


def scores_svg(scores: Mapping[str, Sequence[float]], difference: float | None, ci95: Sequence[float] | None) -> str:
    """Bars of the mean driving score per arm with a dot per episode; below, the paired difference with its interval."""
    arms = list(scores)
    with figure.style():
        row, top, bottom = 44.0, 8.0, 30.0
        bars_height = row * len(arms)
        below = 92.0 if difference is not None else 0.0
        height = top + bars_height + bottom + below
        fig = figure.canvas(680, height)
        axes = _placed(fig, 680, height, left=92, top=top, width=530, height=bars_height)
        for number, arm in enumerate(arms):
            mean, colour = float(np.mean(scores[arm])), figure.arm_colour(arm, arms)
            axes.barh(number, mean, height=0.56, color=colour, alpha=0.85, linewidth=0)
            axes.scatter(scores[arm], _spread(number, scores[arm]), s=12, color=INK, alpha=0.55, linewidth=0, zorder=3)
            axes.text(103, number, f"{mean:.1f}", va="center", fontsize=17, fontweight="bold", color=INK, clip_on=False)
            axes.text(-1.5, number, arm, va="center", ha="right", fontsize=14, fontweight="bold", color=colour)
        axes.set(xlim=(0, 100), ylim=(len(arms) - 0.5, -0.5), yticks=[], xlabel="driving score (mean; dots are drives)")
        _quiet(axes, left=False)
        axes.grid(True, axis="x")
        if difference is not None:
            below_axes = _placed(fig, 680, height, left=92, top=top + bars_height + bottom + 34, width=530, height=22)
            _difference(below_axes, difference, ci95)
        told = ", ".join(f"{arm} {np.mean(values):.1f}" for arm, values in scores.items())
        return figure.svg(fig, f"Mean driving score per arm: {told}")


def pairs_svg(routes: Sequence[tuple[str, Mapping[str, Sequence[float]]]], arms: Sequence[str]) -> str:
    """One row per route: the mean of each arm, faint dots for single seeds, an arrow from RGB to fused."""
    with figure.style():
        height = 40.0 + 34.0 * len(routes)
        fig = figure.canvas(680, height)
        axes = _placed(fig, 680, height, left=190, top=4, width=470, height=34.0 * len(routes))
        for row, (name, scores) in enumerate(routes):
            axes.text(-3, row, _shortened(name, 26), va="center", ha="right", fontsize=12, color=INK)
            axes.axhline(row, color=GRID, linewidth=0.8, zorder=0)
            means = {arm: float(np.mean(values)) for arm, values in scores.items() if len(values)}
            if {"rgb", "fused"} <= means.keys() and abs(means["fused"] - means["rgb"]) > 2.0:
                axes.annotate(
                    "",
                    (means["fused"], row),
                    (means["rgb"], row),
                    arrowprops={"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.6, "shrinkA": 6, "shrinkB": 6},
                )
            for arm, mean in means.items():
                colour = figure.arm_colour(arm, arms)
                shift = 0.16 * (list(means).index(arm) - (len(means) - 1) / 2)
                if len(scores[arm]) > 1:
                    axes.scatter(
                        scores[arm], [row + shift] * len(scores[arm]), s=14, color=colour, alpha=0.4, linewidth=0
                    )
                hollow = arm == "clear"
                axes.scatter(
                    mean,
                    row + shift,
                    s=80,
                    color=PAPER if hollow else colour,
                    edgecolor=colour if hollow else PAPER,
                    linewidth=2.0 if hollow else 1.2,
                    zorder=3 if hollow else 4,
                    clip_on=False,
                )
        axes.set(xlim=(0, 100), ylim=(len(routes) - 0.5, -0.5), yticks=[], xlabel="driving score")
        _quiet(axes, left=False)
        return figure.svg(fig, "Driving score of each route in each arm")


def map_svg(route_xy: NDArray, driven: Sequence[DrivenTrace], marks: Sequence[Mark], arms: Sequence[str]) -> str:
    """The planned path (wide, pale), what each arm drove, scenario actors while near (dotted), numbered infractions.

    Seen from above with CARLA's axes: x to the right, y downwards, equal scales; `route_xy` is (n, 2) in m.
    """
    with figure.style():
        everything = [route_xy.reshape(-1, 2), *(d.trace.xy for d in driven)]
        points = np.concatenate([part for part in everything if len(part)] or [np.zeros((1, 2))])
        low, high = points.min(axis=0) - 12.0, points.max(axis=0) + 12.0
        size = np.maximum(high - low, 60.0)
        middle = (low + high) / 2
        width = 330.0
        height = float(np.clip(width * size[1] / size[0], 150.0, 380.0))
        scale = max(size[0] / width, size[1] / height)
        half = np.array([width, height]) * scale / 2
        fig = figure.canvas(width, height)
        axes = _placed(fig, width, height, left=0, top=0, width=width, height=height)
        axes.set(xlim=(middle[0] - half[0], middle[0] + half[0]), ylim=(middle[1] + half[1], middle[1] - half[1]))
        axes.axis("off")
        if len(route_xy):
            axes.plot(*route_xy.T, color=GRID, linewidth=10, zorder=1)
            axes.text(
                float(route_xy[0, 0]),
                float(route_xy[0, 1]),
                "start",
                fontsize=10,
                color=MUTED,
                ha="center",
                va="center",
                zorder=5,
            )
        for one in driven:
            for path in one.trace.hazards:
                axes.plot(*path.T, color=MUTED, linewidth=1.2, linestyle=":", zorder=2)
        for one in driven:
            axes.plot(*one.trace.xy.T, color=figure.arm_colour(one.arm, arms), linewidth=1.8, alpha=0.85, zorder=3)
        _numbered(axes, [(mark.xy[0], mark.xy[1], mark) for mark in marks], arms)
        _scale_bar(axes, middle - half, half, scale)
        return figure.svg(fig, "Map of the route with the driven traces of each arm")


def speed_svg(driven: Sequence[DrivenTrace], marks: Sequence[Mark], arms: Sequence[str]) -> str:
    """Speed over simulation time; bars below the axis show when a scenario actor was near."""
    with figure.style():
        shown = [arm for arm in arms if any(d.arm == arm for d in driven)]
        fastest = max((float(d.trace.speed_kmh.max(initial=0.0)) for d in driven), default=0.0)
        longest = max((float(d.trace.time_s.max(initial=0.0)) for d in driven), default=0.0)
        top = max(20.0, 10.0 * np.ceil((fastest + 4.0) / 10.0))
        step = top * 0.055
        fig = figure.canvas(440, 240)
        axes = _placed(fig, 440, 240, left=40, top=10, width=388, height=186)
        for one in driven:
            colour = figure.arm_colour(one.arm, arms)
            axes.plot(one.trace.time_s, one.trace.speed_kmh, color=colour, linewidth=1.5, alpha=0.9)
            for start, end in _spans(one.trace):
                level = -step * (shown.index(one.arm) + 1)
                axes.plot((start, end), (level, level), color=colour, linewidth=4, alpha=0.6, solid_capstyle="butt")
        floor = -step * (len(shown) + 1)
        axes.set(xlim=(0, max(longest, 1.0)), ylim=(floor, top), xlabel="simulation time (s)")
        axes.set_yticks(np.arange(0, top + 1, 10 if top <= 60 else 20))
        axes.text(0, 1.0, " km/h", transform=axes.transAxes, fontsize=10.5, color=MUTED, va="top")
        axes.axhline(0, color=GRID, linewidth=1)
        _quiet(axes, left=False)
        axes.grid(True, axis="y", linewidth=0.6)
        points = [(mark.time_s, _speed_at(driven, mark), mark) for mark in marks]
        _numbered(axes, points, arms)
        return figure.svg(fig, "Speed over time of each arm")


def _difference(axes: Axes, difference: float, ci95: Sequence[float] | None) -> None:
    """A point with its interval on an axis about zero."""
    reach = max(10.0, *(abs(value) * 1.25 for value in (difference, *(ci95 or ()))))
    axes.axvline(0, color=INK, linewidth=1.2)
    if ci95 is not None:
        axes.plot(ci95, (0, 0), color=MUTED, linewidth=5, alpha=0.7, solid_capstyle="butt")
    axes.scatter(difference, 0, s=90, color=figure.arm_colour("fused", ()), edgecolor=PAPER, linewidth=1.2, zorder=3)
    axes.set(xlim=(-reach, reach), ylim=(-1, 1), yticks=[])
    axes.set_xlabel("fused minus rgb, paired (bar: 95 % interval)")
    axes.text(1.02, 0.5, signed(difference), transform=axes.transAxes, va="center", fontsize=17, fontweight="bold")
    axes.text(-0.016, 0.5, "difference", transform=axes.transAxes, va="center", ha="right", fontsize=12, color=MUTED)
    axes.text(0.0, 1.15, "RGB better", transform=axes.transAxes, fontsize=10.5, color=MUTED)
    axes.text(1.0, 1.15, "fused better", transform=axes.transAxes, fontsize=10.5, color=MUTED, ha="right")
    _quiet(axes, left=False)


def _numbered(axes: Axes, points: Sequence[tuple[float, float, Mark]], arms: Sequence[str]) -> None:
    """Numbers in discs of the arm's colour; those that would cover one another are moved up step by step."""
    placed: list[NDArray] = []
    for x, y, mark in points:
        spot = axes.transData.transform((x, y))
        while any(np.hypot(*(spot - other)) < 13.0 for other in placed):
            spot = spot + np.array([0.0, 13.0])
        placed.append(spot)
        at_x, at_y = axes.transData.inverted().transform(spot)
        colour = figure.arm_colour(mark.arm, arms)
        axes.scatter(at_x, at_y, s=150, color=colour, edgecolor=PAPER, linewidth=1.2, zorder=6, clip_on=False)
        axes.text(
            at_x,
            at_y,
            str(mark.number),
            color=PAPER,
            fontsize=9,
            fontweight="bold",
            ha="center",
            va="center_baseline",
            zorder=7,
        )


def _speed_at(driven: Sequence[DrivenTrace], mark: Mark) -> float:
    """Of the trace of the mark's arm that passes nearest to the mark at its time."""
    own = [d.trace for d in driven if d.arm == mark.arm and len(d.trace.time_s)]
    if not own:
        return 0.0
    rows = [int(np.argmin(np.abs(trace.time_s - mark.time_s))) for trace in own]
    gaps = [float(np.hypot(*(trace.xy[row] - mark.xy))) for trace, row in zip(own, rows)]
    nearest = int(np.argmin(gaps))
    return float(own[nearest].speed_kmh[rows[nearest]])


def _spans(trace: Trace) -> list[tuple[float, float]]:
    """The stretches of time in which a scenario actor was near."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], trace.hazard_near.astype(np.int8), [0]))))
    return [(float(trace.time_s[a]), float(trace.time_s[b - 1])) for a, b in zip(edges[::2], edges[1::2])]


def _scale_bar(axes: Axes, corner: NDArray, half: NDArray, metres_per_px: float) -> None:
    length = next(m for m in (200, 100, 50, 20, 10) if m / metres_per_px <= 110 or m == 10)
    x, y = corner[0] + 10 * metres_per_px, corner[1] + 2 * half[1] - 10 * metres_per_px
    axes.plot((x, x + length), (y, y), color=MUTED, linewidth=2, solid_capstyle="butt")
    axes.text(x, y - 5 * metres_per_px, f"{length} m", fontsize=10, color=MUTED)


def _spread(row: int, values: Sequence[float]) -> NDArray:
    """Rows a little apart, so that equal scores stay countable; the same every time."""
    count = len(values)
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    offsets = (order * 0.618034) % 1.0 - 0.5 if count > 1 else np.zeros(1)
    return row + 0.36 * np.asarray(offsets)


def _placed(
    fig: Figure, whole_width: float, whole_height: float, *, left: float, top: float, width: float, height: float
) -> Axes:
    """Axes at px from the top left corner."""
    return fig.add_axes(
        (left / whole_width, 1 - (top + height) / whole_height, width / whole_width, height / whole_height)
    )


def _quiet(axes: Axes, left: bool) -> None:
    axes.spines["left"].set_visible(left)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
