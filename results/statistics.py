"""Paired differences between arms, with intervals that respect how the drives hang together.

Arms are driven over the same routes with the same seeds, so the unit of comparison is the pair (route, seed). Seeds of
one route are more alike than routes are: the bootstrap therefore draws routes first and seeds within each drawn route
(hierarchical bootstrap), and the p-values see one number per route, its mean over seeds. With several seeds that errs
on the wide side (a route's mean has its seeds' chance in it already): of simulated experiments with 16 routes and 3
seeds 98 % of the intervals held the truth, with one seed 95 %. A plain percentile interval
is too narrow for a handful of routes, so the percentiles are expanded as Student's t asks for that number of routes
(T. C. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015). Every draw
comes from one seeded generator: the same scores give the same interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

# (route id, seed) -> score
Scores = Mapping[tuple[str, int], float]

RESAMPLES = 10_000
BOOTSTRAP_SEED = 0

# With fewer routes not even a gain on every single one reaches p < 0.05 in a two-sided sign test: 2 * 0.5**5 = 0.0625.
MIN_ROUTES = 6

# Driving-score points. Where night and fog take less than this nothing is there to win back; a ratio would be noise.
MIN_LOSS = 1.0

# An interval of a ratio has no end where the denominator may well be zero.
_MAX_UNDEFINED_SHARE = 0.025

# Scores have six digits (`results.scores.DIGITS`), their differences and means noise at the fifteenth: what is equal is
# to count as equal, and what is nothing as nothing.
_DIFFERENCE_DIGITS = 6
_MEAN_DIGITS = 9

_CHUNK = 500  # resamples drawn at once; bounds the memory at 500 x routes x seeds indices


@dataclass(frozen=True)
class Paired:
    """`difference` is treatment minus baseline: the mean over routes of the mean over their seeds. `ci95` is None for
    fewer than two pairs. `better`, `worse`, `equal` count pairs."""

    difference: float
    ci95: tuple[float, float] | None
    pairs: int
    routes: int
    better: int
    worse: int
    equal: int
    p_sign: float
    p_wilcoxon: float

    @property
    def sample_too_small(self) -> bool:
        return self.routes < MIN_ROUTES

    @property
    def includes_zero(self) -> bool:
        """True where the data leave open whether there is a difference at all."""
        return self.ci95 is None or self.ci95[0] <= 0.0 <= self.ci95[1]


@dataclass(frozen=True)
class Recovery:
    """How much of what was lost is won back: `ratio` = `won` / `lost`, `won` = treatment - baseline, `lost` =
    ceiling - baseline. `ratio` is None where less than `MIN_LOSS` was lost, `ci95` None where it has no ends; `reason`
    says why."""

    ratio: float | None
    ci95: tuple[float, float] | None
    won: float
    lost: float
    pairs: int
    reason: str = ""


def paired(
    baseline: Scores, treatment: Scores, resamples: int = RESAMPLES, seed: int = BOOTSTRAP_SEED
) -> Paired | None:
    """Over the pairs both arms have; None where they share none."""
    keys = sorted(baseline.keys() & treatment.keys())
    if not keys:
        return None
    differences = _by_route(keys, [round(treatment[key] - baseline[key], _DIFFERENCE_DIGITS) for key in keys])
    route_means = np.round([values.mean() for values in differences], _MEAN_DIGITS)
    of_pairs = np.concatenate(differences)
    better, worse = int((of_pairs > 0).sum()), int((of_pairs < 0).sum())
    interval = None
    if len(keys) >= 2:
        means = _resampled_means([values[None] for values in differences], resamples, seed)[:, 0]
        interval = _interval(means, _units(differences))
    return Paired(
        difference=float(route_means.mean()),
        ci95=interval,
        pairs=len(keys),
        routes=len(differences),
        better=better,
        worse=worse,
        equal=len(keys) - better - worse,
        p_sign=_p_sign(route_means),
        p_wilcoxon=_p_wilcoxon(route_means),
    )


def mean(scores: Scores) -> float:
    """Over routes, of the mean over the seeds of each: the sides of `Paired.difference`."""
    keys = sorted(scores)
    return float(np.mean([values.mean() for values in _by_route(keys, [scores[key] for key in keys])]))


def recovery(
    baseline: Scores, treatment: Scores, ceiling: Scores, resamples: int = RESAMPLES, seed: int = BOOTSTRAP_SEED
) -> Recovery | None:
    """Over the pairs that all three arms have; None where they share none. The ratio is one of means, not a mean of
    ratios: single routes may lose nothing."""
    keys = sorted(baseline.keys() & treatment.keys() & ceiling.keys())
    if not keys:
        return None
    won = _by_route(keys, [treatment[key] - baseline[key] for key in keys])
    lost = _by_route(keys, [ceiling[key] - baseline[key] for key in keys])
    mean_won = float(np.mean([values.mean() for values in won]))
    mean_lost = float(np.mean([values.mean() for values in lost]))
    if mean_lost < MIN_LOSS:
        reason = (
            f"the baseline lies {mean_lost:.1f} points below the ceiling, too little to speak of winning back"
            if mean_lost >= 0
            else f"the baseline scored {-mean_lost:.1f} points more than the ceiling, so nothing was lost"
        )
        return Recovery(None, None, mean_won, mean_lost, len(keys), reason)
    ratio = mean_won / mean_lost
    if len(keys) < 2:
        return Recovery(ratio, None, mean_won, mean_lost, len(keys), "one pair has no interval")
    means = _resampled_means([np.stack(pair) for pair in zip(won, lost)], resamples, seed)
    defined = means[:, 1] >= MIN_LOSS
    if 1.0 - defined.mean() > _MAX_UNDEFINED_SHARE:
        reason = "what was lost may itself be nothing in this sample, so the ratio's interval has no ends"
        return Recovery(ratio, None, mean_won, mean_lost, len(keys), reason)
    return Recovery(
        ratio, _interval(means[defined, 0] / means[defined, 1], _units(won)), mean_won, mean_lost, len(keys)
    )


def _by_route(keys: Sequence[tuple[str, int]], values: Sequence[float]) -> list[NDArray]:
    """One array of values (one per seed) per route, routes in the order of their ids."""
    routes: dict[str, list[float]] = {}
    for (route, _), value in zip(keys, values):
        routes.setdefault(route, []).append(value)
    return [np.array(routes[route]) for route in sorted(routes)]


def _resampled_means(routes: Sequence[NDArray], resamples: int, seed: int) -> NDArray:
    """Means over routes of means over seeds, one row a resample.

    `routes` holds per route an array (quantities, seeds of that route); returns (resamples, quantities). All quantities
    see the same draws, which is what keeps a ratio of two of them paired.
    """
    counts = np.array([values.shape[1] for values in routes])
    most = int(counts.max())
    padded = np.stack([np.pad(values, ((0, 0), (0, most - values.shape[1]))) for values in routes])
    rng = np.random.default_rng(seed)
    chunks = []
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        drawn = rng.integers(0, len(routes), (size, len(routes)))
        of_drawn = counts[drawn][..., None]  # (size, routes, 1)
        seeds = (rng.random((size, len(routes), most)) * of_drawn).astype(np.int64)
        weight = (np.arange(most) < of_drawn) / of_drawn / len(routes)
        values = padded[drawn[..., None], :, seeds]  # (size, routes, most, quantities)
        chunks.append((values * weight[..., None]).sum(axis=(1, 2)))
    return np.concatenate(chunks)


def _units(routes: Sequence[NDArray]) -> int:
    """What the resampling draws: routes, or where there is but one, its seeds."""
    return len(routes) if len(routes) > 1 else len(routes[0])


def _interval(resampled: NDArray, units: int) -> tuple[float, float]:
    """95 % interval from resampled means of `units` (at least two) things."""
    from scipy.special import ndtr, stdtrit  # scipy loads for a while, which a run of one pair can do without

    tail = ndtr(-np.sqrt(units / (units - 1)) * stdtrit(units - 1, 0.975))
    low, high = np.round(np.quantile(resampled, (tail, 1.0 - tail)), _MEAN_DIGITS)
    return float(low), float(high)


def _p_sign(route_means: NDArray) -> float:
    """Two-sided exact sign test; routes without a difference say nothing and are left out."""
    up, down = int((route_means > 0).sum()), int((route_means < 0).sum())
    as_few_as_these = sum(comb(up + down, k) for k in range(min(up, down) + 1))
    return min(1.0, 2.0 * as_few_as_these / 2.0 ** (up + down))


def _p_wilcoxon(route_means: NDArray) -> float:
    """Two-sided exact signed-rank test, zeros left out as in the sign test.

    Each of the 2**n ways to give n differences their signs is as likely as any other if nothing differs: the share of
    them with a rank sum as far out as this one. Ties share the mean of their ranks, so that sums of doubled ranks are
    whole numbers, whose distribution grows by one route at a time.
    """
    moved = route_means[route_means != 0]
    size = np.abs(moved)
    doubled_ranks = 2 * (size[:, None] > size).sum(axis=1) + (size[:, None] == size).sum(axis=1) + 1
    share = np.ones(1)  # of the ways, by their doubled rank sum
    for rank in doubled_ranks:
        share = (np.pad(share, (0, rank)) + np.pad(share, (rank, 0))) / 2
    reached = int(doubled_ranks[moved > 0].sum())
    return min(1.0, 2.0 * float(min(share[: reached + 1].sum(), share[reached:].sum())))
