import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.kd.features import SquareHead


def test_naive_loop_over_tokens_that_are_no_padding():
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 4, 5, 3, generator=draws)
    mask = torch.rand(4, 5, generator=draws) < 0.6
    found = SquareHead()(student, teacher, mask=mask)
    error = size = 0.0
    rows = []
    for i in range(4):
        row = 0.0
        for j in range(5):
            if mask[i, j]:
                row += sum((student[i, j, c] - teacher[i, j, c]).item() ** 2 for c in range(3))
                size += sum(teacher[i, j, c].item() ** 2 for c in range(3))
        rows.append(row)
        error += row
    assert found.mean().item() == pytest.approx(error / size, rel=1e-5)
    assert found.tolist() == pytest.approx([4 * row / size for row in rows], rel=1e-5)


@given(st.integers(-60, 60), st.integers(0, 99))
def test_it_is_free_of_scale(power, seed):
    student, teacher = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    loss, factor = SquareHead(), 2.0**power
    assert torch.equal(loss(student, teacher), loss(factor * student, factor * teacher))


def test_padding_changes_nothing():
    student, teacher = torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([1, 1, 1, 0, 0, 0]).expand(3, 6)
    padded = SquareHead()(student, teacher, mask=mask)
    assert torch.allclose(padded, SquareHead()(student[:, :3], teacher[:, :3]))


def test_bad_input():
    with pytest.raises(ValueError, match=r"the same shape, got \(2, 3\) and \(2, 4\); SquareHead is for a student"):
        SquareHead()(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"mask must be \(2, 3\), one value per token, got \(2,\)"):
        SquareHead()(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), mask=torch.ones(2))


def test_a_silent_teacher_gives_finite_values():
    assert SquareHead()(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0, 0]
