import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.compress.bottleneck import LEVELS, TOTAL, Bottleneck, FactorizedPrior


def prior(channels=3, seed=0):
    torch.manual_seed(seed)
    made = FactorizedPrior(channels)
    with torch.no_grad():
        for numbers in (*made.biases, *made.gates):
            numbers.copy_(0.1 * torch.randn(numbers.shape))
    return made


def bottleneck(channels=3):
    made = Bottleneck(channels)
    made.prior = prior(channels)
    return made.freeze()


@torch.no_grad()
def by_hand(made, k, y):
    """The distribution function of a channel at one place, with loops."""
    value = [y]
    for i, (matrix, bias) in enumerate(zip(made.matrices, made.biases, strict=True)):
        rows = torch.nn.functional.softplus(10 * matrix[k]).tolist()
        value = [sum(w * v for w, v in zip(row, value, strict=True)) for row in rows]
        value = [v + 10 * float(b) for v, b in zip(value, bias[k], strict=True)]
        if i < len(made.gates):
            gate = (10 * made.gates[i][k]).tanh().flatten().tolist()
            value = [v + g * float(torch.tensor(v).tanh()) for v, g in zip(value, gate, strict=True)]
    return float(torch.tensor(value[0]).sigmoid())


def test_the_distribution_function_is_that_of_the_paper_and_grows():
    made = prior()
    y = torch.linspace(-40, 40, 41).expand(3, -1)
    found = made.logits(y).sigmoid()
    assert bool((found.diff(dim=1) >= 0).all())
    for k in range(3):
        expected = torch.tensor([by_hand(made, k, float(v)) for v in y[k]])
        torch.testing.assert_close(found[k], expected, atol=1e-5, rtol=1e-4)
    width = made.likelihood(y)
    exact = made.double().logits(y.double() + 0.5).sigmoid() - made.logits(y.double() - 0.5).sigmoid()
    torch.testing.assert_close(width.double(), exact, atol=1e-6, rtol=1e-3)


def test_the_table_is_the_prior_in_integers():
    made = prior()
    found, values = made.frequency(), torch.arange(LEVELS).expand(3, -1) - LEVELS // 2
    assert int(found.min()) >= 1
    assert bool(((found.sum(dim=1) - TOTAL - LEVELS).abs() <= LEVELS).all())
    share = made.likelihood(values.float())
    torch.testing.assert_close((found - 1)[:, 1:-1] / TOTAL, share[:, 1:-1], atol=2 / TOTAL, rtol=1e-3)


def test_noise_in_training_and_rounding_once_frozen():
    torch.manual_seed(0)
    made, y = Bottleneck(2), 3 * torch.randn(50, 2, 4)
    noise = made(y) - y
    assert -0.5 <= float(noise.min()) < -0.4
    assert 0.4 < float(noise.max()) <= 0.5
    assert torch.equal(made.eval()(y), y.round())
    assert torch.equal(made.train().freeze()(y), y.round())
    assert torch.equal(made(torch.tensor([[[-900.0], [900.0]]])).flatten(), torch.tensor([-64.0, 63.0]))
    assert not any(weight.requires_grad for weight in made.parameters())


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 5), places=st.integers(1, 6), seed=st.integers(0, 2**20))
def test_features_come_back_rounded_in_about_the_bytes_of_the_rate(count, places, seed):
    made = bottleneck()
    y = 6 * torch.randn(count, 3, places, 2, generator=torch.Generator().manual_seed(seed))
    streams = made.encode(y)
    assert torch.equal(made.decode(streams, (3, places, 2)), made(y))
    bits = made.bits(made(y)).detach()
    for data, rate in zip(streams, bits.tolist(), strict=True):
        assert rate / 8 - 1 <= len(data) <= 1.01 * rate / 8 + 3
    whole = made.encode_batch(y)
    assert torch.equal(made.decode_batch(whole, (3, places, 2), limit=5), made(y))
    assert len(whole) - 8 <= 1.01 * float(bits.sum()) / 8 + 3


def test_bits_have_the_gradient_that_lowers_the_rate():
    made = Bottleneck(2)
    z = torch.randn(4, 2, 3, requires_grad=True)
    made.bits(z).sum().backward()
    assert all(weight.grad is not None for weight in made.prior.parameters())
    step = 1e-2
    with torch.no_grad():
        assert float(made.bits(z - step * z.grad).sum()) < float(made.bits(z).sum())


def test_what_cannot_be_coded_is_refused():
    made, y = bottleneck(), torch.zeros(2, 3, 4)
    with pytest.raises(ValueError, match=r"has no table yet; train it, then call freeze\(\)"):
        Bottleneck(3).encode(y)
    with pytest.raises(ValueError, match=r"must be finite \[n, 3, ...\], got \[2, 4\], which are finite"):
        made.encode(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="which are not finite"):
        made.encode(y / 0)
    data = made.encode_batch(y)
    with pytest.raises(ValueError, match="names 2 entries, of which 1 may come"):
        made.decode_batch(data, (3, 4), limit=1)
    with pytest.raises(ValueError, match="its check does not fit"):
        made.decode_batch(data[:4] + bytes(4) + data[8:], (3, 4), limit=2)
    with pytest.raises(ValueError, match=r"the stream has 3 bytes and names"):
        made.decode_batch(data[:3], (3, 4), limit=2)
    with pytest.raises(ValueError, match="of each of 3 channels of this table"):
        made.decode(made.encode(30 * torch.randn(1, 3, 900)), (3, 4))
