import numpy as np
import pytest

from results.events import EventKind
from results.scores import score
from results.statistics import MIN_LOSS, _interval, _resampled_means, mean, paired, recovery
from tests.results.synthetic import completion, event


def scores(by_route: dict[str, list[float]]) -> dict[tuple[str, int], float]:
    return {(route, seed): value for route, values in by_route.items() for seed, value in enumerate(values)}


def gains(rng: np.random.Generator, routes: int, mean: float) -> tuple[dict, dict]:
    """Routes differ by 8 points, seeds within a route by 5."""
    of_routes = rng.normal(mean, 8.0, routes)
    treatment = scores({str(i): list(gain + rng.normal(0, 5.0, 3)) for i, gain in enumerate(of_routes)})
    return dict.fromkeys(treatment, 0.0), treatment


def test_the_difference_is_the_mean_over_routes_of_the_mean_over_seeds() -> None:
    result = paired(scores({"a": [10, 20], "b": [50]}), scores({"a": [20, 20], "b": [40]}))
    assert result is not None
    assert result.difference == pytest.approx((5.0 - 10.0) / 2)
    assert (result.pairs, result.routes) == (3, 2)
    assert (result.better, result.worse, result.equal) == (1, 1, 1)


def test_seeds_are_counted_as_pairs_and_a_route_with_more_of_them_weighs_no_more() -> None:
    uneven = scores({"a": [10.0, 30.0, 50.0], "b": [70.0]})
    assert mean(uneven) == 50.0
    result = paired(dict.fromkeys(uneven, 20.0), uneven)
    assert result is not None
    assert (result.difference, result.better, result.worse) == (30.0, 3, 1)
    ratio = recovery(dict.fromkeys(uneven, 0.0), uneven, scores({"a": [50.0, 60.0, 70.0], "b": [100.0]}))
    assert ratio is not None
    assert (ratio.won, ratio.lost, ratio.ratio) == (50.0, 80.0, 0.625)


def test_only_pairs_that_both_arms_have_are_compared() -> None:
    result = paired(scores({"a": [10], "b": [0]}), scores({"a": [30], "c": [100]}))
    assert result is not None
    assert (result.difference, result.pairs) == (20.0, 1)
    assert result.ci95 is None
    assert paired(scores({"a": [1]}), scores({"b": [1]})) is None


def test_the_same_scores_give_the_same_interval_and_another_seed_another() -> None:
    baseline, treatment = gains(np.random.default_rng(5), 8, 4.0)
    first = paired(baseline, treatment)
    assert first == paired(dict(reversed(baseline.items())), treatment)
    other = paired(baseline, treatment, seed=1)
    assert first is not None
    assert other is not None
    assert first.ci95 != other.ci95


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(150):
        result = paired(*gains(rng, 8, 5.0), resamples=600)
        assert result is not None
        assert result.ci95 is not None
        hits += result.ci95[0] <= 5.0 <= result.ci95[1]
    assert 0.90 <= hits / 150 <= 0.995


@pytest.mark.parametrize(("units", "tail"), [(8, 0.00574), (30, 0.01875)])
def test_percentiles_are_expanded_as_students_t_asks(units: int, tail: float) -> None:
    """Of a normal, beyond sqrt(n / (n - 1)) t(n - 1): 2.365 x 1.069 for eight routes, 2.045 x 1.017 for thirty."""
    shares = np.linspace(0.0, 1.0, 100_001)
    assert _interval(shares, units) == pytest.approx((tail, 1.0 - tail), abs=1e-5)


def test_seeds_are_drawn_within_each_drawn_route_and_shorter_routes_are_not_filled_up() -> None:
    """By hand: the means of the two, 20 and 60, vary by 400, and those of two draws of the first one's seeds by 200."""
    apart = np.array([[0.0, 40.0]]), np.array([[60.0, 60.0, 60.0]])
    drawn = _resampled_means(apart, 20_050, 0)
    assert drawn.shape == (20_050, 1)
    assert drawn.mean() == pytest.approx(40.0, abs=0.5)
    assert drawn.var() == pytest.approx((400.0 + 200.0 / 2) / 2, rel=0.03)


