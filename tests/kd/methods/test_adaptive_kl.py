import pytest
import torch

from graphdistill.kd.losses import AdaptiveKL
from graphdistill.kd.methods import adaptive_kl
from tests.kd.methods.checks import batch_of, check_training, logits
from tests.kd.samples import nodes_context


def test_the_loss_is_adaptive_kl():
    s, t, y = logits()
    found = adaptive_kl.objective(nodes_context(), adaptive_kl.Config(mass=0.7, temperature=3.0))
    torch.testing.assert_close(found.loss(batch_of(s, t, y)), AdaptiveKL(0.7, 3.0)(s, t))


def test_it_trains():
    check_training(adaptive_kl.Config())


def test_the_mass_is_checked():
    with pytest.raises(ValueError, match="--mass must be above 0 and below 1, got 1"):
        adaptive_kl.Config(mass=1)
