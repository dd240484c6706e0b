from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.tree_graphs import forest_of_tree_graphs, tree_graphs
from tests.strategies import graph_lists


def signatures(forest: Forest) -> list[list[tuple[tuple[int, ...], int]]]:
    ids = [tuple(row) for row in forest.trees.ids()[-1].tolist()]
    pairs = [(ids[tree], count) for tree, count in zip(forest.tree.tolist(), forest.count.tolist(), strict=True)]
    return [sorted(pairs[a:b]) for a, b in pairwise(forest.ptr.tolist())]


@settings(max_examples=60, deadline=None)
@given(graph_lists(), st.integers(0, 3))
def test_counted_trees_come_back(graphs: list, depth: int) -> None:  # type: ignore[type-arg]
    forest = build_forest(Graphs.from_data_list(graphs), depth)
    back = forest_of_tree_graphs(*tree_graphs(forest), depth)
    assert signatures(back) == signatures(forest)
    assert back.trees.sizes == forest.subset(torch.arange(len(forest))).trees.sizes


@settings(max_examples=30, deadline=None)
@given(graph_lists())
def test_each_tree_is_a_component_with_its_count_at_the_root(graphs: list) -> None:  # type: ignore[type-arg]
    forest = build_forest(Graphs.from_data_list(graphs), 2)
    written, columns = tree_graphs(forest)
    for row in range(len(forest)):
        nodes = slice(int(written.node_ptr[row]), int(written.node_ptr[row + 1]))
        own = forest.count[int(forest.ptr[row]) : int(forest.ptr[row + 1])]
        counts = columns[nodes, 1]
        assert sorted(counts[counts > 0].tolist()) == sorted(own.tolist())
        # A forest of trees: each node but the roots has one edge, to its parent.
        edges = int(written.edge_ptr[row + 1] - written.edge_ptr[row])
        assert edges == len(counts) - len(own)


def test_nothing_is_lost_with_an_entry_without_trees() -> None:
    no_edges, ptr = torch.empty(2, 0).long(), torch.tensor([0, 0, 1])
    graphs = Graphs(torch.zeros(1, 1).long(), no_edges, None, ptr, torch.zeros(3).long())
    forest = build_forest(graphs, 1)
    assert signatures(forest_of_tree_graphs(*tree_graphs(forest), 1)) == signatures(forest)
    with pytest.raises(ValueError, match="depth must be 0 or more, got -1"):
        forest_of_tree_graphs(*tree_graphs(forest), -1)
