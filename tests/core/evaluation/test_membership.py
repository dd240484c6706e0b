import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from graphdistill.core.evaluation.membership import membership_auc

LOSSES = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=20).map(torch.tensor)


@given(LOSSES, LOSSES)
def test_it_is_the_area_that_scikit_learn_finds(members, others):
    label = np.r_[np.ones(len(members)), np.zeros(len(others))]
    wanted = roc_auc_score(label, -np.r_[members.numpy(), others.numpy()])
    assert membership_auc(members, others)[0] == pytest.approx(wanted)


def test_the_error_is_the_spread_of_many_samples():
    draws = torch.Generator().manual_seed(0)
    tries = [
        membership_auc(torch.randn(60, generator=draws), 0.5 + torch.randn(40, generator=draws)) for _ in range(300)
    ]
    aucs, errors = torch.tensor(tries).T
    assert errors.mean() == pytest.approx(float(aucs.std()), rel=0.15)


@pytest.mark.parametrize("bad", [torch.tensor([]), torch.tensor([0.5, torch.nan])])
def test_what_is_no_loss_is_refused(bad):
    with pytest.raises(ValueError, match="others must be one finite loss or more"):
        membership_auc(torch.ones(2), bad)
