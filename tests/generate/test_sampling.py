import pytest
import torch

from graphdistill.generate.noise import NoiseSchedule
from graphdistill.generate.sampling import evaluations, sample_ode
from tests.generate.samples import Mixture, denoiser, two_moons

SEED = torch.Generator().manual_seed


def test_one_normal_distribution_is_followed_along_its_exact_path():
    mean, deviation = torch.tensor([0.7, -0.4]), 0.3
    exact = Mixture([mean.tolist()], [deviation], schedule=NoiseSchedule(sigma_max=20.0))
    y = torch.zeros(500, dtype=torch.long)
    start = 20.0 * torch.randn(500, 2, generator=SEED(0))
    expected = mean + (start - mean) * deviation / (deviation**2 + 20.0**2) ** 0.5
    errors = [(sample_ode(exact, y, steps, generator=SEED(0)) - expected).abs().max().item() for steps in (10, 20, 40)]
    assert errors[-1] < 0.02
    # Heun's method is of second order.
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


def test_modes_masses_and_spreads_of_a_mixture_are_found():
    exact = two_moons()
    y = torch.arange(6000) % 2
    x = sample_ode(exact, y, 25, generator=SEED(0))
    nearest = torch.cdist(x, exact.network.means).argmin(dim=1)
    shares = torch.bincount(nearest, minlength=3) / len(x)
    torch.testing.assert_close(shares, torch.tensor([0.25, 0.25, 0.5]), rtol=0, atol=0.03)
    drawn, _ = exact.draw(y, SEED(1))
    component = torch.cdist(drawn, exact.network.means).argmin(dim=1)
    for number, mean in enumerate(exact.network.means):
        mine = x[nearest == number]
        torch.testing.assert_close(mine.mean(dim=0), mean, rtol=0, atol=0.04)
        expected = drawn[component == number].std(dim=0).mean().item()
        assert mine.std(dim=0).mean().item() == pytest.approx(expected, rel=0.1)
    # The class is what was asked for.
    assert float((exact.network.classes[nearest] == y).float().mean()) > 0.97


def test_no_class_gives_all_and_guidance_moves_away_from_the_others():
    exact = Mixture([[-0.5, 0.0], [0.5, 0.0]], [0.4, 0.4])
    nobody = torch.full((2000,), 2)
    x = sample_ode(exact, nobody, 15, generator=SEED(0))
    assert float((x[:, 0] > 0).float().mean()) == pytest.approx(0.5, abs=0.05)
    first = torch.zeros(2000, dtype=torch.long)
    plain, guided = (sample_ode(exact, first, 15, generator=SEED(0), guidance=g)[:, 0].mean() for g in (0.0, 2.0))
    assert guided < plain - 0.1


def test_evaluations_are_counted_and_the_trace_has_each_step():
    class Counter(Mixture):
        calls = 0

        def forward(self, *args, **words):
            self.calls += 1
            return super().forward(*args, **words)

    for steps, guidance in ((1, 0.0), (5, 0.0), (4, 1.5)):
        exact = Counter([[0.0, 0.0]], [0.5])
        trace = []
        y = torch.zeros(3, dtype=torch.long)
        x = sample_ode(exact, y, steps, generator=SEED(0), guidance=guidance, trace=trace)
        assert exact.calls == evaluations(steps, guidance)
        assert len(trace) == steps
        torch.testing.assert_close(trace[-1], x)


def test_the_same_seed_gives_the_same_bytes_without_gradients():
    model, y = denoiser(), torch.tensor([0, 1, 2])
    first, second, other = (sample_ode(model, y, 3, generator=SEED(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert not first.requires_grad


def test_what_cannot_be_sampled_is_refused():
    model = denoiser()
    with pytest.raises(ValueError, match="steps must be 1 or more, got 0"):
        sample_ode(model, torch.tensor([0]), 0, generator=SEED(0))
    for label in (-1, 4):
        with pytest.raises(ValueError, match=rf"y must be classes from 0 to 2, or 3 for no class, got {label}"):
            sample_ode(model, torch.tensor([0, label]), 2, generator=SEED(0))
