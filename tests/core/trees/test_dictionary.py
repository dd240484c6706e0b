from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.dictionary import Trees, write_level
from graphdistill.core.trees.wl import hash_labels, tree_ids
from tests.reference import canonical_tree
from tests.strategies import graph_lists

depths = st.integers(0, 3)


def dictionary(graphs: list[Data], depth: int) -> Trees:
    return build_forest(Graphs.from_data_list(graphs), depth).trees


def written(trees: Trees, depth: int, row: int) -> str:
    """A tree of the dictionary in the words of ``canonical_tree``."""
    root = int(trees.roots()[depth][row])
    return _written(trees, depth, row, root)


def _written(trees: Trees, depth: int, row: int, root: int) -> str:
    alone = Data(x=trees.x[root : root + 1], edge_index=torch.empty(2, 0, dtype=torch.long))
    here = canonical_tree(alone, 0, 0)[1:-1] + f" of {int(trees.degree[root])}"
    children = []
    if depth:
        level = trees.levels[depth - 1]
        for slot in range(int(level.ptr[row]), int(level.ptr[row + 1])):
            edge = ""
            if trees.edge_attr is not None and level.edge is not None:
                features = trees.edge_attr[level.edge[slot]][None]
                edge = canonical_tree(Data(x=features, edge_index=torch.empty(2, 0, dtype=torch.long)), 0, 0)[1:-1]
            children.append(edge + written(trees, depth - 1, int(level.child[slot])))
    return f"<{here}{''.join(sorted(children))}>"


@settings(deadline=None, max_examples=60)
@given(graph_lists(), depths)
def test_the_dictionary_holds_every_tree_of_every_depth_once(graphs: list[Data], depth: int) -> None:
    trees = dictionary(graphs, depth)
    assert trees.depth == depth
    for k, size in enumerate(trees.sizes):
        want = {canonical_tree(g, v, k, True) for g in graphs for v in range(len(g.x))}
        assert sorted(want) == sorted(written(trees, k, row) for row in range(size))


@settings(deadline=None, max_examples=40)
@given(graph_lists(), depths)
def test_own_is_the_same_tree_cut_one_level_shorter(graphs: list[Data], depth: int) -> None:
    trees = dictionary(graphs, depth)
    at = {canonical_tree(g, v, k, True): (g, v) for g in graphs for v in range(len(g.x)) for k in range(depth + 1)}
    for k in range(1, depth + 1):
        for row, own in enumerate(trees.levels[k - 1].truncated.tolist()):
            graph, node = at[written(trees, k, row)]
            assert written(trees, k - 1, own) == canonical_tree(graph, node, k - 1, True)


@settings(deadline=None, max_examples=40)
@given(graph_lists(), depths)
def test_ids_are_rebuilt_from_content(graphs: list[Data], depth: int) -> None:
    """Rows ascend by id in a grown dictionary, and its ids are those of the nodes."""
    trees = dictionary(graphs, depth)
    collated = Graphs.from_data_list(graphs)
    for k, ids in enumerate(trees.ids()):
        assert ids.tolist() == sorted(
            {tuple(row): row for row in tree_ids(collated, k, degrees=True).tolist()}.values()
        )


@settings(deadline=None, max_examples=60)
@given(graph_lists(), depths)
def test_a_payload_is_read_back_as_it_was(graphs: list[Data], depth: int) -> None:
    trees = dictionary(graphs, depth)
    payload = trees.payload()
    back = Trees.from_payload(payload)
    assert torch.equal(back.x, trees.x.to(back.x.dtype))
    assert torch.equal(back.degree, trees.degree)
    assert (back.edge_attr is None) == (trees.edge_attr is None)
    assert len(back.levels) == depth
    for one, other in zip(back.levels, trees.levels, strict=True):
        for name in ("truncated", "ptr", "child"):
            assert torch.equal(getattr(one, name), getattr(other, name))
        assert (one.edge is None) == (other.edge is None)
        assert one.edge is None or other.edge is None or torch.equal(one.edge, other.edge)
    assert all(torch.equal(a, b) for a, b in zip(back.ids(), trees.ids(), strict=True))
    assert payload.keys() == back.payload().keys()
    assert all(torch.equal(a, back.payload()[name]) for name, a in payload.items())


