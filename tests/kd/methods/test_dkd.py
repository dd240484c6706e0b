import pytest
import torch

from graphdistill.kd.losses import DKD
from graphdistill.kd.methods import dkd
from tests.kd.methods.checks import batch_of, check_training, logits
from tests.kd.samples import nodes_context


def test_the_loss_has_both_weights_and_takes_known_labels():
    s, t, y = logits()
    config = dkd.Config(alpha=0.5, beta=3.0, temperature=2.0)
    found = dkd.objective(nodes_context(), config).loss(batch_of(s, t, y))
    torch.testing.assert_close(found, DKD(0.5, 3.0, 2.0)(s, t, torch.where(y < 0, t.argmax(1), y)))


def test_it_trains():
    check_training(dkd.Config())


@pytest.mark.parametrize("option", ["alpha", "beta"])
def test_weights_are_checked(option):
    with pytest.raises(ValueError, match=f"--{option} must be 0 or more, got -1"):
        dkd.Config(**{option: -1})
