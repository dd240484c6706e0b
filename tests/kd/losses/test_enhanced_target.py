import math

import pytest
import torch
import torch.nn.functional as F

from graphdistill.kd.losses.enhanced_target import EnhancedTarget
from tests.kd.losses.checks import check_errors, check_gradient, check_safe, check_values, softmax


def naive(s, t, y):
    p, q = softmax(t, 2), softmax(s, 2)
    return -sum(
        ((a + (c == y)) ** 1.3 - (c == y)) * math.log(b) for c, (a, b) in enumerate(zip(p, q, strict=True)) if a > 0
    )


def test_it_is_the_naive_sum():
    check_values(EnhancedTarget(1.3, 2.0), naive)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 1.5])
def test_what_holds_for_all_losses(epsilon):
    check_safe(EnhancedTarget(epsilon, 2.0))
    check_gradient(EnhancedTarget(epsilon, 2.0))
    check_errors(EnhancedTarget(epsilon))


def test_at_epsilon_1_it_is_cross_entropy_with_soft_targets():
    s, t = torch.randn(2, 20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    want = F.cross_entropy(s, t.softmax(-1), reduction="none")
    torch.testing.assert_close(EnhancedTarget(1.0)(s, t, torch.arange(20) % 5), want)


def test_soft_labels_count_by_their_largest():
    s, t = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(0))
    soft = torch.tensor([[0.1, 0.7, 0.2], [0.6, 0.4, 0.0]])
    torch.testing.assert_close(EnhancedTarget()(s, t, soft), EnhancedTarget()(s, t, torch.tensor([1, 0])))


def test_epsilon_is_checked():
    with pytest.raises(ValueError, match="epsilon must be above 0, got 0"):
        EnhancedTarget(0)