@settings(deadline=None, max_examples=60)
@given(graph_lists(), depths, st.data())
def test_restrict_keeps_the_given_trees_and_all_that_they_need(
    graphs: list[Data], depth: int, data: st.DataObject
) -> None:
    trees = dictionary(graphs, depth)
    keep = torch.tensor(data.draw(st.lists(st.integers(0, trees.sizes[-1] - 1), min_size=1, max_size=5)))
    small, rows = trees.restrict(keep)
    kept = sorted(set(keep.tolist()))
    assert [row for row, new in enumerate(rows.tolist()) if new >= 0] == kept
    assert torch.equal(small.ids()[-1][rows[keep]], trees.ids()[-1][keep])
    assert small.sizes[-1] == len(kept)
    # Closed, and nothing is left that no kept tree needs.
    needed = set(range(len(kept)))
    for k in range(depth, 0, -1):
        level = small.levels[k - 1]
        needed = {*level.truncated.tolist(), *level.child.tolist()}
        assert needed == set(range(small.sizes[k - 1]))
    assert {written(small, depth, int(rows[row])) for row in kept} == {written(trees, depth, row) for row in kept}


@settings(deadline=None, max_examples=40)
@given(graph_lists(), depths, depths)
def test_cut_is_growing_less_deep(graphs: list[Data], depth: int, shallow: int) -> None:
    shallow = min(depth, shallow)
    trees = dictionary(graphs, depth)
    small, rows = trees.cut(shallow)
    want = dictionary(graphs, shallow)
    assert small.sizes == want.sizes
    assert all(torch.equal(a, b) for a, b in zip(small.ids(), want.ids(), strict=True))
    for row, to in enumerate(rows.tolist()):
        deep, cut = trees.roots()[depth][row], small.roots()[shallow][to]
        assert deep == cut
    for row in range(trees.sizes[-1]):
        at = row
        for level in reversed(trees.levels[shallow:]):
            at = int(level.truncated[at])
        assert at == int(rows[row])


@pytest.mark.parametrize("depth", [-1, 3])
def test_cut_past_the_depth_is_refused(depth: int) -> None:
    trees = dictionary([Data(x=torch.tensor([[1]]), edge_index=torch.empty(2, 0, dtype=torch.long))], 2)
    with pytest.raises(ValueError, match=rf"^depth must be from 0 to 2, got {depth}$"):
        trees.cut(depth)


@settings(deadline=None, max_examples=40)
@given(graph_lists(), depths, st.integers(0, 99))
def test_reorder_moves_rows_and_keeps_trees(graphs: list[Data], depth: int, seed: int) -> None:
    trees = dictionary(graphs, depth)
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(size, generator=generator) for size in trees.sizes]
    moved = trees.reorder(orders)
    for before, after, order in zip(trees.ids(), moved.ids(), orders, strict=True):
        assert torch.equal(after, before[order])
    for level in moved.levels:
        for first, last in zip(level.ptr[:-1].tolist(), level.ptr[1:].tolist(), strict=True):
            child = level.child[first:last].tolist()
            edge = [0] * len(child) if level.edge is None else level.edge[first:last].tolist()
            assert sorted(zip(child, edge, strict=True)) == list(zip(child, edge, strict=True))


def test_write_level_sorts_children_by_tree_then_edge() -> None:
    own, ptr = torch.tensor([5, 6]), torch.tensor([0, 3, 4])
    child, edge = torch.tensor([2, 1, 2, 0]), torch.tensor([1, 7, 0, 3])
    level = write_level(own, ptr, child, edge, torch.tensor([1, 0]))
    assert level.edge is not None
    assert (level.truncated.tolist(), level.ptr.tolist()) == ([6, 5], [0, 1, 4])
    assert (level.child.tolist(), level.edge.tolist()) == ([0, 1, 2, 2], [3, 7, 0, 1])
    assert level.target.tolist() == [0, 1, 1, 1]


@settings(deadline=None, max_examples=40)
@given(graph_lists(edges=("integer", "float"), max_graphs=2), st.integers(1, 3))
def test_pairs_are_distinct_and_spread_back_to_the_slots(graphs: list[Data], depth: int) -> None:
    trees = dictionary(graphs, depth)
    assert trees.edge_attr is not None
    for below, level in zip(trees.sizes, trees.levels, strict=False):
        pairs = level.pairs(below, len(trees.edge_attr))
        assert level.edge is not None
        both = list(zip(pairs.child.index.tolist(), pairs.edge.index.tolist(), strict=True))
        assert len(set(both)) == len(both)
        slots = [both[row] for row in pairs.segments.index.tolist()]
        assert slots == list(zip(level.child.tolist(), level.edge.tolist(), strict=True))
        assert level.pairs(below, len(trees.edge_attr)) is pairs


def test_labels_carry_the_degree() -> None:
    path = Data(x=torch.tensor([[1], [1], [1]]), edge_index=torch.tensor([[0, 1], [1, 2]]))
    trees = dictionary([path], 0)
    assert sorted(trees.degree.tolist()) == [0, 1]
    assert torch.equal(trees.ids()[0], hash_labels(trees.x, trees.degree))
