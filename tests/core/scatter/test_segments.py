from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.data import pointer
from graphdistill.core.scatter import Segments
from tests.reference import segment_sum_naive


def draw(seed: int, lengths: list[int], num_rows: int, weighted: bool) -> tuple[Segments, Tensor]:
    """Segments of the given lengths over random rows, and float64 features."""
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(num_rows, (sum(lengths),), generator=generator)
    weight = torch.randn(sum(lengths), generator=generator, dtype=torch.double) if weighted else None
    x = torch.randn(num_rows, 3, generator=generator, dtype=torch.double)
    return Segments(pointer(torch.tensor(lengths, dtype=torch.long)), index, num_rows, weight), x


cases = st.tuples(
    st.integers(0, 1000), st.lists(st.integers(0, 5), min_size=1, max_size=6), st.integers(1, 5), st.booleans()
)


@settings(deadline=None)
@given(cases)
def test_sums_and_gradients_are_those_of_a_loop(case: tuple[int, list[int], int, bool]) -> None:
    segments, x = draw(*case)
    x.requires_grad_()
    plain = x.detach().clone().requires_grad_()
    out = segments.sum(x)
    want = segment_sum_naive(segments.ptr, segments.index, segments.weight, plain)
    torch.testing.assert_close(out, want, rtol=0, atol=1e-12)
    if len(segments.index):
        factor = torch.arange(out.numel(), dtype=torch.double).view_as(out) - 2
        (out * factor).sum().backward()
        (want * factor).sum().backward()
        torch.testing.assert_close(x.grad, plain.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_gradcheck(weighted: bool) -> None:
    segments, x = draw(0, [2, 0, 3, 1], 4, weighted)
    assert torch.autograd.gradcheck(segments.sum, (x.requires_grad_(),))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_type_of_the_features_is_kept(dtype: torch.dtype) -> None:
    segments, x = draw(1, [2, 3], 4, True)
    x = x.to(dtype).requires_grad_()
    out = segments.sum(x)
    out.sum().backward()
    assert out.dtype == dtype
    assert x.grad is not None
    assert x.grad.dtype == dtype


def test_the_same_bits_twice() -> None:
    segments, x = draw(2, [7] * 300, 50, True)
    x = x.float()
    again = Segments(segments.ptr, segments.index, segments.num_rows, segments.weight)
    leaves = [x.clone().requires_grad_() for _ in range(2)]
    outs = [s.sum(leaf) for s, leaf in zip((segments, again), leaves, strict=True)]
    for out in outs:
        (out * out).sum().backward()
    assert torch.equal(*outs)
    first, second = (leaf.grad for leaf in leaves)
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)


def test_empty_segments_sum_to_zero() -> None:
    segments = Segments(torch.tensor([0, 0, 1, 1]), torch.tensor([1]), num_rows=2)
    assert segments.sum(torch.tensor([[1.0], [5.0]])).tolist() == [[0.0], [5.0], [0.0]]


def test_an_empty_index() -> None:
    segments = Segments(torch.tensor([0, 0, 0]), torch.empty(0, dtype=torch.long), num_rows=3)
    x = torch.ones(3, 2, requires_grad=True)
    out = segments.sum(x)
    assert out.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0, 0.0]] * 3


def test_gradients_of_a_layout_that_is_not_contiguous() -> None:
    segments, x = draw(3, [2, 3], 4, False)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(segments.sum(x).T.sum(), x)  # the incoming gradient is an expanded scalar
    want = torch.bincount(segments.index, minlength=4).double()[:, None].expand(4, 3)
    assert torch.equal(gradient, want)
