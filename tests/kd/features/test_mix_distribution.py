import math

import pytest
import torch

from graphdistill.kd.features.mix_distribution import info_nce, mix_distribution


def test_channels_have_the_statistics_of_the_other_entry():
    draws = torch.Generator().manual_seed(0)
    h = torch.randn(4, 3, 5, 6, generator=draws, dtype=torch.double) * 3 + 1
    order = torch.tensor([2, 0, 3, 1])
    found = mix_distribution(h, order, 0.0)
    for i, j in enumerate(order.tolist()):
        for c in range(3):
            mu, sd = (h[i, c].mean(), h[i, c].std(correction=0)), (h[j, c].mean(), h[j, c].std(correction=0))
            torch.testing.assert_close(found[i, c], sd[1] * (h[i, c] - mu[0]) / mu[1] + sd[0])
    torch.testing.assert_close(mix_distribution(h, torch.arange(4)), h)
    assert bool(mix_distribution(torch.ones(2, 1, 3), torch.tensor([1, 0])).isfinite().all())


def test_features_without_positions_are_refused():
    with pytest.raises(ValueError, match=r"features must be \[n, d, ...\] with positions, got \[4, 3\]"):
        mix_distribution(torch.rand(4, 3), torch.arange(4))


def test_the_contrast_is_that_of_a_loop():
    draws = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 5, 3, generator=draws, dtype=torch.double)
    wanted = []
    for i in range(5):
        scores = [math.exp(float(torch.cosine_similarity(a[i], b[j], 0)) / 0.3) for j in range(5)]
        wanted.append(-math.log(scores[i] / sum(scores)))
    torch.testing.assert_close(info_nce(a, b, 0.3), torch.tensor(wanted, dtype=torch.double))
