from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import tensor_bytes
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest, from_counts
from graphdistill.core.trees.wl import tree_ids
from tests.reference import canonical_tree
from tests.strategies import graph_lists

depths = st.integers(0, 3)


def forest_of(graphs: list[Data], depth: int) -> Forest:
    return build_forest(Graphs.from_data_list(graphs), depth)


def content(forest: Forest) -> list[Counter[tuple[int, ...]]]:
    """Per graph, how often each tree id occurs."""
    ids = [tuple(row) for row in forest.trees.ids()[-1].tolist()]
    bags: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(len(forest))]
    for graph, tree, count in zip(forest.graph.tolist(), forest.tree.tolist(), forest.count.tolist(), strict=True):
        assert ids[tree] not in bags[graph]
        bags[graph][ids[tree]] = count
    return bags


def same_bits(one: Forest, other: Forest) -> bool:
    a, b = one.payload(), other.payload()
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)


@settings(deadline=None, max_examples=60)
@given(graph_lists(), depths)
def test_counts_are_those_of_the_nodes(graphs: list[Data], depth: int) -> None:
    forest = forest_of(graphs, depth)
    ids = [tree_ids(Graphs.from_data_list([g]), depth, degrees=True).tolist() for g in graphs]
    assert content(forest) == [Counter(map(tuple, rows)) for rows in ids]
    assert [sum(bag.values()) for bag in content(forest)] == [len(g.x) for g in graphs]


@settings(deadline=None, max_examples=60)
@given(graph_lists(), depths)
def test_multiplicities_count_the_classes_of_nodes_at_every_depth(graphs: list[Data], depth: int) -> None:
    forest = forest_of(graphs, depth)
    counts = forest.multiplicity(torch.long)
    assert [len(c) for c in counts] == list(forest.trees.sizes)
    for k, count in enumerate(counts):
        names = Counter(canonical_tree(g, v, k, True) for g in graphs for v in range(len(g.x)))
        assert sorted(count.tolist()) == sorted(names.values())
        nodes = Counter(map(tuple, tree_ids(Graphs.from_data_list(graphs), k, degrees=True).tolist()))
        rows = map(tuple, forest.trees.ids()[k].tolist())
        assert dict(zip(rows, count.tolist(), strict=True)) == dict(nodes)
    assert [c.dtype for c in forest.multiplicity(torch.double)] == [torch.double] * (depth + 1)


@settings(deadline=None, max_examples=60)
@given(graph_lists(), depths)
def test_a_payload_is_read_back_as_it_was(graphs: list[Data], depth: int) -> None:
    forest = forest_of(graphs, depth)
    back = Forest.from_payload(forest.payload())
    for name in ("ptr", "tree", "count"):
        assert torch.equal(getattr(back, name), getattr(forest, name))
    assert content(back) == content(forest)
    assert same_bits(back, forest)
    payload = forest.payload()
    assert forest.nbytes == tensor_bytes(*payload.values())


@settings(deadline=None, max_examples=60)
@given(graph_lists(), depths)
def test_sorting_by_frequency_keeps_the_content(graphs: list[Data], depth: int) -> None:
    forest = forest_of(graphs, depth)
    sorted_ = forest.by_frequency()
    assert content(sorted_) == content(forest)
    for count in sorted_.multiplicity(torch.long):
        assert count.tolist() == sorted(count.tolist(), reverse=True)
    for one, other in zip(sorted_.trees.ids(), forest.trees.ids(), strict=True):
        assert sorted(one.tolist()) == sorted(other.tolist())
    assert same_bits(sorted_.by_frequency(), sorted_)
    assert same_bits(Forest.from_payload(sorted_.payload()), sorted_)


def test_sorting_by_frequency_makes_a_payload_small() -> None:
    generator = torch.Generator().manual_seed(0)
    rare = (torch.rand(200, 8, 1, generator=generator) ** 8 * 1000).long()
    ring = torch.stack([torch.arange(8), torch.arange(1, 9) % 8])
    forest = forest_of([Data(x=x, edge_index=ring) for x in rare], 1)
    assert forest.by_frequency().nbytes < 0.97 * forest.nbytes


