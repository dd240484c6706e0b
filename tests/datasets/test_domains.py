from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Data

from graphdistill.datasets import load, load_domains
from tests.kd.samples import images, nodes, texts, windows


def test_images_have_the_size_of_the_first_set():
    large = replace(images(), name="large", images=F.interpolate(images().images, (12, 12), mode="nearest"))
    data, domain = load_domains([images(), large])
    assert (data.name, tuple(data.images.shape)) == ("rows+large", (180, 1, 8, 8))
    assert torch.equal(data.images[:90], images().images)
    assert domain.tolist() == [0] * 90 + [1] * 90
    assert torch.equal(data.y, images().y.repeat(2))
    for split, index in data.splits.items():
        assert torch.equal(index, torch.cat([images().splits[split], 90 + images().splits[split]]))
    # A bright row stays at its place.
    brightest = data.images[90:].mean(dim=3).argmax(dim=2).view(-1)
    assert float((brightest == 2 * images().y + 1).float().mean()) > 0.9


def test_graphs_are_not_connected():
    data, domain = load_domains([nodes(), nodes(), nodes()])
    assert data.x.shape == (180, 10)
    assert torch.equal(*domain[data.edge_index])
    for d in range(3):
        mine = data.edge_index[:, domain[data.edge_index[0]] == d] - 60 * d
        assert torch.equal(mine, nodes().edge_index)


def test_texts_keep_their_words():
    other = replace(texts(), vocabulary=("<padding>", "<unknown>", "and", "green", "red"), tokens=texts().tokens[:, :5])
    data, _ = load_domains([texts(), other])
    assert data.vocabulary == ("<padding>", "<unknown>", "red", "blue", "and", "green")
    for place, source, row in ((3, texts(), 3), (93, other, 3), (90, other, 0)):
        expected = [source.vocabulary[token] for token in source.tokens[row].tolist()]
        found = [data.vocabulary[token] for token in data.tokens[place].tolist()]
        assert found == expected + ["<padding>"] * (6 - len(expected))


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([images()], "name two domains or more, got 1"),
        ([images(), nodes()], "must all be images, texts or nodes, but rows has images and ring nodes"),
        ([images(), replace(images(), y=images().y % 2)], "must have the same classes, but rows has 3 and rows 2"),
        (
            [images(), replace(images(), images=images().images.repeat(1, 3, 1, 1))],
            "must have the same features, but rows has 1 and rows 3 channels",
        ),
        (
            [nodes(), replace(nodes(), x=nodes().x[:, :4])],
            "must have the same features, but ring has 10 and ring 4 node features",
        ),
        ([windows(), windows()], "must have a class for each entry, but cycle has one for each token"),
        ([images(), "digits/nowhere"], "name='digits/nowhere' is not a known data set"),
    ],
)
def test_domains_are_of_one_task(sets, message):
    with pytest.raises(ValueError, match=message):
        load_domains(sets)


def test_graphs_of_labelled_graphs_are_no_domains():
    ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
    graphs = load([Data(num_nodes=3, edge_index=ring, y=torch.tensor([i % 2])) for i in range(20)])
    with pytest.raises(ValueError, match=r"must all be images, texts or nodes, but .* has graphs"):
        load_domains([graphs, graphs])
