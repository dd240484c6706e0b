from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.lookup import GraphArrays, find, graph_arrays, make_table, tree_ids
from graphdistill.core.trees.wl import refined_ids
from graphdistill.datasets import load
from tests.core.trees.test_wl import ROOT
from tests.strategies import graph_lists


def arrays(graphs: Graphs) -> GraphArrays:
    return graph_arrays(graphs.x, graphs.edge_index, graphs.node_ptr, graphs.edge_attr)


@given(graph_lists())
@settings(max_examples=60)
def test_ids_are_the_first_lanes_of_a_forest(data: list[Data]) -> None:
    graphs = Graphs.from_data_list(data)
    found = tree_ids(arrays(graphs), 3)
    for ids, expected in zip(found, refined_ids(graphs, 3, degrees=True), strict=True):
        assert torch.equal(ids, expected[:, 0])
    assert set(found[3].tolist()) == set(build_forest(graphs, 3).trees.ids()[3][:, 0].tolist())


@pytest.mark.parametrize("name", ["pains", "ogbg-molbace"])
def test_ids_of_molecules(name: str) -> None:
    if name != "pains" and not (Path(ROOT) / "ogb").is_dir():
        pytest.skip("ogbg-molbace is not here")
    data = load(name, None if name == "pains" else ROOT)
    graphs = data.graphs.subset(torch.arange(1000))
    expected = torch.stack([ids[:, 0] for ids in refined_ids(graphs, 3, degrees=True)])
    assert torch.equal(tree_ids(arrays(graphs), 3), expected)
    narrow = graph_arrays(graphs.x.byte(), graphs.edge_index, graphs.node_ptr, graphs.edge_attr.byte())
    assert torch.equal(tree_ids(narrow, 3), expected)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20), unique=True, max_size=80))
@example(keys=[1, 2, 2_199_023_255_551, 0, -1])
@example(keys=[2, 0, -140_737_488_355_326])
@example(keys=[0, 1, -(2**63)])
@settings(max_examples=60)
def test_a_table_finds_what_it_holds_and_nothing_else(keys: list[int]) -> None:
    held, others = keys[::2], keys[1::2]
    table = make_table(torch.tensor(held, dtype=torch.long))
    values = np.array([*held, *others, 0], np.int64).view(np.uint64)
    unknown = len(held)
    expected = [*range(len(held)), *[unknown] * len(others), held.index(0) if 0 in held else unknown]
    places = np.empty(len(values), np.uint32)
    find(values - np.uint64(7), np.uint64(7), *table, places, unknown)
    assert places.tolist() == expected


def test_keys_must_be_distinct() -> None:
    with pytest.raises(ValueError, match="keys must be distinct; give those of the trees of one set of graphs"):
        make_table(torch.tensor([3, 4, 3]))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"x": torch.zeros(2)}, r"must have shapes \[N, F\], \[2, E\] and \[G \+ 1\], got \[\[2\], \[2, 2\], \[2\]\]"),
        ({"edge_index": torch.zeros(3, 2).long()}, r"got \[\[2, 1\], \[3, 2\], \[2\]\]"),
        ({"ptr": torch.tensor([0, 1])}, r"ptr must rise from 0 to 2, the rows of x, got \[0, 1\]"),
        ({"ptr": torch.tensor([0, 3, 1, 2])}, "ptr must rise from 0 to 2, .* a smaller number after a larger"),
        ({"edge_attr": torch.zeros(1, 1)}, r"edge_attr must have shape \[2, D\], got \[1, 1\]"),
        ({"edge_index": torch.tensor([[0, 1], [1, 2]])}, "edge_index reaches from 0 to 2 but the batch has 2 nodes"),
        ({"edge_index": torch.tensor([[0, -1], [1, 0]])}, "edge_index reaches from -1 to 1 but the batch has 2 nodes"),
    ],
)
def test_bad_tensors_are_named(change: dict[str, torch.Tensor], text: str) -> None:
    pair = {"x": torch.zeros(2, 1), "edge_index": torch.tensor([[0, 1], [1, 0]]), "ptr": torch.tensor([0, 2])}
    with pytest.raises(ValueError, match=text):
        tree_ids(graph_arrays(**(pair | change)), 1)
