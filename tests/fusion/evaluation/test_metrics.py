import cv2
import numpy as np
import pytest
from scipy.stats import entropy as scipy_entropy

from fusion.evaluation import metrics


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    base = cv2.GaussianBlur(rng.integers(0, 256, (64, 80)).astype(np.float32), (0, 0), 2.0)
    base = (base - base.min()) / (base.max() - base.min()) * 255.0
    return base.astype(np.float64), np.clip(base + rng.normal(0.0, 12.0, base.shape), 0.0, 255.0)


def test_entropy_of_two_equal_halves_is_one_bit():
    assert metrics.entropy(np.repeat([10.0, 200.0], 32).reshape(8, 8)) == pytest.approx(1.0)
    assert metrics.entropy(np.full((8, 8), 7.0)) == 0.0


def test_entropy_agrees_with_scipy(images):
    counts = np.histogram(np.rint(images[0]), bins=np.arange(257))[0]
    assert metrics.entropy(images[0]) == pytest.approx(scipy_entropy(counts, base=2))


def test_a_ramp_has_its_slope_as_spatial_frequency_and_gradient():
    ramp = np.tile(np.arange(0.0, 90.0, 3.0), (20, 1))
    assert metrics.spatial_frequency(ramp) == pytest.approx(3.0)
    assert metrics.average_gradient(ramp) == pytest.approx(3.0 / np.sqrt(2.0))
    assert metrics.standard_deviation(ramp) == pytest.approx(ramp.std())
    slope = 3.0 * np.arange(30.0)[None, :] + 4.0 * np.arange(20.0)[:, None]
    assert metrics.spatial_frequency(slope) == pytest.approx(5.0)
    assert metrics.average_gradient(slope) == pytest.approx(5.0 / np.sqrt(2.0))


def test_grey_levels_weigh_red_green_and_blue_as_television_does():
    colours = np.array([[[100, 0, 0], [0, 100, 0], [0, 0, 100]]], np.uint8)
    assert metrics.grey(colours) == pytest.approx(np.array([[29.9, 58.7, 11.4]]))
    assert np.array_equal(metrics.grey(colours[..., 0]), colours[..., 0])


def test_mutual_information_with_itself_is_the_entropy(images):
    assert metrics.mutual_information(images[0], images[0]) == pytest.approx(metrics.entropy(images[0]))
    assert metrics.mutual_information(images[0], np.full_like(images[0], 9.0)) == pytest.approx(0.0, abs=1e-9)


def test_ssim_agrees_with_a_second_implementation(images):
    one, other = images

    def mean(image):
        return cv2.GaussianBlur(image, (11, 11), 1.5)

    mu1, mu2 = mean(one), mean(other)
    s1, s2, s12 = mean(one**2) - mu1**2, mean(other**2) - mu2**2, mean(one * other) - mu1 * mu2
    c1, c2 = 6.5025, 58.5225
    expected = ((2 * mu1 * mu2 + c1) * (2 * s12 + c2)) / ((mu1**2 + mu2**2 + c1) * (s1 + s2 + c2))
    assert metrics.structural_similarity(one, other) == pytest.approx(float(expected[5:-5, 5:-5].mean()), abs=1e-6)
    assert metrics.structural_similarity(one, one) == pytest.approx(1.0)


def test_psnr_and_scd_agree_with_their_formulas(images):
    one, other = images
    error = sum((float(a) - float(b)) ** 2 for a, b in zip(one.ravel(), other.ravel())) / one.size
    assert metrics.peak_signal_to_noise_db(one, other) == pytest.approx(20.0 * np.log10(255.0 / np.sqrt(error)))
    assert metrics.peak_signal_to_noise_db(one, one) == np.inf
    assert metrics.peak_signal_to_noise_db(np.zeros((4, 4)), np.full((4, 4), 255.0)) == pytest.approx(0.0)
    fused = 0.5 * (one + other[::-1])
    expected = np.corrcoef((fused - other[::-1]).ravel(), one.ravel())[0, 1]
    expected += np.corrcoef((fused - one).ravel(), other[::-1].ravel())[0, 1]
    assert metrics.correlations_of_differences(one, other[::-1], fused) == pytest.approx(expected)
    assert metrics.correlations_of_differences(one, other, other) == pytest.approx(
        np.corrcoef((other - one).ravel(), other.ravel())[0, 1]
    )


