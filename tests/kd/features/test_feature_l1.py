import pytest
import torch

from graphdistill.core.randomness import scoped
from graphdistill.kd.features import FeatureL1


def test_naive_loop():
    with scoped(0, "projector"):
        loss = FeatureL1(3, 5)
    student, teacher = torch.randn(4, 2, 3), torch.randn(4, 2, 5)
    found = loss(student, teacher)
    for i in range(4):
        tokens = []
        for j in range(2):
            ours, theirs = loss.projector(student[i, j]), teacher[i, j]
            tokens.append((ours / ours.norm() - theirs / theirs.norm()).abs().sum())
        assert torch.allclose(found[i], sum(tokens) / 2)


def test_the_teachers_scale_does_not_matter_and_the_projector_learns():
    loss = FeatureL1(3, 5)
    student, teacher = torch.randn(4, 3, requires_grad=True), torch.randn(4, 5)
    assert torch.allclose(loss(student, teacher), loss(student, 9 * teacher), atol=1e-6)
    loss(student, teacher).mean().backward()
    assert all(p.grad is not None for p in loss.parameters())
    assert student.grad is not None


def test_bad_input():
    with pytest.raises(ValueError, match="student_width must be 1 or more, got 0"):
        FeatureL1(0, 5)
    with pytest.raises(ValueError, match=r"the same tokens, got \(4, 2, 3\) and \(4, 3, 5\); give both the same"):
        FeatureL1(3, 5)(torch.zeros(4, 2, 3), torch.zeros(4, 3, 5))
