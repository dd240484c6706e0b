import math

import numpy as np
import pytest
import torch

from graphdistill.kd.targets.class_relation import ClassRelation, relation_weights, sinkhorn_labels
from tests.kd.losses.checks import softmax


def logits(seed=0, n=6, classes=5):
    return torch.randn(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("temperature", [0.1, 1.0, 4.0])
def test_weights_are_the_naive_share_and_average_to_one(temperature):
    z = 3 * logits()
    got = relation_weights(z, 3, temperature)
    shares = [sum(softmax(row, temperature)[:3]) for row in z.tolist()]
    assert got.tolist() == pytest.approx([share / (sum(shares) / 6) for share in shares], rel=1e-9)
    assert float(got.mean()) == pytest.approx(1, abs=1e-12)


def test_weights_average_to_one_even_far_from_all_known_classes():
    z = torch.zeros(4, 3)
    z[:, 2] = 500
    torch.testing.assert_close(relation_weights(z, 2), torch.ones(4))


def test_the_loss_is_the_naive_sum():
    student, teacher = logits(), logits(1, classes=3)
    got = ClassRelation(4.0, 0.1)(student, teacher)
    weights = relation_weights(student, 3, 0.4)
    for i in range(6):
        p, q = softmax(teacher[i].tolist(), 0.4), softmax(student[i, :3].tolist(), 0.4)
        want = -16 * float(weights[i]) * sum(a * math.log(b) for a, b in zip(p, q, strict=True))
        assert float(got[i]) == pytest.approx(want, rel=1e-9)


def test_gradients_are_differences_through_the_weights_too():
    student, teacher = logits().requires_grad_(), logits(1, classes=3)
    assert torch.autograd.gradcheck(lambda z: ClassRelation()(z, teacher), student)
    assert torch.autograd.gradcheck(lambda z: relation_weights(z, 3), student)


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
        ClassRelation(temperature=0.0)
    with pytest.raises(ValueError, match=r"its classes first, got \[6, 5\] and \[6, 7\]"):
        ClassRelation()(logits(), logits(classes=7))


def test_pseudo_labels_are_a_transport_plan():
    ot = pytest.importorskip("ot")
    z = 0.1 * logits(n=30, classes=3)
    plan = ot.sinkhorn(np.full(30, 1 / 30), np.full(3, 1 / 3), -z.numpy(), 0.05, numItermax=5000, stopThr=1e-12)
    torch.testing.assert_close(sinkhorn_labels(z, 0.05, 300), torch.from_numpy(plan) * 30, rtol=1e-6, atol=1e-8)


def test_pseudo_labels_use_all_clusters():
    z = logits(n=400, classes=4) + torch.tensor([3.0, 0.0, 0.0, 0.0])
    got = sinkhorn_labels(z, 0.3, 50)
    torch.testing.assert_close(got.sum(dim=1), torch.ones(400, dtype=torch.float64))
    assert got.sum(dim=0).tolist() == pytest.approx([100] * 4, rel=0.02)
