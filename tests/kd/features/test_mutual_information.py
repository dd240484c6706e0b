import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.randomness import scoped
from graphdistill.kd.features import MutualInformation, mutual_information


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9, 1.0])
def test_naive_loop(alpha):
    draws = torch.Generator().manual_seed(0)
    scores, log_q = torch.randn(5, 5, generator=draws).double(), torch.randn(5, generator=draws).double()
    found = mutual_information(scores, log_q, alpha)
    for j in range(5):
        e, q = [math.exp(scores[i, j]) for i in range(5)], math.exp(log_q[j])
        joint = sum(e[i] for i in range(5) if i != (j + 1) % 5) / 4
        product = sum(e[i] for i in range(5) if i != j) / 4
        value = 1 + math.log(e[j] / (alpha * joint + (1 - alpha) * q)) - product / (alpha * product + (1 - alpha) * q)
        assert found[j].item() == pytest.approx(value)


def test_alpha_1_is_infonce():
    scores = torch.randn(2, 6, 6, generator=torch.Generator().manual_seed(0))
    for s in scores:
        kept = torch.stack([s[[i for i in range(6) if i != (j + 1) % 6], j] for j in range(6)])
        own = torch.tensor([j if j + 1 < 6 else j - 1 for j in range(6)])
        wanted = math.log(5) - F.cross_entropy(kept, own, reduction="none")
        assert torch.allclose(mutual_information(s, torch.randn(6), 1.0), wanted, atol=1e-5)


@given(st.integers(0, 9999), st.sampled_from([0.5, 0.9, 1.0]), st.floats(0.1, 50))
def test_no_batch_is_more_than_one_above_the_limit(seed, alpha, scale):
    draws = torch.Generator().manual_seed(seed)
    scores, log_q = scale * torch.randn(8, 8, generator=draws).double(), scale * torch.randn(8, generator=draws)
    estimate = mutual_information(scores, log_q.double(), alpha).mean().item()
    assert estimate <= math.log(7 / alpha) + (alpha < 1) + 1e-9


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("alpha", [0.1, 0.9, 1.0])
def test_the_best_critic_stays_below_the_information_of_gaussians(rho, alpha):
    draws, estimates = torch.Generator().manual_seed(0), []
    for _ in range(400):
        x, noise = torch.randn(2, 33, generator=draws, dtype=torch.float64)
        y = rho * x + (1 - rho**2) ** 0.5 * noise
        scores = -((y - rho * x.unsqueeze(1)) ** 2) / (2 * (1 - rho**2)) - 0.5 * math.log(1 - rho**2)
        estimates.append(mutual_information(scores, -(y**2) / 2, alpha).mean())
    estimates = torch.stack(estimates)
    truth, error = -0.5 * math.log(1 - rho**2), (estimates.std() / 20).item()
    assert estimates.mean() < min(truth, math.log(32 / alpha)) + 2 * error
    assert estimates.mean() > 0.8 * truth - 2 * error


def test_critic_and_q_learn_the_information():
    rho, draws = 0.8, torch.Generator().manual_seed(0)
    with scoped(0, "critic"):
        loss = MutualInformation(1, 1)
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-2)

    def estimate():
        x, noise = torch.randn(2, 64, 1, generator=draws)
        return loss(rho * x + (1 - rho**2) ** 0.5 * noise, x).mean()

    for _ in range(120):
        optimizer.zero_grad()
        estimate().backward()
        optimizer.step()
    with torch.no_grad():
        learned = -torch.stack([estimate() for _ in range(50)]).mean().item()
    assert 0.3 < learned < -0.5 * math.log(1 - rho**2) + 0.03


def test_features_of_pixels_and_tokens_are_averaged_out():
    loss = MutualInformation(3, 2)
    maps, tokens = torch.rand(4, 3, 5, 5), torch.rand(4, 7, 2)
    assert torch.allclose(loss(maps, tokens), loss(maps.mean((2, 3)), tokens.mean(1)))
    assert loss(maps[:2], tokens[:2]).tolist() == [0, 0]


def test_bad_input():
    with pytest.raises(ValueError, match="alpha must be between 0 and 1, got 2"):
        MutualInformation(1, 1, alpha=2)
    with pytest.raises(ValueError, match="alpha must be between 0 and 1, got -1"):
        mutual_information(torch.zeros(3, 3), torch.zeros(3), -1)
    with pytest.raises(ValueError, match=r"for 3 or more pairs, got \(2, 2\) and \(2,\)"):
        mutual_information(torch.zeros(2, 2), torch.zeros(2))
