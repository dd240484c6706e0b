import pytest
import torch
from torch import nn
from torch_geometric import nn as pyg

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.networks.transformer import Transformer
from graphdistill.core.networks.vit import ViT
from graphdistill.kd.architectures.space import Space, neighbours, space_of
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.data.text import text_view
from tests.kd.samples import images, nodes, texts, windows

CASES = {
    "ConvNet": (ImageView(images()), ConvNet((1, 8, 8), 3, 8)),
    "ConvNet, batch norm": (ImageView(images()), ConvNet((1, 8, 8), 3, 8, norm="batch")),
    "MLP of images": (ImageView(images()), MLP((1, 8, 8), 3, dropout=0.1)),
    "MLP": (NodeView(nodes()), pyg.MLP([10, 8, 10], dropout=0.5, norm=None)),
    "MLP of unequal widths": (NodeView(nodes()), pyg.MLP([10, 8, 4, 10], norm=None)),
    "GCN": (NodeView(nodes()), pyg.GCN(10, 8, 2, 10, dropout=0.5)),
    "GAT": (NodeView(nodes()), pyg.GAT(10, 8, 2, 10)),
    "Transformer": (text_view(texts()), Transformer(5, 6, 3, width=16, depth=1, dropout=0.2)),
    "language model": (text_view(windows()), Transformer(5, 6, 5, width=8, depth=1, heads=2, causal=True)),
}


@pytest.mark.parametrize("case", CASES)
def test_every_student_of_a_space_has_the_inputs_and_outputs_of_the_one_that_is_given(case):
    view, student = CASES[case]
    space = space_of(student, view)
    assert space.family == type(student).__name__
    wanted = view.predict(student, view.train[:3]).logits.shape
    sizes = set()
    for choice in (space.choices()[0], space.choices()[len(space.choices()) // 2], space.choices()[-1]):
        network = space.build(choice)
        assert type(network) is type(student)
        assert view.predict(network, view.train[:3]).logits.shape == wanted
        sizes.add(sum(p.numel() for p in network.parameters()))
    assert len(sizes) == 3


def test_networks_keep_dropout_norm_and_mask():
    def drop(case, choice):
        view, student = CASES[case]
        return space_of(student, view).build(choice)

    assert drop("MLP", (8, 3)).dropout == [0.5, 0.5, 0.5, 0.0]
    assert drop("GCN", (8, 2)).dropout.p == 0.5
    assert drop("MLP of images", (8, 1)).blocks[0][2].p == 0.1
    assert isinstance(drop("ConvNet, batch norm", (8, 1)).blocks[0][1], nn.BatchNorm2d)
    net = drop("language model", (8, 2, 4, 1))
    assert (net.causal, net.blocks[1].attention.heads, net.blocks[1].mlp[0].out_features) == (True, 4, 8)
    assert drop("Transformer", (8, 1, 2, 2)).dropout.p == 0.2


def test_a_seed_is_a_network_and_the_global_generator_stays():
    view, student = CASES["MLP"]
    space, state = space_of(student, view), torch.get_rng_state()
    weights = [space.build((8, 1), seed).lins[0].weight for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("student", "view", "message"),
    [
        (nn.Linear(10, 10), NodeView(nodes()), "no space of students like a Linear to search; give a student of Conv"),
        (ViT((1, 8, 8), 3), ImageView(images()), "no space of students like a ViT"),
        (pyg.MLP([10, 8, 10]), NodeView(nodes()), r"cannot build students like this MLP: they differ in norms\.0"),
        (pyg.GCN(10, 8, 2, 10, jk="cat"), NodeView(nodes()), "cannot build students like this GCN: they differ in lin"),
    ],
)
def test_students_of_no_space_are_refused(student, view, message):
    with pytest.raises(ValueError, match=message):
        space_of(student, view)


def test_a_space_is_split_by_ranges_and_fixed_on_an_axis():
    space = Space("S", {"width": (1, 2, 3, 4, 5), "depth": (1, 2)}, nn.Linear)
    parts = space.split("width", 2)
    assert [part.axes["width"] for part in parts] == [(1, 2), (3, 4, 5)]
    assert [choice for part in parts for choice in part.choices()] == space.choices()
    assert space.fixed(depth=2).choices() == [(w, 2) for w in range(1, 6)]
    with pytest.raises(ValueError, match="S has 2 values of depth, which cannot be 3 parts"):
        space.split("depth", 3)


def test_neighbours_differ_on_one_axis():
    choices = [(a, b) for a in range(3) for b in range(3)]
    assert set(neighbours((1, 1), choices)) == {(0, 1), (2, 1), (1, 0), (1, 2)}
