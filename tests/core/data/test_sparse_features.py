from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphdistill.core.data.sparse_features import DENSE, SparseFeatures
from graphdistill.core.randomness import scoped
from tests.kd.nodes.samples import rows


def filled(share: float, count: int = 40, width: int = 30, dtype: torch.dtype = torch.float64) -> Tensor:
    """Rows of which about a share is not zero; the first and the last are empty."""
    x = rows(count, width, dtype=dtype)
    x = x * (torch.rand(count, width, generator=torch.Generator().manual_seed(1)) < share)
    x[0] = x[-1] = 0
    return x


def layer(bias: bool = True, dtype: torch.dtype = torch.float64) -> nn.Linear:
    with scoped(0, "weights"):
        return nn.Linear(30, 5, bias=bias, dtype=dtype)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.15, 0.5, 1.0])
def test_value_and_gradient_are_those_of_the_linear_layer(share: float, bias: bool) -> None:
    x, linear, factor = filled(share), layer(bias), rows(40, 5, dtype=torch.double)
    features = SparseFeatures(x)
    assert (features.segments is not None) == (share < DENSE)
    got, want = features(linear), linear(x)
    torch.testing.assert_close(got, want)
    ours, plain = (torch.autograd.grad((out * factor).sum(), list(linear.parameters())) for out in (got, want))
    for our, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(our, other)


def test_empty_rows_give_the_bias() -> None:
    linear = layer()
    out = SparseFeatures(filled(0.1))(linear)
    assert torch.equal(out[0], linear.bias)
    assert torch.equal(out[-1], linear.bias)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_dropout_is_right_on_average_and_drops_entries_one_by_one(share: float) -> None:
    x, linear = filled(share), layer(bias=False).requires_grad_(False)
    features = SparseFeatures(x)
    with scoped(0, "dropout"):
        outs = torch.stack([features(linear, 0.4) for _ in range(4000)])
    want = linear(x)
    torch.testing.assert_close(outs.mean(dim=0), want, rtol=0, atol=0.12 * float(want.abs().max()))
    # Of independent entries of variance p / (1 - p): correlated ones would vary more.
    spread = (x.square() @ linear.weight.square().T) * 0.4 / 0.6
    torch.testing.assert_close(outs.var(dim=0), spread, rtol=0.15, atol=1e-9)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_dropout_draws_from_torchs_generator_and_none_draws_nothing(share: float) -> None:
    features, linear = SparseFeatures(filled(share)), layer()
    outs = []
    for seed in (0, 0, 1):
        with scoped(seed, "dropout"):
            outs.append(features(linear, 0.5))
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
    assert torch.equal(features(linear), features(linear, 0.0))


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_all_dropped_is_the_bias(share: float) -> None:
    linear = layer()
    assert torch.equal(SparseFeatures(filled(share))(linear, 1.0), linear.bias.expand(40, -1))


def test_float32_agrees_too() -> None:
    x, linear = filled(0.1, dtype=torch.float32), layer(dtype=torch.float32)
    torch.testing.assert_close(SparseFeatures(x)(linear), linear(x))


def test_no_rows_at_all() -> None:
    assert SparseFeatures(torch.empty(0, 30, dtype=torch.double))(layer()).shape == (0, 5)
