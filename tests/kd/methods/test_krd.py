from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.nn import GCN

from graphdistill.kd.config import KDConfig
from graphdistill.kd.distill import distill_kd
from graphdistill.kd.methods import glnn, krd
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from tests.kd.samples import mlp, nodes, nodes_context


class OfData(torch.nn.Module):
    """A teacher that reads PyG's ``Data``."""

    def __init__(self, teacher):
        super().__init__()
        self.teacher = teacher

    def forward(self, data):
        return self.teacher(data.x, data.edge_index)


def graph_network():
    torch.manual_seed(0)
    return GCN(10, 8, 2, 10).eval()


def loss_of(config, teacher, module=krd):
    context = replace(nodes_context(), teacher=teacher)
    student = torch.randn(60, 10, generator=torch.Generator().manual_seed(1))
    batch = Batch(
        torch.arange(60),
        None,
        torch.full((60,), -1),
        Outputs(student),
        context.teacher_outputs(),
        0.0,
        torch.Generator().manual_seed(2),
    )
    return module.objective(context, config).loss(batch), student, batch.teacher.logits


def test_neighbours_of_a_teacher_that_noise_leaves_alone_are_all_learnt():
    found, student, teacher = loss_of(krd.Config(noise=0.0, neighbour_weight=0.5), graph_network())
    source, target = nodes().edge_index
    own, _, _ = loss_of(glnn.Config(), graph_network(), glnn)
    further = F.cross_entropy(student[target], teacher.softmax(1)[source])
    torch.testing.assert_close(found.mean(), own.mean() + 0.5 * further)


def test_a_teacher_of_pyg_data_gets_the_noise_too():
    plain, wrapped = graph_network(), OfData(graph_network())
    torch.testing.assert_close(loss_of(krd.Config(), plain)[0], loss_of(krd.Config(), wrapped)[0])
    assert not torch.equal(loss_of(krd.Config(), plain)[0], loss_of(krd.Config(noise=0.0), plain)[0])


def test_a_student_is_trained_on_batches():
    student = mlp()
    before = [p.clone() for p in student.parameters()]
    with pytest.warns(UserWarning, match="is it trained"):
        distill_kd(student, graph_network(), nodes(), "krd", KDConfig(steps=3, batch_size=20))
    assert any(not torch.equal(a, b) for a, b in zip(before, student.parameters(), strict=True))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"neighbour_weight": -1}, "--neighbour-weight must be 0 or more, got -1"),
        ({"noise": float("inf")}, "--noise must be 0 or more, got inf"),
        ({"draws": 0}, "--draws must be 1 or more, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        krd.Config(**words)
