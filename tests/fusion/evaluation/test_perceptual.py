import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fusion.evaluation.perceptual import perceptual_distance


def features(images: torch.Tensor) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    first = F.relu(F.conv2d(images, torch.randn(8, 3, 3, 3, generator=generator)))
    return [first, F.relu(F.conv2d(first, torch.randn(6, 8, 3, 3, generator=generator), stride=2))]


def test_the_distance_is_the_formula_written_out():
    one, other = torch.rand(2, 3, 12, 14), torch.rand(2, 3, 12, 14)
    found = perceptual_distance(one, other, features)
    for index in range(2):
        expected = 0.0
        for a, b in zip(features(one[index : index + 1]), features(other[index : index + 1])):
            places = [
                np.sum((p / np.linalg.norm(p) - q / np.linalg.norm(q)) ** 2)
                for p, q in zip(a[0].flatten(1).T.numpy(), b[0].flatten(1).T.numpy())
            ]
            expected += float(np.mean(places))
        assert float(found[index]) == pytest.approx(expected, rel=1e-4)
    assert torch.equal(perceptual_distance(one, one, features), torch.zeros(2))


def test_more_blur_is_further_away_and_a_single_map_will_do():
    sharp = torch.rand(1, 3, 32, 32)
    blurred = [F.avg_pool2d(F.pad(sharp, (k // 2,) * 4, mode="replicate"), k, stride=1) for k in (3, 7)]
    near, far = (float(perceptual_distance(sharp, other, lambda x: features(x)[0])) for other in blurred)
    assert 0.0 < near < far
