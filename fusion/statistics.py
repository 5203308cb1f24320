"""What an ensemble of samples agrees on, pixel by pixel."""

from torch import Tensor


def pixel_statistics(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Samples (K, 3, h, w) of one pair in [0, 1] -> (mu (3, h, w), s2 (h, w)).

    mu(p) = mean_k y_k(p); s2(p) = mean over channels of the unbiased variance over k of y_k(p). One sample alone says
    nothing about variance: s2 is then zero everywhere.
    """
    mean = samples.mean(dim=0)
    if samples.shape[0] == 1:
        return mean, samples.new_zeros(samples.shape[-2:])
    return mean, samples.var(dim=0, correction=1).mean(dim=0)


def pixel_weight(variance: Tensor, tau: float) -> Tensor:
    """w(p) = exp(-s2(p) / tau), divided by its mean over the image: (..., h, w) -> (..., h, w), mean 1 per image."""
    # The smallest variance is taken out first: it cancels in the division, and exp cannot then be zero everywhere.
    lowest = variance.amin(dim=(-2, -1), keepdim=True)
    weight = ((lowest - variance) / tau).exp()
    return weight / weight.mean(dim=(-2, -1), keepdim=True)
