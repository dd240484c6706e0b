import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from sklearn.metrics.pairwise import cosine_similarity

from graphdistill.kd.features import NormDirection, class_means, norm_and_cosine


def test_naive_loop():
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 6, 4, generator=draws)
    means, y = torch.randn(3, 4, generator=draws), torch.tensor([0, 2, 1, -1, 2, 0])
    found = NormDirection(means)(student, teacher, y)
    for i, c in enumerate(y.tolist()):
        norms = max(np.linalg.norm(student[i]), np.linalg.norm(teacher[i]))
        wanted = 0.0 if c < 0 else 1 - float(student[i] @ means[c]) / np.linalg.norm(means[c]) / norms
        assert found[i].item() == pytest.approx(wanted, abs=1e-6)


def test_class_means_are_those_of_a_loop():
    x, y = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 4 - 1
    found = class_means(x, y, 5)
    for c in range(3):
        assert torch.allclose(found[c], x[y == c].mean(0))
    assert found[3:].abs().max() == 0


vectors = arrays.arrays(np.float64, (2, 3), elements=st.floats(-5, 5, width=32))


@given(vectors)
def test_the_value_is_within_its_range_and_falls_with_the_norm_until_the_teachers(drawn):
    teacher, mean = torch.from_numpy(drawn)
    loss = NormDirection(mean.unsqueeze(0))
    unit = torch.nn.functional.normalize(mean, dim=0)
    values = [loss((s * unit).unsqueeze(0), teacher.unsqueeze(0), torch.tensor([0])).item() for s in (0.5, 1, 2, 4)]
    assert all(-1e-9 <= v <= 2 for v in values)
    assert values == sorted(values, reverse=True)


def test_the_gradient_of_a_long_embedding_keeps_its_norm():
    student = torch.tensor([[3.0, 4.0]], requires_grad=True)
    NormDirection(torch.tensor([[1.0, 0.0]]))(student, torch.tensor([[0.5, 0.0]]), torch.tensor([0])).sum().backward()
    assert (student.grad * student).sum().item() == pytest.approx(0, abs=1e-6)
    assert student.grad[0, 0] < 0


def test_bad_input():
    loss = NormDirection(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="y is None, but the norm and direction loss needs the class of each row"):
        loss(torch.zeros(1, 3), torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"the same width, got \(1, 2\), \(1, 3\) and \(2, 3\); project"):
        loss(torch.zeros(1, 2), torch.zeros(1, 3), torch.tensor([0]))


def test_zeros_give_finite_values_and_gradients():
    student = torch.zeros(1, 3, requires_grad=True)
    value = NormDirection(torch.zeros(2, 3))(student, torch.zeros(1, 3), torch.tensor([0]))
    value.sum().backward()
    assert value.item() == 1
    assert student.grad.isfinite().all()


def test_norm_and_cosine_are_those_of_scikit_learn():
    draws = torch.Generator().manual_seed(0)
    x, means, y = torch.randn(9, 3, generator=draws), torch.randn(2, 3, generator=draws), torch.arange(9) % 2
    norm, cosine = norm_and_cosine(x, means, y)
    assert norm == pytest.approx(np.linalg.norm(x, axis=1).mean())
    assert cosine == pytest.approx(cosine_similarity(x, means)[np.arange(9), y].mean(), rel=1e-5)
