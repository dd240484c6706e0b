import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.generate.noise import NoiseSchedule

LEVELS = st.floats(1e-3, 1e3)


@given(LEVELS, st.floats(1.01, 1e3), st.floats(1, 20), st.integers(1, 60))
def test_the_grid_falls_from_the_highest_to_the_least_level(low, ratio, rho, count):
    schedule = NoiseSchedule(sigma_min=low, sigma_max=low * ratio, rho=rho)
    found = schedule.sigmas(count)
    assert found.shape == (count,)
    assert float(found[0]) == pytest.approx(low * ratio, rel=1e-5)
    if count > 1:
        assert float(found[-1]) == pytest.approx(low, rel=1e-5, abs=1e-6 * low * ratio)
        assert bool((found.diff() <= 0).all())
        place = np.arange(count) / (count - 1)
        roots = schedule.sigma_max ** (1 / rho) * (1 - place) + schedule.sigma_min ** (1 / rho) * place
        np.testing.assert_allclose(found.numpy(), roots**rho, rtol=1e-4, atol=1e-6 * low * ratio)


def test_levels_of_training_are_lognormal_within_the_bounds():
    schedule = NoiseSchedule(sigma_min=1e-6, sigma_max=1e6)
    logs = schedule.lognormal(20_000, generator=torch.Generator().manual_seed(0), mean=0.3, deviation=1.2).log()
    assert float(logs.mean()) == pytest.approx(0.3, abs=0.03)
    assert float(logs.std()) == pytest.approx(1.2, abs=0.03)
    narrow = NoiseSchedule(sigma_min=0.5, sigma_max=1.0)
    found = narrow.lognormal(100, generator=torch.Generator().manual_seed(0))
    assert (float(found.min()), float(found.max())) == (0.5, 1.0)
    assert torch.equal(found, narrow.lognormal(100, generator=torch.Generator().manual_seed(0)))


def test_levels_of_generators_are_uniform_on_a_part_of_the_grid():
    schedule = NoiseSchedule()
    draws = torch.Generator().manual_seed(0)
    found = schedule.uniform(5000, generator=draws, first=0.25, last=0.75)
    high, low = schedule.at(torch.tensor([0.25, 0.75])).tolist()
    assert low <= float(found.min()) <= float(found.max()) <= high
    # The quarter of a uniform place is halfway to the middle.
    quarter = float(schedule.at(torch.tensor(0.375)))
    assert float((found > quarter).float().mean()) == pytest.approx(0.25, abs=0.03)


def test_the_weight_undoes_the_scale_of_a_networks_output():
    schedule = NoiseSchedule(sigma_data=0.7)
    sigma = torch.tensor([0.1, 1.0, 5.0])
    scale = 0.7 * sigma / (sigma**2 + 0.7**2).sqrt()
    torch.testing.assert_close(schedule.weight(sigma), scale**-2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"sigma_min": 0.0}, r"sigma_min must be above 0 and finite, got 0\.0"),
        ({"sigma_max": float("inf")}, "sigma_max must be above 0 and finite, got inf"),
        ({"sigma_data": float("nan")}, "sigma_data must be above 0 and finite, got nan"),
        ({"sigma_min": 3.0, "sigma_max": 2.0}, r"sigma_min must be below sigma_max, got 3\.0 and 2\.0"),
        ({"rho": 1e-3}, r"rho must be 1 to 100, got 0\.001"),
        ({"rho": 1e9}, r"rho must be 1 to 100, got 1000000000\.0"),
    ],
)
def test_levels_that_make_no_grid_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        NoiseSchedule(**words)


def test_a_grid_has_a_level():
    with pytest.raises(ValueError, match="count must be 1 or more, got 0"):
        NoiseSchedule().sigmas(0)
