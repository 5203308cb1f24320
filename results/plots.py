"""The pictures of the report: scores, pairs, maps and timelines, each a function from figures to inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from results import figure
from results.arms import BASELINE, CEILING, TREATMENT
from results.figure import GRID, INK, MUTED, PAPER
from results.traces import Trace
from results.wording import signed

COINCIDING_POINTS = 1.5
"""Dots whose scores are nearer than this cover one another."""


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


def scores_svg(
    scores: Mapping[str, Sequence[float]],
    means: Mapping[str, float | None],
    difference: float | None,
    ci95: Sequence[float] | None,
    left_out: str = "",
) -> str:
    """Bars of the mean driving score per arm with a dot per drive; below, the paired difference with its interval.

    An arm that is still being driven has dots and no mean yet. `left_out`: what the difference was taken without."""
    arms = list(scores)
    with figure.style():
        longest = max(map(len, arms))
        left = max(66.0, 16.0 + 9.4 * longest)
        width, span, row = left + 414.0, 350.0, 40.0
        bars = row * len(arms)
        height = bars + (128.0 if difference is not None else 38.0)
        fig = figure.canvas(width, height)
        axes = _placed(fig, left=left, top=4, width=span, height=bars)
        for number, arm in enumerate(arms):
            mean, colour = means[arm], figure.arm_colour(arm, arms)
            axes.barh(number, mean or 0.0, height=0.58, color=colour, linewidth=0)
            spread = _spread(number, scores[arm])
            axes.scatter(scores[arm], spread, s=20, color=INK, edgecolor=PAPER, linewidth=0.8, zorder=3, clip_on=False)
            axes.text(103, number, _told(mean), va="center", fontsize=17, fontweight="bold")
            axes.text(-2, number, arm, va="center", ha="right", fontsize=14, fontweight="bold", color=colour)
        axes.set(
            xlim=(0, 100), ylim=(len(arms) - 0.5, -0.5), yticks=[], xlabel="driving score: mean, and a dot per drive"
        )
        _quiet(axes)
        axes.grid(True, axis="x")
        if difference is not None:
            _difference(_placed(fig, left=left, top=bars + 66, width=span, height=24), difference, ci95, left_out)
        told = ", ".join(f"{arm} {_told(mean)}" for arm, mean in means.items())
        return figure.svg(fig, f"Mean driving score per arm: {told}", enlarged=1.55)


def pairs_svg(routes: Sequence[tuple[str, Mapping[str, Sequence[float]]]], arms: Sequence[str], seeds: int) -> str:
    """One row per route: the mean of each arm, faint dots for single seeds, an arrow from RGB to fused where both have
    been driven with all seeds."""
    with figure.style():
        row_height = 46.0
        fig = figure.canvas(480, 40.0 + row_height * len(routes))
        axes = _placed(fig, left=8, top=4, width=460, height=row_height * len(routes))
        for row, (name, scores) in enumerate(routes):
            axes.text(0, row - 0.28, _shortened(name, 60), va="center", fontsize=12)
            _pair(axes, row + 0.18, scores, arms, seeds)
        axes.set(xlim=(0, 100), ylim=(len(routes) - 0.5, -0.5), yticks=[], xlabel="driving score")
        _quiet(axes)
        return figure.svg(fig, "Driving score of each route in each arm", enlarged=1.55)


def _pair(axes: Axes, level: float, scores: Mapping[str, Sequence[float]], arms: Sequence[str], seeds: int) -> None:
    axes.axhline(level, color=GRID, linewidth=0.8, zorder=0)
    means = {arm: float(np.mean(values)) for arm, values in scores.items() if len(values)}
    is_driven = {BASELINE, TREATMENT} <= {arm for arm, values in scores.items() if len(values) == seeds}
    levels = {arm: level + shift for arm, shift in _shifts(means).items()}
    if is_driven and abs(means[TREATMENT] - means[BASELINE]) > 4.0:
        arrow = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.6, "shrinkA": 6, "shrinkB": 6}
        to, start = ((means[arm], levels[arm]) for arm in (TREATMENT, BASELINE))
        axes.annotate("", to, start, arrowprops=arrow)
    for arm, mean in means.items():
        colour = figure.arm_colour(arm, arms)
        if len(scores[arm]) > 1:
            axes.scatter(
                scores[arm], [level] * len(scores[arm]), s=16, color=colour, alpha=0.5, linewidth=0, clip_on=False
            )
        # A ring around what coincides with it, so that equal scores of the arms stay visible.
        size, face, edge = (150, "none", colour) if arm == CEILING else (72, colour, PAPER)
        if arm not in figure.KNOWN_ARMS:
            size = 30
        zorder = 3 if size > 30 else 4
        axes.scatter(
            mean, levels[arm], s=size, facecolor=face, edgecolor=edge, linewidth=1.8, zorder=zorder, clip_on=False
        )


def _shifts(means: Mapping[str, float]) -> dict[str, float]:
    """How far, in rows, dots that would hide one another stand above and below their line; the ring stays on it."""
    dots = sorted((mean, number, arm) for number, (arm, mean) in enumerate(means.items()) if arm != CEILING)
    groups: list[list[tuple[float, int, str]]] = []
    for dot in dots:
        if groups and dot[0] - groups[-1][-1][0] < COINCIDING_POINTS:
            groups[-1].append(dot)
        else:
            groups.append([dot])
    shifts = dict.fromkeys(means, 0.0)
    for group in groups:
        step = min(0.17, 0.42 / max(len(group) - 1, 1))
        for place, (_, _, arm) in enumerate(sorted(group, key=lambda dot: dot[1])):  # in the order of the arms
            shifts[arm] = step * (place - (len(group) - 1) / 2)
    return shifts


def droplets_svg(droplets: Sequence[Mapping[str, Any]]) -> str:
    """The paired difference with its interval for each size of the fog's droplets, the smallest on top."""
    shown = [entry for entry in droplets if entry["paired"]["difference"] is not None]
    with figure.style():
        row, left, span = 34.0, 150.0, 270.0
        fig = figure.canvas(480, row * len(shown) + 44.0)
        axes = _placed(fig, left=left, top=4, width=span, height=row * len(shown))
        ends = [value for e in shown for value in (e["paired"]["difference"], *(e["paired"]["ci95"] or ()))]
        reach = max(10.0, *(abs(value) * 1.1 for value in ends))
        axes.axvline(0, color=INK, linewidth=1.2)
        for level, entry in enumerate(shown):
            paired = entry["paired"]
            if paired["ci95"]:
                axes.plot(paired["ci95"], (level, level), color=MUTED, linewidth=5, alpha=0.7, solid_capstyle="butt")
            colour = figure.arm_colour(TREATMENT, ())
            axes.scatter(paired["difference"], level, s=90, color=colour, edgecolor=PAPER, linewidth=1.2, zorder=3)
            _beside(axes, 1.03, level, signed(paired["difference"]), fontsize=15, fontweight="bold")
            _beside(axes, -0.03, level - 0.17, f"{entry['radius_um']:g} um", fontsize=13, fontweight="bold")
            fades = f"infrared fades {entry['lwir_over_visible']:.2f} x"
            _beside(axes, -0.03, level + 0.22, fades, fontsize=10.5, color=MUTED)
        axes.set(xlim=(-reach, reach), ylim=(len(shown) - 0.5, -0.5), yticks=[])
        axes.set_xlabel("fused minus rgb, paired (bar: 95 % interval)")
        _quiet(axes)
        axes.grid(True, axis="x")
        told = ", ".join(f"{e['radius_um']:g} um {signed(e['paired']['difference'])}" for e in shown)
        return figure.svg(fig, f"Paired difference by radius of the fog's droplets: {told}", enlarged=1.55)


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
        width, foot = 330.0, 26.0
        height = float(np.clip(width * size[1] / size[0], 110.0, 360.0))
        scale = max(size[0] / width, size[1] / height)  # m per px
        left, top = middle - np.array([width, height]) * scale / 2
        fig = figure.canvas(width, height + foot)
        axes = _placed(fig, left=0, top=0, width=width, height=height + foot)
        axes.set(xlim=(left, left + width * scale), ylim=(top + (height + foot) * scale, top))
        axes.axis("off")
        if len(route_xy):
            axes.plot(*route_xy.T, color=GRID, linewidth=11, zorder=1)
            start_x, start_y = (float(value) for value in route_xy[0])
            axes.scatter(start_x, start_y, s=36, color=PAPER, edgecolor=MUTED, linewidth=1.5, zorder=5)
            axes.text(start_x, start_y - 12 * scale, "start", fontsize=10, color=MUTED, ha="center", va="center")
        for one in driven:
            for path in one.trace.hazards:
                axes.plot(*path.T, color=MUTED, linewidth=1.2, linestyle=":", zorder=2)
        for one in driven:
            width_px = _line_width(one.arm, arms)
            axes.plot(*one.trace.xy.T, color=figure.arm_colour(one.arm, arms), linewidth=width_px, zorder=3)
        _numbered(axes, [(mark.xy[0], mark.xy[1], mark) for mark in marks], arms)
        _scale_bar(axes, left + 8 * scale, top + (height + foot - 6) * scale, scale)
        return figure.svg(fig, "Map of the route with the driven traces of each arm", enlarged=1.25)


