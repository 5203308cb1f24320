"""Fusion metrics of single pairs, and their means per condition with intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fusion.backbones import Backbone
from fusion.evaluation.metrics import all_metrics, grey, peak_signal_to_noise_db, structural_similarity
from fusion.evaluation.perceptual import distance_of_seen, seen_picture
from fusion.evaluation.redrawing import DRAWS, bounds
from fusion.naive import Fusion
from fusion.pairs.conditions import condition_of
from fusion.pairs.data import Pair, load
from fusion.pairs.in_order import in_order

MOST_PSNR_DB = 100.0
"""Without an end a frame that equals its twin could only be left out of a mean, which would be lower for it."""


def metric_rows(pairs: Sequence[Pair], by: dict[str, Fusion], backbone: Backbone | None = None) -> list[dict[str, Any]]:
    """A row per pair and fusion. Pairs are measured side by side, each by one thread: PyTorch's sums, and so the last
    digits of distances, hang on how many threads share one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for rows in in_order(lambda pair: _rows(pair, by, backbone), pairs, "metrics") for row in rows]
    finally:
        torch.set_num_threads(before)


def _rows(pair: Pair, by: dict[str, Fusion], backbone: Backbone | None) -> list[dict[str, Any]]:
    images = load(pair)
    visible, thermal = grey(images.visible), grey(images.thermal)
    clear = None if images.clear is None else grey(images.clear)
    sources, twin = [], None
    if backbone is not None:
        heat = np.repeat(images.thermal[..., None], 3, axis=2)
        sources = [seen_picture(source, backbone.features) for source in (images.visible, heat)]
        twin = None if images.clear is None else seen_picture(images.clear, backbone.features)
    rows = []
    for name, fuse in by.items():
        fused = fuse(images.visible, images.thermal)
        values = all_metrics(visible, thermal, grey(fused))
        made = None if backbone is None else seen_picture(fused, backbone.features)
        if made:
            values["distance"] = float(np.mean([float(distance_of_seen(made, source)) for source in sources]))
        if clear is not None:
            values["PSNR clear"] = peak_signal_to_noise_db(clear, grey(fused))
            values["SSIM clear"] = structural_similarity(clear, grey(fused))
        if made and twin:
            values["distance clear"] = float(distance_of_seen(made, twin))
        ends = {name: min(values[name], MOST_PSNR_DB) for name in values if name.startswith("PSNR")}
        rows.append({"pair": str(pair.visible), "condition": condition_of(pair), "fusion": name, **values, **ends})
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """condition -> fusion -> metric -> mean, low, high, count; of one pair alone low and high are None."""
    table: dict[str, Any] = {}
    conditions = sorted({row["condition"] for row in rows})
    for condition in ["all", *conditions]:
        for row in rows:
            if condition in ("all", row["condition"]):
                of_fusion = table.setdefault(condition, {}).setdefault(row["fusion"], {})
                for metric, value in row.items():
                    if metric not in ("pair", "condition", "fusion") and np.isfinite(value):
                        of_fusion.setdefault(metric, []).append(float(value))
    for by_fusion in table.values():
        for by_metric in by_fusion.values():
            for metric, values in by_metric.items():
                low, high = mean_interval(np.asarray(values)) if len(values) > 1 else (None, None)
                mean = float(np.mean(values))
                by_metric[metric] = {"mean": mean, "low": low, "high": high, "count": len(values)}
    return table


def mean_interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    drawn = values[np.random.default_rng(seed).integers(0, len(values), (DRAWS, len(values)))].mean(axis=1)
    return bounds(drawn)
