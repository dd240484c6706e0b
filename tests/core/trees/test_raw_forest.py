import os
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.raw_bytes import raw_bytes
from graphdistill.core.trees.raw_forest import RawForest, raw_forest
from graphdistill.datasets import load_graphs

ROOT = os.environ.get("GRAPHDISTILL_DATA", "../shared/data")


def edges_of(graphs: Graphs) -> list[tuple[object, ...]]:
    attr = [None] * graphs.edge_index.shape[1] if graphs.edge_attr is None else graphs.edge_attr.tolist()
    return sorted((*pair, str(a)) for pair, a in zip(graphs.edge_index.T.tolist(), attr, strict=True))


@st.composite
def collections(draw: st.DrawFn) -> Graphs:
    """Graphs with or without twins, loops, parallel edges and edge features."""
    twins, features = draw(st.booleans()), draw(st.booleans())
    graphs = []
    for _ in range(draw(st.integers(1, 4))):
        n = draw(st.integers(1, 5))
        pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=6))
        kinds = draw(st.lists(st.integers(0, 2), min_size=len(pairs), max_size=len(pairs)))
        if twins:
            back = [((t, s), k) for (s, t), k in zip(pairs, kinds, strict=True) if s != t]
            pairs, kinds = pairs + [p for p, _ in back], kinds + [k for _, k in back]
        index = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
        attr = torch.tensor(kinds, dtype=torch.long)[:, None] if features else None
        x = torch.tensor(draw(st.lists(st.integers(0, 300), min_size=n, max_size=n)))[:, None]
        graphs.append(Data(x=x, edge_index=index, edge_attr=attr))
    return Graphs.from_data_list(graphs)


@given(collections(), st.integers(0, 2))
def test_graphs_come_back_from_what_is_stored(graphs: Graphs, depth: int) -> None:
    forest = raw_forest(graphs, depth)
    again = RawForest.from_payload(forest.payload())
    assert edges_of(again.graphs) == edges_of(graphs)
    assert torch.equal(again.graphs.x.long(), graphs.x)
    assert torch.equal(again.graphs.node_ptr, graphs.node_ptr)
    for name, tensor in forest.payload().items():
        assert torch.equal(again.payload()[name], tensor), name
    for name, tensor in build_forest(graphs, depth).payload().items():
        assert torch.equal(build_forest(again.graphs, depth).payload()[name].long(), tensor.long()), name


def test_it_is_about_as_small_as_raw_bytes_say() -> None:
    if not Path(ROOT, "ogb", "ogbg_molbace").is_dir():
        pytest.skip(f"ogbg-molbace is not under {ROOT}")
    graphs, _ = load_graphs("ogbg-molbace", ROOT).split("train")
    stored, counted = raw_forest(graphs, 2).nbytes, int(raw_bytes(graphs).sum())
    assert 0.8 * counted < stored <= 1.05 * counted


def test_its_trees_are_those_of_the_graphs() -> None:
    ring = Data(x=torch.tensor([[6], [6], [8]]), edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]))
    graphs = Graphs.from_data_list([ring, ring])
    forest, grown = raw_forest(graphs, 2), build_forest(graphs, 2)
    assert torch.equal(forest.trees.ids()[-1], grown.trees.ids()[-1])
    assert torch.equal(forest.tree, grown.tree)
