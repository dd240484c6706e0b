import math

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from graphdistill.kd.config import KDConfig
from graphdistill.unlearn.evaluate import GIVEN, RETRAINED, accuracy, attack, score_seed, scored
from tests.unlearn.samples import context, losses


def test_the_attack_is_scikit_learns_area_on_test_entries_of_the_forgotten_classes():
    found = context()
    forget, test = found.forget[found.whole.data.y[found.forget] < 2], found.whole.data.test
    others = test[found.whole.data.y[test] < 2]
    truth = torch.cat([torch.ones(len(forget)), torch.zeros(len(others))])
    loss = torch.cat([losses(found.whole, found.model, index) for index in (forget, others)])
    assert attack(found.whole, found.model, forget, test) == pytest.approx(roc_auc_score(truth, -loss))
    assert math.isnan(attack(found.whole, found.model, forget, test[:0]))


def test_scores_are_of_the_entries_that_they_name():
    found = context()
    view, y = found.whole, found.whole.data.y
    forget = view.data.train[y[view.data.train] == 1]
    rest = type(found)(model=found.model, whole=view, forget=forget).rest

    class Class0(nn.Module):
        def forward(self, images):
            return torch.tensor([1.0, 0.0, 0.0]).expand(len(images), -1)

    one = scored(view, rest, forget, Class0(), 1.5)
    assert (one.remaining, one.forgotten, one.held_out, one.valid, one.seconds) == (0.5, 0.0, 0.5, 0.5, 1.5)
    assert one.attack == 0.5
    assert math.isnan(accuracy(view, Class0(), forget[:0]))


def test_all_rows_are_made_and_the_retrained_model_begins_as_the_given_one():
    found = context()
    made = score_seed(found.whole, found.forget, {"fine-tune": "fine-tune"}, KDConfig(steps=2), network="MLP", seed=1)
    assert list(made) == [GIVEN, RETRAINED, "fine-tune"]
    other = score_seed(found.whole, found.forget, {}, KDConfig(steps=2), model=found.model, network="MLP", seed=1)
    assert other[GIVEN].network is found.model
    assert other[RETRAINED].remaining == made[RETRAINED].remaining