def test_the_seeds_of_a_single_route_are_what_its_interval_is_of() -> None:
    gained = [-31.0, -12.0, -4.0, 3.0, 11.0, 18.0, 26.0, 37.0]
    of_seeds, of_routes = scores({"a": gained}), scores({str(i): [gain] for i, gain in enumerate(gained)})
    one, eight = (paired(dict.fromkeys(treatment, 0.0), treatment) for treatment in (of_seeds, of_routes))
    assert one is not None
    assert eight is not None
    assert one.ci95 is not None
    assert one.ci95 == pytest.approx(eight.ci95, abs=1.5)
    assert one.sample_too_small


def test_seeds_do_not_stand_in_for_routes() -> None:
    """Two routes that differ, driven with many seeds: the interval must not shrink with the seeds."""
    few = paired(scores({"a": [0] * 2, "b": [0] * 2}), scores({"a": [40] * 2, "b": [0] * 2}))
    many = paired(scores({"a": [0] * 40, "b": [0] * 40}), scores({"a": [40] * 40, "b": [0] * 40}))
    assert few is not None
    assert many is not None
    assert few.ci95 == many.ci95 == (0.0, 40.0)
    assert many.sample_too_small
    assert many.includes_zero


def test_p_values_of_six_routes_that_all_gain() -> None:
    routes = {str(i): [float(i + 1)] for i in range(6)}
    result = paired(dict.fromkeys(scores(routes), 0.0), scores(routes))
    assert result is not None
    assert result.p_sign == pytest.approx(2 * 0.5**6)
    assert result.p_wilcoxon == pytest.approx(2 * 0.5**6)
    assert not result.sample_too_small
    assert not result.includes_zero
    of_five = scores({str(i): [1.0, 1.0] for i in range(5)})
    five = paired(dict.fromkeys(of_five, 0.0), of_five)
    assert five is not None
    assert five.sample_too_small


def test_ties_have_exact_p_values() -> None:
    """By hand: of the 2**16 ways to sign 16 equal ranks, 1 + 16 + 120 have at most two that are negative."""
    of = scores({str(i): [-50.0 if i < 2 else 50.0] for i in range(16)})
    result = paired(dict.fromkeys(of, 0.0), of)
    assert result is not None
    assert result.p_wilcoxon == 2 * (1 + 16 + 120) / 2**16
    assert result.p_sign == pytest.approx(result.p_wilcoxon)
    untied = scores({str(i): [(-1.0 if i == 1 else 1.0) * (i + 1)] for i in range(6)})  # rank 2 is negative
    result = paired(dict.fromkeys(untied, 0.0), untied)
    assert result is not None
    assert result.p_wilcoxon == 2 * 3 / 64  # none negative, rank 1 alone, rank 2 alone
    untied |= {("0", 0): -1.0}
    result = paired(dict.fromkeys(untied, 0.0), untied)
    assert result is not None
    assert result.p_wilcoxon == 2 * 5 / 64  # as before, rank 3 alone, ranks 1 and 2


def test_the_same_infractions_in_another_order_are_the_same_score() -> None:
    kinds = (EventKind.COLLISION_VEHICLE, EventKind.COLLISION_LAYOUT, EventKind.RED_LIGHT)
    orders = [[event(kind) for kind in order] for order in (kinds, (kinds[0], kinds[2], kinds[1]))]
    first, second = (score([*events, completion(100.0)], 100.0).driving_score for events in orders)
    result = paired(scores({str(i): [first] for i in range(7)}), scores({str(i): [second] for i in range(7)}))
    assert result is not None
    assert (result.better, result.worse, result.equal, result.p_sign) == (0, 0, 7, 1.0)
    assert result.includes_zero


