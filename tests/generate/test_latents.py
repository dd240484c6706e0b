import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.generate.latents import DEPTH, graph_latents
from graphdistill.generate.space import entries_of
from tests.kd.samples import molecules


def stars():
    """Sixty stars of three to eight leaves; those with a red centre are of class 1."""
    graphs = []
    for number in range(60):
        leaves = 3 + number % 6
        spokes = torch.stack([torch.zeros(leaves, dtype=torch.long), torch.arange(1, leaves + 1)])
        x = torch.zeros(leaves + 1, 1, dtype=torch.long)
        x[0] = number % 2
        graphs.append(Data(x=x, edge_index=torch.cat([spokes, spokes.flip(0)], dim=1)))
    place = torch.arange(60)
    parts = place[:40], place[40:50], place[50:]
    return GraphDataset("stars", Graphs.from_data_list(graphs), place % 2, *parts, "accuracy", "categorical")


def test_vectors_keep_the_products_of_tree_counts():
    data = stars()
    table = graph_latents(data)
    same = [(i, j) for i in range(60) for j in range(60) if i % 6 == j % 6]
    for i, j in same[:50]:
        assert torch.allclose(table.x[i], table.x[j], atol=1e-5)
    # Truncation to fewer components is that of the singular value decomposition of the training graphs.
    fewer = graph_latents(data, size=2)
    ours = (table.x[:40, :2] @ table.x[:40, :2].T).abs()
    assert np.allclose(ours, (fewer.x[:40] @ fewer.x[:40].T).abs(), atol=1e-3)
    assert fewer.columns == ("component 0", "component 1")
    assert torch.equal(table.train, data.train)


def test_a_drawn_vector_becomes_the_nearest_training_graph_of_its_class():
    data = stars()
    entries = entries_of(data)
    assert entries.kind == "graphs"
    z, y = entries.split("train")
    assert torch.equal(data.y[entries.space.nearest(z, y)], y)
    # The vector of a star itself is decoded as a star with as many leaves.
    drawn = entries.space.decode(z[:6], y[:6])
    assert [len(drawn[i].x) for i in range(6)] == [4 + i % 6 for i in range(6)]
    other = entries.space.nearest(z[:6], 1 - y[:6])
    assert torch.equal(data.y[other], 1 - y[:6])
    assert entries.drawn(z, y).data.shape == z.shape


def test_without_the_data_nothing_is_decoded():
    entries = entries_of(stars())
    entries.space.data = None
    with pytest.raises(ValueError, match=r"give load_generator\(folder, data=...\)"):
        entries.space.decode(*entries.split("test"))


def trees_of(graph):
    """How often a graph has each computation tree of depths 0 to 2, the trees written as nested tuples."""
    colours = [tuple(row) for row in graph.x.tolist()]
    found = Counter((0, colour) for colour in colours)
    edges = list(zip(*graph.edge_index.tolist(), map(tuple, graph.edge_attr.tolist()), strict=True))
    for depth in range(1, DEPTH + 1):
        below = [sorted((kind, colours[a]) for a, b, kind in edges if b == node) for node in range(len(colours))]
        colours = [(own, tuple(others)) for own, others in zip(colours, below, strict=True)]
        found.update((depth, colour) for colour in colours)
    return found


def test_vectors_are_the_singular_ones_of_counted_trees():
    data = molecules()
    found = graph_latents(data, 4)
    counts = [trees_of(data.graphs.subset(torch.tensor([graph]))) for graph in range(len(data.y))]
    train = data.train.tolist()
    every = {tree for graph in train for tree in counts[graph]}
    # Rare trees are left out.
    known = [tree for tree in every if sum(tree in counts[graph] for graph in train) >= 5]
    matrix = np.array([[math.log1p(trees.get(key, 0)) for key in known] for trees in counts])
    axes = np.linalg.svd(matrix[data.train.numpy()], full_matrices=False)[2][:4]
    expected = matrix @ axes.T
    signs = np.sign((expected * found.x.numpy()).sum(axis=0))
    np.testing.assert_allclose(found.x.numpy(), expected * signs, atol=1e-3)


def test_graphs_without_common_trees_are_refused():
    data = molecules()
    few = replace(data, train=data.train[:3])
    with pytest.raises(ValueError, match="training graphs of alcohols have too few trees in common; give more graphs"):
        graph_latents(few)
