import math

import pytest
import torch

from fusion.training.losses import (
    charbonnier,
    edge_loss,
    evidence_weight,
    gradient,
    label_weight,
    luminance,
    pixel_loss,
)
from fusion.training.statistics import pixel_statistics, pixel_weight


def test_mean_and_unbiased_variance_by_hand():
    samples = torch.zeros(3, 3, 1, 2)
    samples[:, 0, 0, 0] = torch.tensor([0.1, 0.2, 0.6])  # variance (0.04 + 0.01 + 0.09) / 2 = 0.07 in one of 3 channels
    mean, variance = pixel_statistics(samples)
    assert mean[0, 0, 0] == pytest.approx(0.3)
    assert variance[0, 0] == pytest.approx(0.07 / 3.0)
    assert variance[0, 1] == 0.0
    assert pixel_statistics(samples[:2])[1][0, 0] == pytest.approx(0.005 / 3.0)


def test_the_weight_is_the_formula_and_has_mean_one():
    variance = torch.tensor([[0.0, 0.01], [0.02, 0.05]])
    raw = [math.exp(-value / 0.02) for value in (0.0, 0.01, 0.02, 0.05)]
    expected = torch.tensor(raw).reshape(2, 2) / (sum(raw) / 4.0)
    weight = pixel_weight(variance, 0.02)
    assert torch.allclose(weight, expected)
    assert weight.mean() == pytest.approx(1.0)


def test_weights_survive_variances_far_beyond_tau():
    weight = pixel_weight(torch.tensor([[50.0, 60.0]]), 0.01)
    assert torch.allclose(weight, torch.tensor([[2.0, 0.0]]))


def test_in_a_batch_every_image_has_a_mean_weight_of_one_however_unsure_its_neighbour():
    sure, unsure = torch.tensor([[0.0, 0.01]]), torch.tensor([[50.0, 50.01]])
    weight = pixel_weight(torch.stack([sure, unsure]), 0.01)
    assert torch.allclose(weight[0], pixel_weight(sure, 0.01))
    assert torch.allclose(weight[1], weight[0], atol=1e-3)


def test_one_sample_weighs_every_pixel_alike():
    _, variance = pixel_statistics(torch.rand(1, 3, 4, 4))
    assert torch.equal(pixel_weight(variance, 0.01), torch.ones(4, 4))


def test_the_pixel_loss_does_not_look_where_the_samples_disagree():
    fused, mean = torch.zeros(1, 3, 1, 2), torch.zeros(1, 3, 1, 2)
    fused[..., 1] = 1.0
    assert float(pixel_loss(fused, mean, torch.tensor([[[2.0, 0.0]]]))) == pytest.approx(0.0)
    assert float(pixel_loss(fused, mean, torch.ones(1, 1, 2))) == pytest.approx(0.5, abs=1e-3)


def test_the_pixel_loss_is_nothing_at_the_mean_and_the_same_above_and_below_it():
    mean = torch.rand(2, 3, 4, 5)
    weight = torch.ones(2, 4, 5)
    assert float(pixel_loss(mean, mean, weight)) == 0.0
    above, below = (float(pixel_loss(mean + step, mean, weight)) for step in (0.2, -0.2))
    assert above == pytest.approx(below, rel=1e-4) == pytest.approx(0.199, abs=1e-4)


def test_charbonnier_is_the_absolute_value_away_from_zero():
    assert torch.allclose(charbonnier(torch.tensor([-0.5, 0.0, 2.0])), torch.tensor([0.5, 0.0, 2.0]), atol=1e-3)


def test_the_gradient_of_a_ramp_is_its_slope():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8) * 0.1
    assert torch.allclose(gradient(ramp)[0, 0, 2:-2, 2:-2], torch.full((4, 4), 0.1), atol=1e-6)
    assert torch.allclose(gradient(ramp)[0, 1], torch.zeros(8, 8), atol=1e-6)
    assert torch.equal(gradient(torch.ones(1, 1, 5, 5)), torch.zeros(1, 2, 5, 5))


