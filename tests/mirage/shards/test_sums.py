import numpy as np
import pytest
import torch

from graphdistill.mirage.shards.sums import LOG_COUNT, LOSS_POINT, POINT, curvature_sums, logistic_sums, margins


@pytest.fixture
def rows():
    draw = np.random.default_rng(0)
    sizes = draw.integers(0, 6, 50)
    ptr = np.concatenate([[0], np.cumsum(sizes)])
    column = np.concatenate([draw.choice(9, size, replace=False) for size in sizes]).astype(np.uint16)
    count = draw.integers(1, 300, len(column)).astype(np.uint16)
    y = draw.integers(0, 2, 50).astype(float)
    y[::7] = np.nan
    x = np.zeros((50, 10))
    x[np.repeat(np.arange(50), sizes), column] = np.log1p(count.astype(float))
    x[:, -1] = 1
    return ptr, column, count, y, x, draw.normal(size=10) / 4


def test_gradient_and_loss_are_those_of_autograd(rows):
    ptr, column, count, y, x, coef = rows
    weight, out = np.array([0.7, 1.9]), np.zeros(10, np.int64)
    loss = logistic_sums(ptr, column, count, y, weight, coef, LOG_COUNT, out)
    known = ~np.isnan(y)
    w = torch.tensor(coef, requires_grad=True)
    margin, target = torch.tensor(x[known]) @ w, torch.tensor(y[known])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        margin, target, weight=torch.tensor(np.where(y[known] > 0.5, 1.9, 0.7)), reduction="sum"
    )
    expected.backward()
    assert loss / 2**LOSS_POINT == pytest.approx(float(expected.detach()), abs=1e-5)
    assert np.allclose(out / 2.0**POINT, w.grad.numpy(), atol=1e-7)
    scores = np.zeros(50)
    margins(ptr, column, count, coef, LOG_COUNT, scores)
    assert np.allclose(scores, x @ coef, rtol=1e-12)


def test_any_order_of_the_molecules_gives_the_same_bits(rows):
    ptr, column, count, y, _, coef = rows
    weight, whole = np.array([0.7, 1.9]), np.zeros(10, np.int64)
    loss = logistic_sums(ptr, column, count, y, weight, coef, LOG_COUNT, whole)
    pieces, total = np.zeros(10, np.int64), 0
    for i in np.random.default_rng(1).permutation(50):
        span = slice(ptr[i], ptr[i + 1])
        own = np.array([0, ptr[i + 1] - ptr[i]])
        total += logistic_sums(own, column[span], count[span], y[i : i + 1], weight, coef, LOG_COUNT, pieces)
    assert total == loss
    assert np.array_equal(pieces, whole)


def test_curvature_is_that_of_dense_columns(rows):
    ptr, column, count, _, x, _ = rows
    d = np.random.default_rng(2).random(50)
    place = np.array([2, -1, 0, 1, -1, -1, 3, -1, -1])
    dense, rest = np.zeros((5, 5)), np.zeros(9)
    curvature_sums(ptr, column, count, d, place, LOG_COUNT, dense, rest)
    full = x.T @ (d[:, None] * x)
    order = [2, 3, 0, 6, 9]
    assert np.allclose(np.tril(dense), np.tril(full[np.ix_(order, order)]))
    assert np.allclose(rest, np.where(place < 0, np.diag(full)[:-1], 0))
