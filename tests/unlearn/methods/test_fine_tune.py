import copy

import pytest
import torch

from graphdistill.kd.config import KDConfig
from graphdistill.kd.distill import fit_labels
from graphdistill.unlearn.methods import fine_tune
from tests.unlearn.samples import context


def test_it_is_the_training_of_the_rest():
    found = context("nodes", 4)
    expected = copy.deepcopy(found.model)
    fit_labels(expected, found.rest, KDConfig(steps=20, lr=0.002, eval_every=2))
    fine_tune.unlearn(found, fine_tune.Config(unlearn_steps=20, unlearn_lr=0.002))
    assert all(torch.equal(a, b) for a, b in zip(expected.parameters(), found.model.parameters(), strict=True))


@pytest.mark.parametrize("option", ["unlearn_steps", "unlearn_lr"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match=f"--{option.replace('_', '-')} must be .*, got 0"):
        fine_tune.Config(**{option: 0})
