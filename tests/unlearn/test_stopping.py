import copy
from dataclasses import replace

import torch
from sklearn.metrics import roc_auc_score

from graphdistill.unlearn.context import Context
from graphdistill.unlearn.stopping import Stopping
from tests.unlearn.samples import context


def test_a_threshold_is_reached_when_the_attack_by_confidence_falls_to_it():
    found = context()
    view, y = found.whole, found.whole.data.y
    valid = view.data.valid[torch.isin(y[view.data.valid], y[found.forget])]
    confidence = torch.cat(
        [view.predict(found.model, i).logits.softmax(dim=1).max(dim=1).values for i in (found.forget, valid)]
    )
    truth = torch.cat([torch.ones(len(found.forget)), torch.zeros(len(valid))])
    auc = roc_auc_score(truth, confidence)
    assert Stopping(found, min(1.0, auc + 1e-3))()
    assert not Stopping(found, auc - 1e-3)()
    assert not Stopping(found, 0.0)()


def test_a_whole_class_is_forgotten_when_no_entry_keeps_its_prediction():
    found = context()
    train, y = found.whole.data.train, found.whole.data.y
    whole = Context(model=copy.deepcopy(found.model), whole=found.whole, forget=train[y[train] == 2])
    stopping = Stopping(whole, 0.5)
    assert not stopping()
    with torch.no_grad():
        whole.model[3].bias[2] -= 100.0
    assert stopping()


def test_without_validation_entries_of_the_classes_the_steps_go_on():
    found = context()
    y = found.whole.data.y
    train = found.whole.data.train
    data = replace(found.whole.data, valid=found.whole.data.valid[y[found.whole.data.valid] != 1])
    few = Context(model=found.model, whole=type(found.whole)(data), forget=train[y[train] == 1][:3])
    assert not Stopping(few, 1.0)()
