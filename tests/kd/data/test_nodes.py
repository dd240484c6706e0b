import pytest
import torch
from torch import nn
from torch_geometric.nn import GCN

from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.distill import fit_kd
from graphdistill.kd.evaluate import build
from tests.kd.samples import mlp, nodes


class OnData(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = GCN(10, 8, 2, 10)

    def forward(self, data):
        return self.net(data.x, data.edge_index)


def test_graph_networks_run_on_the_whole_graph_and_mlps_on_rows():
    view, some = NodeView(nodes()), torch.tensor([5, 50])
    net, data = GCN(10, 8, 2, 10).eval(), nodes()
    whole = net(data.x, data.edge_index)
    assert torch.allclose(view.predict(net, some).logits, whole[some])
    assert torch.equal(view.predict(net, view.train).logits, whole)
    dense = mlp()
    assert torch.allclose(view.predict(dense, some).logits, dense(data.x[some]))
    assert view.predict(OnData(), some).logits.shape == (2, 10)


def test_recorded_layers_are_rows_too_and_edges_come_with_all_nodes():
    view, net = NodeView(nodes()), GCN(10, 8, 2, 10)
    found = view.run(net, torch.tensor([1, 2]), ["convs.0"])
    assert found.features["convs.0"].shape == (2, 8)
    assert found.edge_index is None
    assert view.run(net, view.train).edge_index is not None


def test_students_learn_from_all_nodes_but_from_labels_of_training_nodes_alone():
    view = NodeView(nodes())
    assert len(view.train) == 60
    assert view.known(view.train).ge(0).nonzero().view(-1).tolist() == list(range(20))


def test_the_built_in_networks_fit_the_nodes():
    view = NodeView(nodes())
    for made in (*view.TEACHERS.values(), *view.STUDENTS.values()):
        assert view.predict(made(view), torch.arange(60)).logits.shape == (60, 10)


@pytest.mark.filterwarnings("ignore:the teacher's validation")
@pytest.mark.parametrize("network", ["MLP", "GCN-16", "GCN"])
def test_any_network_is_trained_on_batches_of_nodes(network):
    view = NodeView(nodes())
    teacher, student = build(view, "GCN", "teacher", 0), build(view, network, "student", 0)
    before = student.state_dict()
    fit_kd(student, teacher, view, config=KDConfig(steps=2, batch_size=7))
    assert view.predict(student, torch.tensor([3])).logits.shape == (1, 10)
    assert before.keys() == student.state_dict().keys()


def test_changed_features_reach_every_kind_of_module():
    view = NodeView(nodes())
    zero, some = view.inputs(view.train).replaced(torch.zeros(60, 10)), torch.tensor([4, 9])
    for network in (mlp(), OnData().eval(), GCN(10, 8, 2, 10).eval()):
        out = view.run(network, some, (), zero).logits
        assert torch.allclose(out[0], out[1])
