from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphdistill.core.data.graphs import Graphs
from tests.strategies import graph_lists

PAIR = torch.tensor([[0, 1], [1, 0]])
NO_EDGES = torch.empty(2, 0, dtype=torch.long)


def pair(**more: Tensor) -> Data:
    return Data(**{"x": torch.tensor([[6], [8]]), "edge_index": PAIR, **more})


def assert_equal(one: Data, other: Data) -> None:
    assert torch.equal(one.x, other.x)
    assert torch.equal(one.edge_index, other.edge_index)
    assert (one.edge_attr is None) == (other.edge_attr is None)
    assert one.edge_attr is None or torch.equal(one.edge_attr, other.edge_attr)


@settings(deadline=None, max_examples=60)
@given(graph_lists())
def test_graphs_come_out_as_they_went_in(graphs: list[Data]) -> None:
    collated = Graphs.from_data_list(graphs)
    assert len(collated) == len(graphs)
    for i, graph in enumerate(graphs):
        assert_equal(collated[i], graph)
        assert_equal(collated[i - len(graphs)], graph)


@settings(deadline=None, max_examples=60)
@given(graph_lists())
def test_collating_is_what_pyg_does(graphs: list[Data]) -> None:
    collated, batch = Graphs.from_data_list(graphs), Batch.from_data_list(graphs)
    assert_equal(Data(x=collated.x, edge_index=collated.edge_index, edge_attr=collated.edge_attr), batch)
    assert torch.equal(collated.node_ptr, batch.ptr)
    assert torch.equal(collated.graph_of_node, batch.batch)
    assert collated.edge_ptr.diff().tolist() == [g.edge_index.shape[1] for g in graphs]
    assert collated.num_nodes == batch.num_nodes
    targets = batch.edge_index[1].tolist()
    assert collated.in_degree.tolist() == [targets.count(v) for v in range(batch.num_nodes)]


@settings(deadline=None, max_examples=60)
@given(graph_lists(), st.data())
def test_a_subset_is_its_graphs_collated(graphs: list[Data], data: st.DataObject) -> None:
    index = data.draw(st.lists(st.integers(0, len(graphs) - 1), min_size=1, max_size=5))
    small, want = Graphs.from_data_list(graphs).subset(torch.tensor(index)), [graphs[i] for i in index]
    again = Graphs.from_data_list(want)
    assert torch.equal(small.node_ptr, again.node_ptr)
    assert torch.equal(small.edge_ptr, again.edge_ptr)
    for i, graph in enumerate(want):
        assert_equal(small[i], graph)


@pytest.mark.parametrize("index", [2, -3])
def test_a_graph_past_the_end(index: int) -> None:
    with pytest.raises(IndexError, match=rf"^index {index} is out of range for 2 graphs$"):
        Graphs.from_data_list([pair(), pair()])[index]


def test_features_of_one_column_may_be_flat() -> None:
    graphs = Graphs.from_data_list([pair(x=torch.tensor([6, 8]), edge_attr=torch.tensor([1.5, 2.5]))])
    assert graphs.x.tolist() == [[6], [8]]
    assert graphs.edge_attr is not None
    assert graphs.edge_attr.tolist() == [[1.5], [2.5]]


def test_graphs_without_features_are_distinguished_by_in_degree() -> None:
    star = torch.tensor([[1, 2, 3, 0], [0, 0, 0, 1]])
    graphs = Graphs.from_data_list([Data(edge_index=star, num_nodes=5), Data(edge_index=NO_EDGES, num_nodes=2)])
    assert graphs.x.flatten().tolist() == [3, 1, 0, 0, 0, 0, 0]


def test_a_graph_without_edges_may_leave_them_out() -> None:
    graphs = Graphs.from_data_list([Data(x=torch.tensor([[6]])), pair()])
    assert graphs.edge_index.tolist() == [[1, 2], [2, 1]]


def test_a_graph_without_edges_has_edge_features_of_no_rows() -> None:
    bond = torch.tensor([[1, 0], [1, 0]])
    none = Data(x=torch.tensor([[6]]), edge_index=NO_EDGES, edge_attr=torch.empty(0, 2, dtype=torch.long))
    graphs = Graphs.from_data_list([none, pair(edge_attr=bond), none])
    assert graphs.edge_attr is not None
    assert graphs.edge_attr.tolist() == bond.tolist()
    assert graphs.edge_ptr.tolist() == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            Data(x=torch.empty(0, 1), edge_index=NO_EDGES),
            r"graphs\[1\] has no nodes; remove it or give it at least one",
        ),
        (
            pair(edge_index=torch.tensor([[0, 2], [1, 0]])),
            r"graphs\[1\]\.edge_index reaches from 0 to 2 but the graph has 2 nodes; number them from 0 to 1",
        ),
        (
            pair(edge_index=torch.tensor([[0, -1], [1, 0]])),
            r"graphs\[1\]\.edge_index reaches from -1 to 1 but the graph has 2 nodes; number them from 0 to 1",
        ),
        (
            pair(x=torch.tensor([[6.0], [8.0]])),
            r"graphs\[1\]\.x is float of width 1 but graphs\[0\]\.x is integer of width 1; give every graph feat",
        ),
        (
            pair(x=torch.tensor([[6, 1], [8, 1]])),
            r"graphs\[1\]\.x is integer of width 2 but graphs\[0\]\.x is integer of width 1; give every graph features",
        ),
        (
            pair(edge_attr=torch.tensor([[1], [1]])),
            r"graphs\[1\]\.edge_attr is integer of width 1 but graphs\[0\]\.edge_attr is absent; give every graph",
        ),
        (
            pair(x=torch.tensor([[6.0], [torch.nan]])),
            r"graphs\[1\]\.x holds nan in row 1, column 0; replace it",
        ),
        (
            pair(x=torch.tensor([[6.0], [torch.inf]])),
            r"graphs\[1\]\.x holds inf in row 1, column 0; replace it",
        ),
        (
            pair(edge_attr=torch.tensor([[0.5], [torch.nan]])),
            r"graphs\[1\]\.edge_attr holds nan in row 1, column 0; replace it",
        ),
    ],
    ids=["empty", "past", "negative", "type", "width", "edges", "nan", "inf", "nan edges"],
)
def test_a_graph_that_cannot_be_used_is_named(bad: Data, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Graphs.from_data_list([pair(), bad])


def test_a_list_of_nothing_is_refused() -> None:
    message = r"^graphs: the list is empty; give at least one torch_geometric Data object$"
    with pytest.raises(ValueError, match=message):
        Graphs.from_data_list([])


def test_one_graph_without_features_among_others_is_refused() -> None:
    with pytest.raises(ValueError, match=r"graphs\[1\]\.x "):
        Graphs.from_data_list([pair(), Data(edge_index=PAIR, num_nodes=2)])


def test_edge_features_must_fit_the_edges() -> None:
    with pytest.raises(ValueError, match=r"graphs\[0\]\.edge_attr "):
        Graphs.from_data_list([pair(edge_attr=torch.tensor([[1], [1], [1]]))])