def speed_svg(driven: Sequence[DrivenTrace], marks: Sequence[Mark], arms: Sequence[str]) -> str:
    """Speed over simulation time; bars below the axis show when a scenario actor was near."""
    with figure.style():
        shown = [arm for arm in arms if any(d.arm == arm for d in driven)]
        fastest = max((float(d.trace.speed_kmh.max(initial=0.0)) for d in driven), default=0.0)
        longest = max((float(d.trace.time_s.max(initial=0.0)) for d in driven), default=0.0)
        top = max(20.0, 10.0 * np.ceil((fastest + 4.0) / 10.0))
        step = top * 0.055
        fig = figure.canvas(440, 240)
        axes = _placed(fig, left=40, top=10, width=388, height=186)
        for one in driven:
            colour = figure.arm_colour(one.arm, arms)
            axes.plot(one.trace.time_s, one.trace.speed_kmh, color=colour, linewidth=0.8 * _line_width(one.arm, arms))
            for start, end in _spans(one.trace):
                level = -step * (shown.index(one.arm) + 1)
                axes.plot((start, end), (level, level), color=colour, linewidth=4, alpha=0.6, solid_capstyle="butt")
        floor = -step * (len(shown) + 1)
        axes.set(xlim=(0, max(longest, 1.0)), ylim=(floor, top), xlabel="simulation time (s)")
        axes.set_yticks(np.arange(0, top + 1, 10 if top <= 60 else 20))
        axes.text(0, 1.0, " km/h", transform=axes.transAxes, fontsize=10.5, color=MUTED, va="top")
        axes.axhline(0, color=GRID, linewidth=1)
        _quiet(axes)
        axes.grid(True, axis="y", linewidth=0.6)
        points = [(mark.time_s, _speed_at(driven, mark), mark) for mark in marks]
        _numbered(axes, points, arms)
        return figure.svg(fig, "Speed over time of each arm", enlarged=1.25)


