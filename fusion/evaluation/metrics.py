"""Fusion metrics on grey images: (H, W) arrays in grey levels 0..255. Larger is better in all of them.

EN, SD, SF, AG and MI as in Ma, Ma, Li: "Infrared and visible image fusion methods and applications: a survey",
Information Fusion 45 (2019), section 5; Qabf after Xydeas and Petrovic 2000; SSIM after Wang et al. 2004 (Gaussian
window, sigma 1.5); SCD after Aslantas and Bendes 2015; VIF after Sheikh and Bovik 2006, in the pixel domain.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, sobel

Grey = NDArray[np.floating] | NDArray[np.uint8]


def grey(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(H, W, 3) RGB or (H, W) bytes -> (H, W) luminance in grey levels (ITU-R BT.601)."""
    if image.ndim == 2:
        return image.astype(np.float64)
    return image[..., :3].astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def entropy(fused: Grey) -> float:
    """EN: entropy of the 256-bin histogram, in bits."""
    share = np.bincount(_levels(fused).ravel(), minlength=256) / fused.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def standard_deviation(fused: Grey) -> float:
    """SD, in grey levels."""
    return float(np.std(fused, dtype=np.float64))


def spatial_frequency(fused: Grey) -> float:
    """SF: root of the mean squares of the differences along rows and along columns."""
    image = np.asarray(fused, np.float64)
    return float(np.sqrt(np.square(np.diff(image, axis=1)).mean() + np.square(np.diff(image, axis=0)).mean()))


def average_gradient(fused: Grey) -> float:
    """AG: mean of sqrt((dx^2 + dy^2) / 2) over forward differences."""
    image = np.asarray(fused, np.float64)
    across, down = np.diff(image, axis=1)[:-1], np.diff(image, axis=0)[:, :-1]
    return float(np.sqrt((across**2 + down**2) / 2.0).mean())


def mutual_information(source: Grey, fused: Grey) -> float:
    """Mutual information of two images from their 256 x 256 joint histogram, in bits."""
    joint = np.bincount(_levels(source).ravel() * 256 + _levels(fused).ravel(), minlength=65536).reshape(256, 256)
    share = joint / joint.sum()
    product = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
    seen = share > 0
    return float((share[seen] * np.log2(share[seen] / product[seen])).sum())


def structural_similarity(one: Grey, other: Grey) -> float:
    """SSIM with the Gaussian window of the paper (11 pixels wide, sigma 1.5), K1 = 0.01, K2 = 0.03."""
    x, y = np.asarray(one, np.float64), np.asarray(other, np.float64)

    def mean(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(image, 1.5, truncate=5.0 / 1.5), np.float64)

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y, covariance = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float(similarity[5:-5, 5:-5].mean())  # only where the window lies inside, as the paper's own code


def peak_signal_to_noise_db(reference: Grey, other: Grey) -> float:
    """PSNR for a peak of 255, in dB; infinite for equal images."""
    error = float(np.square(np.asarray(reference, np.float64) - np.asarray(other, np.float64)).mean())
    return 10.0 * float(np.log10(255.0**2 / error)) if error > 0.0 else float("inf")


def correlations_of_differences(visible: Grey, thermal: Grey, fused: Grey) -> float:
    """SCD: r(fused - thermal, visible) + r(fused - visible, thermal), in -2..2; flat images correlate with nothing."""
    v, t, f = (np.asarray(image, np.float64) for image in (visible, thermal, fused))
    return _correlation(f - t, v) + _correlation(f - v, t)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    a, b = one - one.mean(), other - other.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 0.0 else 0.0


