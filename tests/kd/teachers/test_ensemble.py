import warnings

import pytest
import torch
from torch import nn
from torch_geometric.nn import GCN

from graphdistill.kd import KDConfig, MeanTeachers, WeightedTeachers, distill_kd
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.distill import fit_kd
from graphdistill.kd.inputs import Inputs, call
from tests.kd.samples import images, mlp, nodes


class OnData(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = GCN(10, 8, 1, 10)

    def forward(self, data):
        return self.net(data.x, data.edge_index)


def test_the_probabilities_of_unlike_networks_are_averaged():
    torch.manual_seed(0)
    members = [GCN(10, 8, 2, 10), mlp(0), OnData()]
    view, index = NodeView(nodes()), torch.tensor([3, 1, 40])
    single = torch.stack([view.predict(member, index).logits.softmax(1) for member in members])
    found = view.predict(MeanTeachers(members), index)
    torch.testing.assert_close(found.logits.exp(), single.mean(0))
    weights = torch.tensor([1.0, 0.0, 3.0])
    found = view.predict(WeightedTeachers(members, weights), torch.arange(60)).logits.exp()
    every = torch.stack([view.predict(member, torch.arange(60)).logits.softmax(1) for member in members])
    torch.testing.assert_close(found, (weights / 4 @ every.flatten(1)).view_as(found))


def test_a_teacher_without_weight_does_not_run_and_certainty_is_finite():
    sure = nn.Linear(1, 2)
    nn.init.zeros_(sure.weight)
    sure.bias.data = torch.tensor([1e6, 0.0])
    batch = Inputs("x", {"x": torch.ones(3, 1)})
    logits = call(WeightedTeachers([sure, nn.Linear(7, 2)], [2, 0]), batch)
    assert bool(logits.isfinite().all())
    assert logits.softmax(1)[:, 0].tolist() == [1.0] * 3


def test_a_list_of_teachers_is_their_mean():
    config = KDConfig(steps=3, batch_size=20, eval_every=3)
    members = [mlp(1, 64, 3), mlp(2, 64, 3)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the teacher's validation")
        first = distill_kd(mlp(0, 64, 3), members, images(), config=config)
        second = distill_kd(mlp(0, 64, 3), MeanTeachers(members), images(), config=config)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize(
    ("modules", "weights", "message"),
    [
        ([], [], "there is no teacher; give one or more networks"),
        ([mlp()], [1, 2], "weights has 2 values for 1 teachers"),
        ([mlp(), mlp()], [1, -1], r"weights must be 0 or more and not all 0, got \[1.0, -1.0\]"),
        ([mlp(), mlp()], [0, 0], "not all 0"),
    ],
)
def test_teachers_that_cannot_be_weighted_are_refused(modules, weights, message):
    with pytest.raises(ValueError, match=message):
        WeightedTeachers(modules, weights)


def test_a_teacher_without_the_classes_of_the_others_is_refused():
    with pytest.raises(ValueError, match="must have the same classes: teacher 1 has 10, teacher 2 has 4; leave out"):
        fit_kd(mlp(), MeanTeachers([mlp(1), mlp(2, 10, 4)]), NodeView(nodes()))


def test_hidden_layers_of_several_teachers_are_refused():
    message = "kd-plus-plus reads hidden layers, which several teachers do not have in common; give one teacher"
    with pytest.raises(ValueError, match=message):
        fit_kd(mlp(), MeanTeachers([mlp(1), mlp(2)]), NodeView(nodes()), "kd-plus-plus")