def _told(mean: float | None) -> str:
    return "–" if mean is None else f"{mean:.1f}"


def _difference(axes: Axes, difference: float, ci95: Sequence[float] | None, left_out: str) -> None:
    """A point with its interval on an axis about zero."""
    reach = max(10.0, *(abs(value) * 1.25 for value in (difference, *(ci95 or ()))))
    axes.axvline(0, color=INK, linewidth=1.2)
    if ci95 is not None:
        axes.plot(ci95, (0, 0), color=MUTED, linewidth=5, alpha=0.7, solid_capstyle="butt")
    axes.scatter(difference, 0, s=90, color=figure.arm_colour(TREATMENT, ()), edgecolor=PAPER, linewidth=1.2, zorder=3)
    axes.set(xlim=(-reach, reach), ylim=(-1, 1), yticks=[])
    axes.set_xlabel(f"fused minus rgb, paired (bar: 95 % interval){left_out}")
    axes.text(1.02, 0.5, signed(difference), transform=axes.transAxes, va="center", fontsize=17, fontweight="bold")
    axes.text(-0.016, 0.5, "difference", transform=axes.transAxes, va="center", ha="right", fontsize=12, color=MUTED)
    axes.text(0.0, 1.15, "RGB better", transform=axes.transAxes, fontsize=10.5, color=MUTED)
    axes.text(1.0, 1.15, "fused better", transform=axes.transAxes, fontsize=10.5, color=MUTED, ha="right")
    _quiet(axes)


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


def _line_width(arm: str, arms: Sequence[str]) -> float:
    """Later arms are drawn over earlier ones and thinner, so that traces that coincide stay visible."""
    return max(1.2, 5.0 - 1.7 * list(arms).index(arm))


def _scale_bar(axes: Axes, x: float, y: float, metres_per_px: float) -> None:
    length = next(m for m in (200, 100, 50, 20, 10) if m / metres_per_px <= 110 or m == 10)
    axes.plot((x, x + length), (y, y), color=MUTED, linewidth=2, solid_capstyle="butt")
    axes.text(x, y - 5 * metres_per_px, f"{length} m", fontsize=10, color=MUTED)


def _spread(row: int, values: Sequence[float]) -> NDArray:
    """Rows a little apart, so that equal scores stay countable; the same every time."""
    count = len(values)
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    offsets = (order * 0.618034) % 1.0 - 0.5 if count > 1 else np.zeros(count)
    return row + 0.36 * np.asarray(offsets)


def _placed(fig: Figure, *, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at px from the top left corner."""
    whole_width, whole_height = 72.0 * fig.get_size_inches()
    return fig.add_axes(
        (left / whole_width, 1 - (top + height) / whole_height, width / whole_width, height / whole_height)
    )


def _beside(axes: Axes, x: float, level: float, text: str, **style: Any) -> None:
    """Text left (x < 0) or right (x > 1) of the axes, beside a level of theirs."""
    side = "right" if x < 0 else "left"
    axes.text(x, level, text, ha=side, va="center", transform=axes.get_yaxis_transform(), **style)


def _quiet(axes: Axes) -> None:
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
