"""What holds for every loss on logits: values as of a naive loop, finite at extremes, gradients as of differences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
Row = Sequence[float]


def softmax(row: Row, temperature: float = 1.0) -> list[float]:
    """Probabilities of one row of logits."""
    highest = max(row)
    weights = [math.exp((z - highest) / temperature) for z in row]
    return [w / sum(weights) for w in weights]


def kl(p: Row, q: Row) -> float:
    """KL(p || q)."""
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def entropy(p: Row) -> float:
    """Entropy."""
    return -sum(a * math.log(a) for a in p if a > 0)


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[list[float]], list[list[float]], list[int]]:
    """Logits of student and teacher and labels, of which some are unknown."""
    n, num_classes = draw(st.integers(1, 4)), draw(st.integers(2, 5))
    row = st.lists(st.floats(-20, 20, width=16), min_size=num_classes, max_size=num_classes)
    rows = st.lists(row, min_size=n, max_size=n)
    return draw(rows), draw(rows), draw(st.lists(st.integers(-1, num_classes - 1), min_size=n, max_size=n))


def check_values(loss: Loss, naive: Callable[[Row, Row, int], float], examples: int = 25) -> None:
    """Compare with a function of one row of student and teacher and its class."""

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(batches())
    def run(batch: tuple[list[list[float]], list[list[float]], list[int]]) -> None:
        student, teacher, y = batch
        got = loss(
            torch.tensor(student, dtype=torch.float64), torch.tensor(teacher, dtype=torch.float64), torch.tensor(y)
        )
        classes = [label if label >= 0 else t.index(max(t)) for t, label in zip(teacher, y, strict=True)]
        want = [naive(s, t, c) for s, t, c in zip(student, teacher, classes, strict=True)]
        assert got.shape == (len(student),)
        torch.testing.assert_close(got, torch.tensor(want, dtype=torch.float64), rtol=1e-9, atol=1e-9)

    run()


def extremes(num_classes: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """All pairs of rows of huge logits, one-hot teachers with minus infinity included."""
    one = torch.eye(num_classes, dtype=dtype)
    student = torch.cat([1e4 * one, -1e4 * one, torch.zeros(1, num_classes, dtype=dtype)])
    teacher = torch.cat([student, one.log()])
    pairs = list(itertools.product(range(len(student)), range(len(teacher))))
    return student[[i for i, _ in pairs]], teacher[[j for _, j in pairs]]


def check_safe(loss: Loss) -> None:
    """Values and gradients are finite at huge logits, in both precisions and with 2 classes and more."""
    for dtype, num_classes in itertools.product((torch.float32, torch.float64), (2, 3)):
        student, teacher = extremes(num_classes, dtype)
        student.requires_grad_()
        y = torch.arange(len(student)) % num_classes
        value = loss(student, teacher, y)
        (grad,) = torch.autograd.grad(value.sum(), student)
        assert value.dtype == grad.dtype == dtype
        assert value.isfinite().all()
        assert grad.isfinite().all()
        assert (value > -1e-3).all()


def check_gradient(loss: Loss) -> None:
    """The gradient of the student's logits agrees with finite differences."""
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 3, 4, dtype=torch.float64, generator=draws)
    y = torch.tensor([1, -1, 3])
    assert torch.autograd.gradcheck(lambda z: loss(z, teacher, y), student.requires_grad_())


def check_errors(loss: Loss) -> None:
    """Rows or classes that differ are named."""
    y = torch.zeros(4, dtype=torch.long)
    with pytest.raises(ValueError, match=r"same rows and classes, got \[4, 3\] and \[4, 5\]"):
        loss(torch.zeros(4, 3), torch.zeros(4, 5), y)
    with pytest.raises(ValueError, match=r"2 or more classes, got 1; give a binary task two columns"):
        loss(torch.zeros(4, 1), torch.zeros(4, 1), y)
