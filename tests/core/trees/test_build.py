from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from graphdistill import datasets
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.scatter import tree_hash_step
from graphdistill.core.trees import build as grow_module
from graphdistill.core.trees.build import build_forest, merge, uncompressed_forest
from graphdistill.core.trees.forest import Forest
from tests.reference import canonical_tree
from tests.strategies import WILD, graph_lists, shuffled

depths = st.integers(0, 4)
NO_EDGES = torch.empty(2, 0, dtype=torch.long)
ROOT = Path(os.environ.get("GRAPHDISTILL_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
# The two zeros are one number, but a payload may hold either.
ONE_ZERO = {**WILD, "float": tuple(v for v in WILD["float"] if str(v) != "-0.0")}


def forest_of(graphs: list[Data], depth: int) -> Forest:
    return build_forest(Graphs.from_data_list(graphs), depth)


def same_bits(one: Forest, other: Forest) -> bool:
    a, b = one.payload(), other.payload()
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)


@settings(deadline=None, max_examples=80)
@given(graph_lists(), depths)
def test_there_are_as_many_trees_as_canonical_strings(graphs: list[Data], depth: int) -> None:
    forest = build_forest(Graphs.from_data_list(graphs), depth, verify=True)
    names = [{canonical_tree(g, v, k, True) for g in graphs for v in range(len(g.x))} for k in range(depth + 1)]
    assert forest.trees.sizes == tuple(map(len, names))
    assert len(forest) == len(graphs)


@settings(deadline=None, max_examples=40)
@given(graph_lists(pools=ONE_ZERO), depths, st.integers(0, 99))
def test_numbering_does_not_matter(graphs: list[Data], depth: int, seed: int) -> None:
    other = [shuffled(g, seed)[0] for g in graphs]
    assert same_bits(forest_of(graphs, depth), forest_of(other, depth))


@settings(deadline=None, max_examples=80)
@given(graph_lists(max_graphs=6), depths, st.data())
def test_merging_shards_is_growing_together(graphs: list[Data], depth: int, data: st.DataObject) -> None:
    cuts = sorted([*data.draw(st.lists(st.integers(1, len(graphs)), max_size=3, unique=True)), 0, len(graphs)])
    shards = [graphs[a:b] for a, b in pairwise(cuts) if a < b]
    whole, merged = forest_of(graphs, depth), merge([forest_of(s, depth) for s in shards])
    assert same_bits(merged, whole)
    assert same_bits(merged.by_frequency(), whole.by_frequency())
    again = merge([Forest.from_payload(forest_of(s, depth).payload()) for s in shards])
    assert same_bits(again, whole)


def test_merging_shards_of_ogbg_molbace() -> None:
    if not (ROOT / "ogb" / "ogbg_molbace").is_dir():
        pytest.skip(f"ogbg-molbace is not in {ROOT}; set GRAPHDISTILL_DATA to the folder that has ogb/ogbg_molbace")
    data = datasets.load("ogbg-molbace", ROOT)
    assert isinstance(data, GraphDataset)
    order = torch.randperm(len(data.graphs), generator=torch.Generator().manual_seed(0))
    graphs = data.graphs.subset(order)
    whole = build_forest(graphs, 3, verify=True)
    parts = torch.arange(len(graphs)).split([400, 1, 700, len(graphs) - 1101])
    assert same_bits(merge([build_forest(graphs.subset(p), 3) for p in parts]), whole)
    assert whole.trees.sizes[0] < whole.trees.sizes[1] < whole.trees.sizes[2] < whole.trees.sizes[3]


def dot(x: Tensor, attr: Tensor | None = None) -> Graphs:
    index = NO_EDGES if attr is None else torch.zeros(2, len(attr), dtype=torch.long)
    return Graphs.from_data_list([Data(x=x, edge_index=index, edge_attr=attr)])


INTEGERS = (1, "integer of width 1", "absent")


@pytest.mark.parametrize(
    ("other", "kinds"),
    [
        (build_forest(dot(torch.tensor([[6]])), 2), [INTEGERS, (2, "integer of width 1", "absent")]),
        (build_forest(dot(torch.tensor([[6, 7]])), 1), [INTEGERS, (1, "integer of width 2", "absent")]),
        (build_forest(dot(torch.tensor([[6.0]])), 1), [(1, "float of width 1", "absent"), INTEGERS]),
        (
            build_forest(dot(torch.tensor([[6]]), torch.tensor([[1]])), 1),
            [INTEGERS, (1, "integer of width 1", "integer of width 1")],
        ),
    ],
    ids=["depth", "width", "type", "edges"],
)
def test_merging_what_differs_in_kind_is_refused(other: Forest, kinds: list[tuple[int, str, str]]) -> None:
    message = f"forests differ in (depth, features, edge features): {kinds}; build them alike"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        merge([build_forest(dot(torch.tensor([[6]])), 1), other])


def test_a_negative_depth_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^depth must be 0 or more, got -2$"):
        build_forest(dot(torch.tensor([[6]])), -2)


def triangle_and_path() -> Graphs:
    """Labels 1 and 2, edges of two kinds, so that every hash distinguishes something."""
    triangle = torch.tensor([[0, 1, 1, 2, 2, 0], [1, 0, 2, 1, 0, 2]])
    path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    return Graphs.from_data_list(
        [
            Data(
                x=torch.tensor([[1], [1], [2]]),
                edge_index=triangle,
                edge_attr=torch.tensor([[5], [5], [6], [6], [5], [5]]),
            ),
            Data(x=torch.tensor([[1], [2], [1]]), edge_index=path, edge_attr=torch.tensor([[6], [6], [5], [5]])),
        ]
    )


def constant_labels(x: Tensor, degree: Tensor | None) -> Tensor:
    return torch.full((len(x), 2), 7)


def constant_children(label: Tensor, *others: object) -> Tensor:
    return torch.full((len(label), 2), 7)


def constant_rows(values: Tensor, salt: int) -> Tensor:
    return torch.full((len(values), 2), 7)


@pytest.mark.parametrize(
    ("name", "sabotage"),
    [("hash_labels", constant_labels), ("tree_hash_step", constant_children), ("hash_rows", constant_rows)],
)
def test_verification_sees_through_ids_that_collide(
    name: str, sabotage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs = triangle_and_path()
    build_forest(graphs, 2, verify=True)
    monkeypatch.setattr(grow_module, name, sabotage)
    build_forest(graphs, 2)
    with pytest.raises(AssertionError, match="share a 128-bit id"):
        build_forest(graphs, 2, verify=True)


def test_verification_sees_a_difference_that_is_only_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that differ at depth 2 for the first time, under ids that stop at depth 1."""
    path = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]])
    graphs = Graphs.from_data_list([Data(x=torch.tensor([[9], [1], [1], [1], [1], [1]]), edge_index=path)])
    honest, calls = tree_hash_step, []

    def lazy(label: Tensor, child: Tensor, *others: object) -> Tensor:
        calls.append(child)
        return honest(label, child, *others) if len(calls) == 1 else child.clone()  # type: ignore[arg-type]

    monkeypatch.setattr(grow_module, "tree_hash_step", lazy)
    with pytest.raises(AssertionError, match="two trees share a 128-bit id"):
        build_forest(graphs, 2, verify=True)


@settings(deadline=None, max_examples=40)
@given(graph_lists(), depths)
def test_uncompressed_forest_keeps_every_node_and_edge(graphs: list[Data], depth: int) -> None:
    collated = Graphs.from_data_list(graphs)
    forest = uncompressed_forest(collated, depth)
    assert forest.trees.sizes == (collated.num_nodes,) * (depth + 1)
    assert torch.equal(forest.trees.x, collated.x)
    assert torch.equal(forest.graph, collated.graph_of_node)
    assert bool((forest.count == 1).all())
    for level in forest.trees.levels:
        attr = collated.x.new_zeros(len(level.child), 0)
        if forest.trees.edge_attr is not None and level.edge is not None:
            attr = forest.trees.edge_attr[level.edge]
        want_attr = collated.x.new_zeros(len(level.child), 0) if collated.edge_attr is None else collated.edge_attr
        here = zip(level.child.tolist(), level.target.tolist(), attr.tolist(), strict=True)
        want = zip(*collated.edge_index.tolist(), want_attr.tolist(), strict=True)
        assert sorted(here) == sorted(want)


def test_one_entry_for_a_million_equal_nodes() -> None:
    forest = build_forest(dot(torch.zeros(1_000_000, 1, dtype=torch.uint8)), 2)
    assert (forest.trees.sizes, forest.count.tolist()) == ((1, 1, 1), [1_000_000])
    assert forest.nbytes < 30
