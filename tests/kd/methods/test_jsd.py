import pytest
import torch

from graphdistill.kd.losses import JSD
from graphdistill.kd.methods import jsd
from tests.kd.methods.checks import batch_of, check_training, logits
from tests.kd.samples import nodes_context


def test_the_loss_is_the_divergence():
    s, t, y = logits()
    found = jsd.objective(nodes_context(), jsd.Config(beta=0.2, temperature=3.0, weight=2.0)).loss(batch_of(s, t, y))
    torch.testing.assert_close(found, 2 * JSD(0.2, 3.0)(s, t))


def test_it_trains():
    check_training(jsd.Config())


@pytest.mark.parametrize("beta", [0.0, 1.0, float("nan")])
def test_beta_is_checked(beta):
    with pytest.raises(ValueError, match=r"--beta must be above 0 and below 1, got .*; near 0 is kd, near 1 is rkd"):
        jsd.Config(beta=beta)
