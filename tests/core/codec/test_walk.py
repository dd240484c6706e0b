import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphdistill.core.codec.symbols import symbols
from graphdistill.core.codec.walk import stretches, walks
from graphdistill.core.data.graphs import Graphs
from tests.strategies import graph_lists, shuffled


def test_a_walk_starts_at_the_rarest_node_and_closes_rings():
    ring = torch.tensor([[0, 1, 1, 2, 2, 0], [1, 0, 2, 1, 0, 2]])
    w = walks(symbols(Graphs.from_data_list([Data(x=torch.tensor([[6], [6], [8]]), edge_index=ring)])))
    assert w.symbol.tolist() == [1, 0, 0]
    assert w.parent.tolist() == [-1, 0, 1]
    assert w.back_count.tolist() == [0, 0, 1]
    assert w.back_node.tolist() == [0]


def test_components_and_isolated_nodes():
    edge_index = torch.tensor([[1, 2], [2, 1]])
    w = walks(symbols(Graphs.from_data_list([Data(x=torch.tensor([[6], [6], [6], [7]]), edge_index=edge_index)])))
    assert w.parent.tolist().count(-1) == 3


@given(graphs=graph_lists(edges=("none", "integer"), max_graphs=3), seed=st.integers(0, 99))
def test_shuffled_graphs_have_the_same_walks(graphs, seed):
    if graphs[0].x.is_floating_point():
        return
    first = walks(symbols(Graphs.from_data_list(graphs)))
    second = walks(symbols(Graphs.from_data_list([shuffled(g, seed)[0] for g in graphs])))
    assert np.array_equal(first.size, second.size)
    if all(len(set(map(tuple, g.x.tolist()))) == len(g.x) for g in graphs):  # no ties at all
        for name in ("symbol", "parent", "edge", "back_node", "back_edge"):
            assert np.array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("length", [5, 2000])
def test_a_long_path_needs_no_recursion(length):
    steps = torch.arange(length - 1)
    edge_index = torch.cat([torch.stack([steps, steps + 1]), torch.stack([steps + 1, steps])], dim=1)
    w = walks(symbols(Graphs.from_data_list([Data(x=torch.zeros(length, 1).long(), edge_index=edge_index)])))
    assert sorted(w.parent.tolist()) == list(range(-1, length - 1))


def test_stretches_of_no_length():
    assert stretches(np.array([4, 2, 9]), np.array([0, 2, 0])).tolist() == [2, 3]
    assert stretches(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []
