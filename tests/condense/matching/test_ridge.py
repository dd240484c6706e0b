"""Ridge regression against scikit-learn, the kernel against numbers one by one and against a wide network."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.kernel_ridge import KernelRidge
from torch import Tensor

from graphdistill.condense.matching.ridge import arc_cosine, centred, krr_score, ridge
from tests.condense.samples import context_of, seeded


def test_the_solution_is_that_of_scikit_learn() -> None:
    draw = seeded()
    x, context, y = (torch.rand(n, d, generator=draw).double() for n, d in ((6, 4), (3, 4), (6, 2)))
    gram = x @ x.T
    model = KernelRidge(alpha=0.3 * float(gram.diagonal().mean()), kernel="linear").fit(x.numpy(), y.numpy())
    torch.testing.assert_close(ridge(gram, context @ x.T, y, 0.3), torch.from_numpy(model.predict(context.numpy())))


def test_without_a_ridge_what_was_learnt_is_given_back() -> None:
    gram = arc_cosine(torch.rand(5, 9, generator=seeded()), torch.rand(5, 9, generator=seeded()))
    y = torch.rand(5, 3, generator=seeded(1)).double()
    torch.testing.assert_close(ridge(gram, gram, y, 0.0), y)
    assert float(ridge(gram, gram, y, 1e9).abs().max()) < 1e-6


def test_gradients_of_the_solution_are_right() -> None:
    draw = seeded()
    x, z, y = (torch.rand(n, d, generator=draw).double().requires_grad_() for n, d in ((3, 4), (2, 4), (3, 2)))
    assert torch.autograd.gradcheck(lambda x, z, y: ridge(arc_cosine(x, x), arc_cosine(z, x), y, 0.1), (x, z, y))


def tangent_naive(x: list[float], z: list[float], depth: int) -> float:
    """The kernel of two rows by scalars: the covariance of a layer from that of the layer before."""
    inside = lambda a, b: sum(p * q for p, q in zip(a, b, strict=True))  # noqa: E731
    xx, zz, xz = inside(x, x), inside(z, z), inside(x, z)
    tangent = xz
    for _ in range(depth):
        angle = math.acos(max(-1.0, min(1.0, xz / math.sqrt(xx * zz))))
        xz = math.sqrt(xx * zz) * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
        tangent = tangent * (math.pi - angle) / math.pi + xz
    return tangent


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(0, 4))
def test_the_kernel_is_that_of_scalars(seed: int, depth: int) -> None:
    draw = seeded(seed)
    x, z = (torch.randn(n, 3, generator=draw).double() for n in (2, 3))
    wanted = [[tangent_naive(a, b, depth) for b in z.tolist()] for a in x.tolist()]
    torch.testing.assert_close(arc_cosine(x, z, depth), torch.tensor(wanted).double(), rtol=1e-4, atol=1e-6)


def wide_kernel(x: Tensor, z: Tensor, width: int) -> Tensor:
    """What gradients of one wide random network with two hidden layers say of two rows."""
    draw = seeded(3)
    shapes = [(width, x.shape[1]), (width, width), (1, width)]
    weights = [torch.randn(shape, generator=draw).requires_grad_() for shape in shapes]

    def gradient(row: Tensor) -> Tensor:
        h = weights[0] @ row
        h = weights[1] @ h.relu() * math.sqrt(2 / width)
        out = weights[2] @ h.relu() * math.sqrt(2 / width)
        return torch.cat([g.flatten() for g in torch.autograd.grad(out.sum(), weights)])

    return torch.stack([torch.stack([gradient(a) @ gradient(b) for b in z]) for a in x])


def test_the_kernel_is_that_of_a_wide_network() -> None:
    x, z = torch.tensor([[1.0, 0.5]]), torch.tensor([[1.0, 0.5], [-0.2, 1.0], [0.3, -0.8]])
    torch.testing.assert_close(arc_cosine(x, z, 2).float(), wide_kernel(x, z, 1000), rtol=0.1, atol=0.05)


def test_gradients_are_finite_where_rows_are_equal_and_where_they_are_nothing() -> None:
    x = torch.tensor([[1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    kernel = arc_cosine(x, x.detach())
    kernel.sum().backward()
    assert bool(kernel.isfinite().all())
    assert bool(x.grad.isfinite().all())  # type: ignore[union-attr]


def test_targets_of_hard_and_soft_labels() -> None:
    assert centred(torch.tensor([1, 0]), 4).tolist() == [[-0.25, 0.75, -0.25, -0.25], [0.75, -0.25, -0.25, -0.25]]
    assert centred(torch.tensor([[0.5, 0.5]]), 2).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_ridge_regression_learns_easy_classes(kind) -> None:
    here = context_of(kind=kind)
    synthetic = here.real.select(here.real.sample_indices(4, seeded()))
    assert krr_score(here.protocol, synthetic) > 0.6
    assert krr_score(here.protocol, synthetic, "test") > 0.6