@settings(deadline=None, max_examples=40)
@given(graph_lists(), depths, depths)
def test_cut_is_growing_less_deep(graphs: list[Data], depth: int, shallow: int) -> None:
    shallow = min(depth, shallow)
    assert same_bits(forest_of(graphs, depth).cut(shallow), forest_of(graphs, shallow))


@settings(deadline=None, max_examples=60)
@given(graph_lists(), depths, st.data())
def test_a_subset_is_the_forest_of_its_graphs(graphs: list[Data], depth: int, data: st.DataObject) -> None:
    index = data.draw(st.lists(st.integers(0, len(graphs) - 1), min_size=1, max_size=5))
    forest = forest_of(graphs, depth)
    small = forest.subset(torch.tensor(index))
    want = forest_of([graphs[i] for i in index], depth)
    assert content(small) == content(want)
    assert small.trees.sizes == want.trees.sizes
    whole = forest.subset(torch.tensor(index), shrink=False)
    assert whole.trees is forest.trees
    assert content(whole) == content(want)


def test_a_subset_of_nothing() -> None:
    forest = forest_of([Data(x=torch.tensor([[1], [2]]), edge_index=torch.tensor([[0], [1]]))], 2)
    none = forest.subset(torch.empty(0, dtype=torch.long))
    assert (len(none), none.trees.sizes) == (0, (0, 0, 0))
    assert same_bits(Forest.from_payload(none.payload()), none)


@settings(deadline=None, max_examples=40)
@given(graph_lists(), depths)
def test_the_readouts_sum_over_nodes(graphs: list[Data], depth: int) -> None:
    forest = forest_of(graphs, depth)
    assert len(forest.readouts) == depth + 1
    for k, (readout, size, ids) in enumerate(zip(forest.readouts, forest.trees.sizes, forest.trees.ids(), strict=True)):
        value = torch.randn(size, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
        row = {tuple(i): r for r, i in enumerate(ids.tolist())}
        want = []
        for graph in graphs:
            nodes = tree_ids(Graphs.from_data_list([graph]), k, degrees=True).tolist()
            want.append(torch.stack([value[row[tuple(i)]] for i in nodes]).sum(dim=0))
        torch.testing.assert_close(readout.sum(value), torch.stack(want), rtol=0, atol=1e-12)
    assert forest.num_nodes.tolist() == [len(g.x) for g in graphs]


def test_collect_sums_equal_pairs_and_keeps_empty_graphs() -> None:
    trees = forest_of([Data(x=torch.tensor([[1], [2], [3]]), edge_index=torch.empty(2, 0, dtype=torch.long))], 0).trees
    graph, tree, count = (torch.tensor(t) for t in ([2, 0, 2, 2], [1, 0, 0, 1], [5, 1, 2, 7]))
    forest = from_counts(trees, graph, tree, count, 4)
    assert len(forest) == 4
    assert forest.ptr.tolist() == [0, 1, 1, 3, 3]
    assert forest.tree.tolist() == [0, 0, 1]
    assert forest.count.tolist() == [1, 2, 12]
    assert same_bits(Forest.from_payload(forest.payload()), forest)


def test_large_counts_survive_storage() -> None:
    forest = forest_of([Data(x=torch.zeros(300, 1).long(), edge_index=torch.empty(2, 0, dtype=torch.long))], 1)
    assert Forest.from_payload(forest.payload()).count.tolist() == [300]


def test_a_damaged_payload_is_refused() -> None:
    payload = forest_of([Data(x=torch.tensor([[1]]), edge_index=torch.empty(2, 0, dtype=torch.long))], 1).payload()
    with pytest.raises(ValueError, match="the byte stream ends inside of a number; the file is damaged"):
        Forest.from_payload({**payload, "tree": torch.tensor([200], dtype=torch.uint8)})