def information_fidelity(source: Grey, fused: Grey, noise: float = 2.0) -> float:
    """VIF in the pixel domain: information about the source that is left in the fused image, 1 for the source itself.

    Four scales with Gaussian windows of 17, 9, 5 and 3 pixels (sigma a fifth of that); `noise` is the variance of the
    eye's own noise in squared grey levels. Needs images of 41 pixels or more each way.
    """
    x, y = np.asarray(source, np.float64), np.asarray(fused, np.float64)
    tiny, kept, whole = 1e-10, 0.0, 0.0
    for scale in range(1, 5):
        size = 2 ** (5 - scale) + 1

        def mean(image: NDArray[np.float64], size: int = size) -> NDArray[np.float64]:
            half = size // 2
            smooth = gaussian_filter(image, size / 5.0, radius=half, mode="constant")
            return np.asarray(smooth[half:-half, half:-half], np.float64)  # only where the window lies inside

        if scale > 1:
            x, y = mean(x)[::2, ::2], mean(y)[::2, ::2]
        mean_x, mean_y = mean(x), mean(y)
        var_x = np.maximum(mean(x * x) - mean_x**2, 0.0)
        var_y = np.maximum(mean(y * y) - mean_y**2, 0.0)
        covariance = mean(x * y) - mean_x * mean_y
        gain = covariance / (var_x + tiny)
        rest = var_y - gain * covariance
        flat = var_x < tiny
        gain, rest, var_x = np.where(flat, 0.0, gain), np.where(flat, var_y, rest), np.where(flat, 0.0, var_x)
        gain, rest = np.where(var_y < tiny, 0.0, gain), np.where(var_y < tiny, 0.0, rest)
        rest = np.maximum(np.where(gain < 0.0, var_y, rest), tiny)
        gain = np.maximum(gain, 0.0)
        kept += float(np.log10(1.0 + gain**2 * var_x / (rest + noise)).sum())
        whole += float(np.log10(1.0 + var_x / noise).sum())
    return kept / whole if whole > 0.0 else 1.0


def edge_preservation(visible: Grey, thermal: Grey, fused: Grey) -> float:
    """Qabf: how much of the strength and direction of the sources' edges is found in the fused image, in 0..1.

    Xydeas and Petrovic, Electronics Letters 36 (2000), eq. 4, to the letter, because published figures are: angles are
    compared on a line, though those of undirected edges lie on a circle. A turn across its seam, from just below pi/2
    to just above -pi/2, counts as one of pi: noise on an edge that runs along the rows costs it, noise on one that runs
    along the columns does not, and a transposed picture scores otherwise.
    """
    strength_f, angle_f = _edges(fused)
    kept, weights = np.float64(0.0), np.float64(0.0)
    for source in (visible, thermal):
        strength, angle = _edges(source)
        low, high = np.minimum(strength, strength_f), np.maximum(strength, strength_f)
        ratio = np.where(high > 0.0, low / np.where(high > 0.0, high, 1.0), 0.0)
        # Down to -1 across the seam: not wrapped, as in the paper.
        turn = 1.0 - np.abs(angle - angle_f) / (np.pi / 2.0)
        quality = 0.9994 / (1.0 + np.exp(-15.0 * (ratio - 0.5))) * 0.9879 / (1.0 + np.exp(-22.0 * (turn - 0.8)))
        kept += (quality * strength).sum()
        weights += strength.sum()
    return float(kept / weights) if weights > 0.0 else 0.0


def all_metrics(visible: Grey, thermal: Grey, fused: Grey) -> dict[str, float]:
    """Every metric of this module by its usual short name; MI, SSIM and VIF are sums over both sources, PSNR is that of
    the mean squared error to both."""
    alone: dict[str, Callable[[Grey], float]] = {
        "EN": entropy, "SD": standard_deviation, "SF": spatial_frequency, "AG": average_gradient,
    }  # fmt: skip
    values = {name: measure(fused) for name, measure in alone.items()}
    values["MI"] = mutual_information(visible, fused) + mutual_information(thermal, fused)
    values["SSIM"] = structural_similarity(visible, fused) + structural_similarity(thermal, fused)
    values["SCD"] = correlations_of_differences(visible, thermal, fused)
    values["VIF"] = information_fidelity(visible, fused) + information_fidelity(thermal, fused)
    f = np.asarray(fused, np.float64)
    error = float(np.mean([np.square(np.asarray(source, np.float64) - f).mean() for source in (visible, thermal)]))
    values["PSNR"] = 10.0 * float(np.log10(255.0**2 / error)) if error > 0.0 else float("inf")
    values["Qabf"] = edge_preservation(visible, thermal, fused)
    return values


def _levels(image: Grey) -> NDArray[np.int64]:
    return np.asarray(np.clip(np.rint(np.asarray(image, np.float64)), 0, 255), np.int64)


def _edges(image: Grey) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sobel strength, and angle in -pi/2..pi/2."""
    plane = np.asarray(image, np.float64)
    across, down = sobel(plane, axis=1), sobel(plane, axis=0)
    angle = np.arctan(np.divide(down, across, out=np.full_like(down, np.inf), where=across != 0.0))
    return np.hypot(across, down), np.where(np.isfinite(angle), angle, np.pi / 2.0)
