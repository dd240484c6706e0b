from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.codec import Labels, encode_set
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.graph_payload import check_graphs, read_graphs, store_graphs, stored_bytes
from graphdistill.core.trees.graph_forest import GraphForest, graph_forest
from tests.strategies import graph_lists

RING = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])


def rows_of(graphs: Graphs) -> list[tuple[object, ...]]:
    """Each graph as its edges with the features of their ends and of the edge, whatever the order of nodes."""
    out = []
    for row in range(len(graphs)):
        graph = graphs[row]
        assert graph.x is not None
        ends = graph.x[graph.edge_index].tolist()
        features = graph.edge_attr.tolist() if graph.edge_attr is not None else [[]] * graph.num_edges
        out.append((sorted(graph.x.tolist()), sorted(zip(*ends, features, strict=True))))
    return out


@settings(max_examples=60, deadline=None)
@given(graph_lists(), st.integers(0, 2))
def test_graphs_of_every_kind_are_stored_and_read(graphs: list, depth: int) -> None:  # type: ignore[type-arg]
    """Integers are coded, floats are stored in the order of the decoded graphs."""
    collated = Graphs.from_data_list(graphs)
    forest, y = graph_forest(collated, depth), torch.arange(len(graphs)) % 3
    stored = store_graphs(forest, y, None, "multiclass", "categorical")
    check_graphs(stored.payload)
    back, labels, task, weight = read_graphs(stored.payload)
    assert (task, weight) == ("multiclass", None)
    assert isinstance(back, GraphForest)
    assert isinstance(stored.forest, GraphForest)
    for name in ("x", "edge_index", "edge_attr"):
        ours, loaded = getattr(stored.forest.graphs, name), getattr(back.graphs, name)
        assert ours is None or torch.equal(ours, loaded)
    assert torch.equal(labels, stored.y)
    assert torch.equal(labels, y[stored.order])
    if not collated.x.is_floating_point():
        found = rows_of(back.graphs)
        assert found == [rows_of(collated)[k] for k in stored.order.tolist()]


def floats(count: int = 7, attr: bool = False) -> Graphs:
    draw = torch.Generator().manual_seed(0)
    return Graphs.from_data_list(
        [
            Data(
                x=torch.randn(3, 2, generator=draw),
                edge_index=RING,
                edge_attr=torch.randn(6, 1, generator=draw) if attr else None,
            )
            for _ in range(count)
        ]
    )


@pytest.mark.parametrize("attr", [False, True])
def test_float_features_stay_at_their_nodes_and_edges(attr: bool) -> None:
    graphs = floats(attr=attr)
    stored = store_graphs(graph_forest(graphs, 1), torch.arange(7) % 2, None, "multiclass", "continuous")
    assert stored.payload["x"].dtype == torch.float32
    back = read_graphs(stored.payload)[0]
    assert isinstance(back, GraphForest)
    assert rows_of(back.graphs) == [rows_of(graphs)[k] for k in stored.order.tolist()]


LABELS: dict[str, tuple[Tensor, str]] = {
    "soft": (torch.rand(7, 3, generator=torch.Generator().manual_seed(1)).softmax(dim=1), "multiclass"),
    "tasks": (torch.tensor([[0.0, 1.0], [torch.nan, 0.5]]).repeat(4, 1)[:7], "multilabel"),
    "no probabilities": (torch.full((7, 2), 0.75), "multiclass"),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_exact_unless_they_are_rounded(name: str) -> None:
    y, task = LABELS[name]
    forest = graph_forest(floats(), 1)
    stored = store_graphs(forest, y, None, task, "continuous")  # type: ignore[arg-type]
    assert torch.equal(read_graphs(stored.payload)[1].nan_to_num(-1), y[stored.order].nan_to_num(-1))
    if name == "soft":
        assert "y" in stored.payload
        rounded = store_graphs(forest, y, None, "multiclass", "continuous", bits=3)
        assert "y" not in rounded.payload
        assert len(rounded.payload["graphs"]) < len(stored.payload["graphs"]) + 7 * 3 * 4
        # Rounded labels stay as they are.
        again = store_graphs(rounded.forest, rounded.y, None, "multiclass", "continuous")
        assert torch.equal(again.y, rounded.y[again.order])


def test_weights_travel_and_bytes_are_known_without_a_forest() -> None:
    ring = Data(x=torch.tensor([[6], [6], [8]]), edge_index=RING)
    graphs = Graphs.from_data_list([ring] * 7)
    y, weight = torch.arange(7) % 2, torch.linspace(0, 1, 7)
    stored = store_graphs(graph_forest(graphs, 1), y, weight, "multiclass", "categorical")
    assert torch.equal(read_graphs(stored.payload)[3], weight[stored.order])
    plain = store_graphs(graph_forest(graphs, 1), y, None, "multiclass", "categorical")
    assert sum(t.nbytes for t in plain.payload.values()) == stored_bytes(graphs, Labels(y), "categorical")
    assert len(plain.payload["graphs"]) == len(encode_set(graphs, Labels(y)).data)


def test_trees_deeper_than_a_byte_are_refused() -> None:
    ring = Graphs.from_data_list([Data(x=torch.zeros(3, 1).long(), edge_index=RING)])
    with pytest.raises(ValueError, match="depth must be at most 255 for trees that are stored, got 256"):
        store_graphs(graph_forest(ring, 256), torch.tensor([0]), None, "multiclass", "categorical")