def test_luminance_weighs_red_green_and_blue_as_television_does():
    colours = torch.eye(3).reshape(1, 3, 1, 3)
    assert luminance(colours).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])


def test_the_edge_loss_charges_lost_thermal_edges_and_forgives_stronger_ones():
    visible, thermal = torch.full((1, 3, 8, 8), 0.2), torch.full((1, 1, 8, 8), 0.2)
    thermal[..., 4:] = 0.7
    weight = torch.ones(1, 8, 8)
    lost = float(edge_loss(visible, visible, thermal, weight))
    kept = float(edge_loss(thermal.expand(1, 3, 8, 8), visible, thermal, weight))
    inverted = float(edge_loss(1.0 - 2.0 * thermal.expand(1, 3, 8, 8), visible, thermal, weight))
    assert lost > 0.05
    assert kept == pytest.approx(0.0, abs=1e-3)
    assert inverted == pytest.approx(0.0, abs=1e-3)
    seen = thermal.expand(1, 3, 8, 8)
    assert float(edge_loss(visible, seen, torch.full_like(thermal, 0.2), weight)) == pytest.approx(lost, abs=1e-4)


def test_an_edge_costs_what_it_is_beyond_the_grain_of_a_night_where_it_weighs():
    flat, inside = torch.full((1, 3, 8, 8), 0.2), torch.zeros(1, 8, 8)
    inside[:, 2:-2, 2:-2] = 4.0  # a quarter of the pixels
    ramps = (torch.arange(8.0).expand(1, 1, 8, 8) * slope for slope in (0.02, 0.08))
    faint, clear = (float(edge_loss(flat, flat, ramp, inside)) for ramp in ramps)
    assert faint == 0.0
    assert clear == pytest.approx(0.08 - 0.03, abs=1e-3)


def test_the_twin_is_looked_at_where_the_thermal_frame_shows_something():
    thermal = torch.full((1, 1, 96, 96), 0.3)
    assert torch.allclose(evidence_weight(thermal, 2.0), torch.ones(1, 96, 96), atol=1e-3)
    thermal[..., 40:50, 40:44] = 0.9
    weight = evidence_weight(thermal, 2.0)
    assert float(weight.mean()) == pytest.approx(1.0)
    assert float(weight[0, 45, 42]) > 5.0 * float(weight[0, 5, 5])
    assert torch.equal(evidence_weight(thermal, 0.0), torch.ones(1, 96, 96))


def test_a_thing_a_tenth_brighter_than_its_surroundings_weighs_its_gain_more():
    thermal = torch.zeros(1, 1, 96, 96)
    thermal[..., 48, 48] = 0.1
    weight = evidence_weight(thermal, 2.0)[0]
    assert float(weight[48, 48] / weight[5, 5]) == pytest.approx(1.0 + 2.0, rel=1e-3)


def test_the_middle_of_a_wide_thing_is_evidence_too_and_the_hottest_weighs_eleven_times_its_surroundings():
    wide, hot = torch.full((1, 1, 96, 96), 0.3), torch.zeros(1, 1, 96, 96)
    wide[..., 38:58, 38:58] = 0.9
    hot[..., 47:49, 47:49] = 1.0
    weights = [evidence_weight(thermal, 2.0)[0] for thermal in (wide, hot)]
    assert float(weights[0][48, 48] / weights[0][5, 5]) > 5.0
    assert float(weights[1][48, 48] / weights[1][5, 5]) == pytest.approx(11.0)


def test_labelled_things_weigh_by_their_gain_and_the_image_as_before():
    things = torch.zeros(2, 4, 4)
    things[0, 0, 0] = 1.0
    weight = label_weight(things, 8.0)
    assert torch.allclose(weight.mean(dim=(1, 2)), torch.ones(2))
    assert float(weight[0, 0, 0] / weight[0, 1, 1]) == pytest.approx(9.0)
    assert torch.equal(weight[1], torch.ones(4, 4))
