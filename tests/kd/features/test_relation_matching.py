from __future__ import annotations

import pytest
import torch

from graphdistill.kd.features.relation_matching import RelationMatching
from tests.kd.nodes.samples import rows
from tests.reference import relation_loss_naive


def test_relations_are_compared_pair_by_pair_and_derived_by_autograd() -> None:
    teacher = rows(4, 6, dtype=torch.double)
    ours, plain = (rows(4, 5, 1, torch.double).requires_grad_() for _ in range(2))
    got = RelationMatching()(ours, teacher).mean()
    want = relation_loss_naive(plain, teacher)
    got.backward()
    want.backward()
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(ours.grad, plain.grad)


def test_relations_of_a_student_that_is_the_teacher_turned_and_scaled_are_right() -> None:
    hidden = rows(9, 5, dtype=torch.double)
    turned = torch.linalg.qr(rows(5, 5, 1, torch.double)).Q
    assert float(RelationMatching()(3 * hidden @ turned, hidden).max()) < 1e-20


def test_relations_are_of_some_rows_which_the_generator_draws() -> None:
    teacher, student = rows(50, 6), rows(50, 5, 1)

    def draw(seed: int) -> list[float]:
        draws = torch.Generator().manual_seed(seed)
        return [float(RelationMatching(8)(student, teacher, generator=draws).mean()) for _ in range(3)]

    assert draw(0) == draw(0)
    assert draw(0) != draw(1)
    assert len(set(draw(0))) == 3
    assert int((RelationMatching(8)(student, teacher) > 0).sum()) == 8


def test_its_size_is_checked() -> None:
    with pytest.raises(ValueError, match="size must be 1 or more, got 0"):
        RelationMatching(0)