def test_vif_agrees_with_a_second_implementation(images):
    """Sums over windows written out, as in the paper's formulas (20) and (21) with one subband a scale."""
    one, other = images
    x, y, kept, whole = one.copy(), other.copy(), 0.0, 0.0
    for size in (17, 9, 5, 3):
        axis = np.arange(size) - size // 2
        window = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2.0 * (size / 5.0) ** 2))
        window /= window.sum()

        def windows(image, size=size):
            return np.lib.stride_tricks.sliding_window_view(image, (size, size))

        if size < 17:
            x, y = ((windows(image) * window).sum(axis=(2, 3))[::2, ::2] for image in (x, y))
        for a, b in zip(windows(x).reshape(-1, size, size), windows(y).reshape(-1, size, size)):
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            gain = covariance / (var_a + 1e-10)
            rest = var_b if gain < 0.0 else var_b - gain * covariance
            kept += np.log10(1.0 + max(gain, 0.0) ** 2 * var_a / (rest + 2.0))
            whole += np.log10(1.0 + var_a / 2.0)
    assert metrics.information_fidelity(one, other) == pytest.approx(kept / whole, rel=1e-6)
    assert metrics.information_fidelity(one, one) == pytest.approx(1.0, abs=1e-6)
    assert metrics.information_fidelity(one, np.full_like(one, 9.0)) == pytest.approx(0.0, abs=1e-6)


def test_all_metrics_are_finite_on_ordinary_images(images):
    values = metrics.all_metrics(images[0], images[1], 0.5 * (images[0] + images[1]))
    assert set(values) == {"EN", "SD", "SF", "AG", "MI", "SSIM", "SCD", "VIF", "PSNR", "Qabf"}
    assert all(np.isfinite(value) for value in values.values())


def test_all_metrics_are_the_single_ones_and_sums_over_both_sources(images):
    visible, thermal = images[0], images[1][::-1]
    fused = 0.7 * visible + 0.3 * thermal
    values = metrics.all_metrics(visible, thermal, fused)
    for name, measure in {
        "EN": metrics.entropy,
        "SD": metrics.standard_deviation,
        "SF": metrics.spatial_frequency,
        "AG": metrics.average_gradient,
    }.items():
        assert values[name] == measure(fused)
    for name, compare in {
        "MI": metrics.mutual_information,
        "SSIM": metrics.structural_similarity,
        "VIF": metrics.information_fidelity,
    }.items():
        assert values[name] == compare(visible, fused) + compare(thermal, fused)
    for name, judge in {"SCD": metrics.correlations_of_differences, "Qabf": metrics.edge_preservation}.items():
        assert values[name] == judge(visible, thermal, fused)
    errors = [10.0 ** (-metrics.peak_signal_to_noise_db(source, fused) / 10.0) for source in (visible, thermal)]
    assert values["PSNR"] == pytest.approx(-10.0 * np.log10(np.mean(errors)))


def test_edges_are_kept_by_the_source_and_lost_by_a_flat_image(images):
    one, other = images
    assert metrics.edge_preservation(one, one, one) > 0.95
    assert metrics.edge_preservation(one, other, np.full_like(one, 90.0)) < 0.01
    blurred = cv2.GaussianBlur(one, (0, 0), 4.0)
    assert metrics.edge_preservation(one, one, blurred) < metrics.edge_preservation(one, one, other)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_an_edge_of_half_the_strength_or_a_fifth_of_a_right_angle_aside_is_kept_by_half(order):
    """Xydeas and Petrovic's constants by hand: sigmoids about 0.5 of the strength and 0.8 of the direction."""
    step, flat = np.where(np.arange(80) < 40, 50.0, 150.0) * np.ones((60, 1)), np.full((60, 80), 9.0)
    whole_strength, whole_turn = 0.9994 / (1.0 + np.exp(-7.5)), 0.9879 / (1.0 + np.exp(-4.4))
    assert metrics.edge_preservation(*[step, flat][order], 0.5 * step) == pytest.approx(0.9994 / 2.0 * whole_turn)
    along, down = np.arange(400.0)[None, :] * np.ones((400, 1)), np.arange(400.0)[:, None] * np.ones((1, 400))
    turned = np.cos(np.radians(18.0)) * along + np.sin(np.radians(18.0)) * down
    kept = metrics.edge_preservation(*[along, np.full_like(along, 9.0)][order], turned)
    assert kept == pytest.approx(whole_strength * 0.9879 / 2.0, rel=0.01)
