import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric import nn as pyg

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.transformer import Transformer
from graphdistill.kd.architectures.similarity import last_gradient, relation_similarity, semantic_similarity
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.data.text import text_view
from tests.kd.samples import images, nodes, texts, windows


def gram(rows):
    """Gram matrix with rows of unit length, by loops."""
    rows = rows.flatten(1)
    found = torch.tensor([[float((a * b).sum()) for b in rows] for a in rows])
    return torch.stack([row / row.norm() for row in found])


def test_both_terms_are_those_of_naive_loops_whatever_the_widths():
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(4, 3, generator=draws), torch.randn(4, 9, generator=draws)
    distance = sum(float(a - b) ** 2 for a, b in zip(gram(student).flatten(), gram(teacher).flatten(), strict=True))
    assert semantic_similarity(student, teacher) == pytest.approx(-distance, rel=1e-5)
    maps = student[:, :, None, None].expand(4, 3, 2, 2)
    distance = (gram(maps) - gram(teacher)).square().sum()
    assert relation_similarity(maps, teacher) == pytest.approx(-float(distance) / 4**2, rel=1e-5)
    assert semantic_similarity(student @ torch.eye(3), 5 * student) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize(
    ("view", "network", "head"),
    [
        (ImageView(images()), ConvNet((1, 8, 8), 3, 4), "head.weight"),
        (NodeView(nodes()), pyg.MLP([10, 6, 10], norm=None, dropout=0.5), "lins.1.weight"),
        (NodeView(nodes()), pyg.GCN(10, 6, 2, 10, dropout=0.5), "convs.1.lin.weight"),
        (text_view(texts()), Transformer(5, 6, 3, width=8, heads=2, dropout=0.5), "head.weight"),
        (text_view(windows()), Transformer(5, 6, 5, width=8, heads=2, causal=True), "head.weight"),
    ],
)
def test_the_gradient_is_that_of_autograd(view, network, head):
    index = view.labelled[:7]
    gradient, features = last_gradient(network, view, index)
    assert not network.training
    logits = view.run(network, index).logits
    F.cross_entropy(logits, view.labels(index)).backward()
    wanted = dict(network.named_parameters())[head].grad
    assert torch.allclose(gradient, wanted, atol=1e-7)
    assert len(features) == 7
    assert not features.requires_grad


def test_of_an_mlp_it_is_errors_times_features():
    view, network = NodeView(nodes()), pyg.MLP([10, 6, 10], norm=None)
    index = view.labelled[:7]
    gradient, features = last_gradient(network, view, index)
    logits = view.run(network, index).logits
    error = logits.softmax(1) - F.one_hot(view.labels(index), 10)
    assert torch.allclose(gradient, error.T @ features / 7, atol=1e-6)


def test_a_last_layer_without_a_row_a_class_is_refused():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.MaxPool1d(2))
    with pytest.raises(ValueError, match="the last linear layer of Sequential has 6 outputs, but the network has 3"):
        last_gradient(network, ImageView(images()), torch.arange(5))
