import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.kd.targets.private_temperature import PrivateTemperature, privacy

PROBABILITY = st.floats(0, 1, allow_subnormal=False)


@given(st.lists(st.tuples(PROBABILITY, PROBABILITY), min_size=1, max_size=20))
def test_the_score_is_the_relative_gap(pairs):
    confidence, without = torch.tensor(pairs, dtype=torch.float64).T
    got = privacy(confidence, without)
    want = [0.0 if a <= b else (a - b) / a for a, b in pairs]
    assert got.tolist() == pytest.approx(want)
    assert 0 <= float(got.min()) <= float(got.max()) <= 1


def test_the_temperature_is_that_of_each_row():
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    score = torch.tensor([0.0, 0.25, 0.5, 1.0])
    got = PrivateTemperature(strength=8.0, noise=0.0)(z, score, torch.Generator())
    for i in range(4):
        torch.testing.assert_close(got[i], z[i] / (1 + 8 * score[i]))
    entropy = torch.distributions.Categorical(logits=got).entropy()
    public = torch.distributions.Categorical(logits=z).entropy()
    assert torch.equal(got[0], z[0])
    assert (entropy[1:] > public[1:]).all()


def test_noise_grows_with_the_score_and_is_that_of_the_generator():
    z, score = torch.zeros(3, 20_000), torch.tensor([0.0, 0.5, 1.0])
    draw = PrivateTemperature(noise=2.0)
    got = draw(z, score, torch.Generator().manual_seed(1))
    assert got.std(dim=1).tolist() == pytest.approx([0, 1, 2], rel=0.03)
    assert torch.equal(got, draw(z, score, torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("name", ["strength", "noise"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_options_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be 0 or more, got {value}"):
        PrivateTemperature(**{name: value})
