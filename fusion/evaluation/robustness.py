"""How a fusion bears what happens to thermal cameras: shift, rotation, noise, dead columns, a late frame."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.metrics import grey, structural_similarity
from fusion.files import whole

Bytes = NDArray[np.uint8]
Fuse = Callable[[Bytes, Bytes], Bytes]
Damage = Callable[[Bytes, float, np.random.Generator], Bytes]


def shifted(thermal: Bytes, pixels: float, rng: np.random.Generator) -> Bytes:
    return _moved(thermal, np.array([[1.0, 0.0, pixels], [0.0, 1.0, 0.0]]))


def rotated(thermal: Bytes, degrees: float, rng: np.random.Generator) -> Bytes:
    height, width = thermal.shape
    return _moved(thermal, np.asarray(cv2.getRotationMatrix2D((width / 2.0, height / 2.0), degrees, 1.0)))


def noisy(thermal: Bytes, levels: float, rng: np.random.Generator) -> Bytes:
    return np.asarray(np.clip(np.rint(thermal + levels * rng.standard_normal(thermal.shape)), 0, 255), np.uint8)


def with_dead_columns(thermal: Bytes, percent: float, rng: np.random.Generator) -> Bytes:
    damaged, width = thermal.copy(), thermal.shape[1]
    damaged[:, rng.choice(width, round(width * percent / 100.0), replace=False)] = 0
    return damaged


def _moved(thermal: Bytes, matrix: NDArray[np.float64]) -> Bytes:
    size = (thermal.shape[1], thermal.shape[0])
    return np.asarray(cv2.warpAffine(thermal, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


CURVES: dict[str, tuple[str, tuple[float, ...], Damage]] = {
    "shift": ("pixels", (0, 2, 5, 10, 20, 30), shifted),
    "rotation": ("degrees", (0, 1, 2, 5, 10), rotated),
    "noise": ("grey levels", (0, 5, 10, 20, 40), noisy),
    "dead columns": ("percent", (0, 1, 2, 5, 10), with_dead_columns),
}
DELAYS = (0, 1, 2, 4)
PAIRS = 24
"""That curves are drawn over: a fusion is run some thirty times on each."""


def curves(
    pairs: Sequence[tuple[Bytes, Bytes]], runs: Sequence[Sequence[tuple[Bytes, Bytes]]], fuse: Fuse
) -> dict[str, list[tuple[float, float]]]:
    """Kind of damage -> (strength, mean SSIM of the frame fused from damaged heat to that from the undamaged).

    "time offset" is measured on `runs`, each of pairs that follow each other: it takes the thermal frame from so many
    pairs before.
    """
    whole = [grey(fuse(*pair)) for pair in pairs]
    found: dict[str, list[tuple[float, float]]] = {}
    for kind, (_, strengths, damage) in CURVES.items():
        found[kind] = []
        for strength in strengths:
            rng = np.random.default_rng(0)
            kept = [
                structural_similarity(w, grey(fuse(v, damage(t, strength, rng)))) for (v, t), w in zip(pairs, whole)
            ]
            found[kind].append((float(strength), float(np.mean(kept))))
    kept_late: dict[int, list[float]] = {delay: [] for delay in DELAYS}
    for run in runs:
        for i, (visible, thermal) in enumerate(run):
            in_time = grey(fuse(visible, thermal))
            for delay in DELAYS:
                if i >= delay and run[i - delay][1].shape == thermal.shape:
                    late = grey(fuse(visible, run[i - delay][1])) if delay else in_time
                    kept_late[delay].append(structural_similarity(in_time, late))
    return found | {"time offset": [(float(delay), float(np.mean(kept))) for delay, kept in kept_late.items() if kept]}


def plot(found: dict[str, dict[str, list[tuple[float, float]]]], path: Path) -> None:
    """One panel per kind of damage, one line per fusion."""
    from matplotlib.figure import Figure

    kinds = list(next(iter(found.values())))
    figure = Figure(figsize=(3.2 * len(kinds), 3.0), layout="constrained")
    for axes, kind in zip(figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0], kinds):
        for name, of_name in found.items():
            axes.plot(*zip(*of_name[kind]), marker="o", markersize=3, label=name)
        axes.set_xlabel(f"{kind}, {CURVES[kind][0] if kind in CURVES else 'frames'}")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("SSIM to the undamaged result")
    figure.axes[0].legend()
    with whole(path) as partial:
        figure.savefig(partial, dpi=110, format=path.suffix[1:])