def test_differences_of_equal_size_are_ties_whatever_they_were_taken_from() -> None:
    """0.3 - 0.2 is less than 0.2 - 0.1 in floating point, and ten equal gains and losses are nothing on the whole."""
    gained = paired({("a", 0): 0.1, ("b", 0): 0.2}, {("a", 0): 0.2, ("b", 0): 0.3}, resamples=10)
    assert gained is not None
    assert gained.ci95 == (0.1, 0.1)
    back = paired({("a", 0): 0.1, ("a", 1): 0.3}, {("a", 0): 0.2, ("a", 1): 0.2}, resamples=10)
    assert back is not None
    assert back.p_wilcoxon == back.p_sign == 1.0


def test_equal_arms_differ_by_nothing() -> None:
    same = scores({"a": [50, 60], "b": [70, 80]})
    result = paired(same, same)
    assert result is not None
    assert (result.difference, result.ci95, result.p_sign, result.p_wilcoxon) == (0.0, (0.0, 0.0), 1.0, 1.0)
    assert result.includes_zero


def test_recovery_is_won_over_lost() -> None:
    routes = [str(i) for i in range(8)]
    rgb = scores({r: [40.0 + i] for i, r in enumerate(routes)})
    fused = scores({r: [60.0 + i] for i, r in enumerate(routes)})
    clear = scores({r: [90.0 + i] for i, r in enumerate(routes)})
    result = recovery(rgb, fused, clear)
    assert result is not None
    assert result.ratio == pytest.approx(0.4)
    assert (result.won, result.lost) == (pytest.approx(20.0), pytest.approx(50.0))
    assert result.ci95 == (pytest.approx(0.4), pytest.approx(0.4))


def test_recovery_of_a_loss_is_negative() -> None:
    result = recovery(scores({"a": [50], "b": [50]}), scores({"a": [40], "b": [40]}), scores({"a": [90], "b": [90]}))
    assert result is not None
    assert result.ratio == pytest.approx(-0.25)


def test_the_interval_of_a_recovery_is_that_of_what_was_won_over_what_was_lost() -> None:
    rng = np.random.default_rng(2)
    won = {str(i): [float(gain)] for i, gain in enumerate(rng.normal(20.0, 15.0, 8))}
    rgb, fused = dict.fromkeys(scores(won), 0.0), scores(won)
    difference, ratio = paired(rgb, fused), recovery(rgb, fused, dict.fromkeys(rgb, 50.0))
    assert difference is not None
    assert ratio is not None
    assert difference.ci95 is not None
    assert ratio.ci95 == pytest.approx([end / 50.0 for end in difference.ci95], abs=1e-6)
    lost = scores({route: [gains[0] / 0.4 + 100.0] for route, gains in won.items()})
    two_fifths = recovery(rgb, {key: 0.4 * value for key, value in lost.items()}, lost)  # of every route
    assert two_fifths is not None
    assert two_fifths.ci95 == pytest.approx((0.4, 0.4))


def test_one_pair_has_a_ratio_and_no_interval() -> None:
    result = recovery(scores({"a": [50]}), scores({"a": [60]}), scores({"a": [90]}))
    assert result is not None
    assert (result.ratio, result.ci95) == (0.25, None)


@pytest.mark.parametrize("clear", [50.9, 50.0 + MIN_LOSS / 2, 50.0, 30.0])
def test_there_is_no_ratio_where_nothing_was_lost(clear: float) -> None:
    result = recovery(
        scores({"a": [50], "b": [50]}), scores({"a": [60], "b": [60]}), scores({"a": [clear], "b": [clear]})
    )
    assert result is not None
    assert result.ratio is None
    assert result.ci95 is None
    assert result.reason


def test_a_ratio_whose_denominator_may_be_nothing_has_no_interval() -> None:
    rgb = scores({"a": [50], "b": [50], "c": [50]})
    fused = scores({"a": [55], "b": [55], "c": [55]})
    clear = scores({"a": [100], "b": [50], "c": [50]})
    result = recovery(rgb, fused, clear)
    assert result is not None
    assert result.ratio == pytest.approx(15.0 / 50.0)
    assert result.ci95 is None
    assert "no ends" in result.reason
