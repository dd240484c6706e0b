"""Sets of nodes: edges between them, features of 16 bits, one graph of all."""

from __future__ import annotations

import copy
import pickle
import tempfile
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.trees.build import build_forest
from tests.core.sets.samples import coded_bytes

Y = torch.tensor([0, 1, 0, 1])


def joined(edges: list[tuple[int, int]], weight: Tensor, count: int = 4) -> SyntheticSet:
    """Nodes with features of 16 bits, some of which are joined."""
    index = torch.tensor(edges, dtype=torch.long).view(-1, 2).T
    x = (torch.rand(count, 3, generator=torch.Generator().manual_seed(0)) * 9).half().float()
    y = torch.arange(count) % 2
    return SyntheticSet(x, y, class_weights(y), meta={"method": "gcond"}, edges=(index, weight))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=9), st.data())
def test_edges_are_read_back_bit_for_bit(edges: list[tuple[int, int]], data: st.DataObject) -> None:
    value = st.floats(width=data.draw(st.sampled_from((16, 32))), allow_nan=False, allow_infinity=False)
    weights = data.draw(st.lists(value, min_size=len(edges), max_size=len(edges)))
    small = joined(edges, torch.tensor(weights, dtype=torch.float))
    with tempfile.TemporaryDirectory() as folder:
        save_set(small, folder)
        loaded = load_set(folder)
    for back in (loaded, pickle.loads(pickle.dumps(small)), copy.deepcopy(small), small.to("cpu")):
        assert back.edges is not None
        assert small.edges is not None
        for ours, theirs in zip(small.edges, back.edges, strict=True):
            assert theirs.dtype == ours.dtype
            assert theirs.contiguous().numpy().tobytes() == ours.contiguous().numpy().tobytes()
        assert torch.equal(back.data, small.data)  # type: ignore[arg-type]
        assert back.nbytes == small.nbytes


@pytest.mark.parametrize(("weight", "dtype"), [(1.0, torch.half), (0.1, torch.float)])
def test_an_edge_costs_a_number_and_a_weight_of_two_bytes_where_these_are_exact(
    weight: float, dtype: torch.dtype
) -> None:
    small = joined([(0, 1), (1, 0), (2, 3)], torch.full((3,), weight))
    nodes = coded_bytes(small.data.half(), small.y.to(torch.uint8))  # type: ignore[union-attr]
    edges = coded_bytes(torch.tensor([1, 3, 7]), torch.full((3,), weight, dtype=dtype))
    assert small.nbytes == nodes + edges
    # Sorted edges of a ring of many nodes take little more than a bit each.
    count = 1000
    ring = [(i, (i + 1) % count) for i in range(count)]
    long, none = (joined(edges, torch.ones(len(edges)), count=count) for edges in (ring, []))
    assert long.nbytes < none.nbytes + 100


def test_a_set_without_edges_is_another_one_than_a_set_of_none() -> None:
    none, empty = replace(joined([], torch.empty(0)), edges=None), joined([], torch.empty(0))
    assert "edge_weight" not in none.payload()
    words = {"task": "multiclass", "features": "continuous", "meta": {}}
    assert SyntheticSet.from_payload(none.payload(), **words).edges is None  # type: ignore[arg-type]
    back = SyntheticSet.from_payload(empty.payload(), **words).edges  # type: ignore[arg-type]
    assert back is not None
    assert [tuple(part.shape) for part in back] == [(2, 0), (0,)]


@pytest.mark.parametrize("end", [-1, 4])
def test_edges_end_in_the_set(end: int) -> None:
    for pair in ((0, end), (end, 0)):
        with pytest.raises(ValueError, match=rf"^edges must join entries from 0 to 3, got {end}$"):
            joined([(1, 2), pair], torch.ones(2))


def test_every_edge_has_a_weight() -> None:
    message = r"^edges has ends of shape \[2, 2\] and 1 weights; give each edge a source, a target and a weight$"
    with pytest.raises(ValueError, match=message):
        joined([(0, 1), (1, 0)], torch.ones(1))
    with pytest.raises(ValueError, match=r"^edges has ends of shape \[3, 2\] and 3 weights"):
        SyntheticSet(torch.rand(4, 3), Y, class_weights(Y), edges=(torch.zeros(3, 2).long(), torch.ones(3)))


@pytest.mark.parametrize("edges", [None, [(0, 1), (2, 1)]])
def test_one_graph_of_all_nodes(edges: list[tuple[int, int]] | None) -> None:
    small = joined(edges or [], torch.full((len(edges or []),), 0.5))
    small = small if edges else replace(small, edges=None)
    graph = small.graph()
    assert graph.validate()
    assert torch.equal(graph.x, small.data)  # type: ignore[arg-type]
    assert graph.edge_index.T.tolist() == [list(pair) for pair in edges or []]
    assert graph.edge_weight.tolist() == [0.5] * len(edges or [])
    assert torch.equal(graph.y, small.y)
    assert graph.train_mask.tolist() == [True] * 4
    forest = build_forest(Graphs.from_data_list([Data(x=graph.x, edge_index=graph.edge_index)]), 2)
    with pytest.raises(ValueError, match=r"^this set holds graphs, not feature tensors; take its entries one by one$"):
        SyntheticSet(forest, Y[:1], torch.ones(1)).graph()


@given(st.lists(st.floats(width=16, allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_features_that_sixteen_bits_say_are_stored_in_two_bytes_each(values: list[float]) -> None:
    x = torch.tensor([[0.3, *values]]).half().float()
    small = SyntheticSet(x, torch.tensor([0]), torch.ones(1))
    arrays = small.arrays()
    if arrays["features"].is_floating_point():
        assert torch.equal(arrays["features"], x.half())
    else:  # multiples of one power of two
        assert arrays["features"].element_size() <= 2
        assert torch.equal(torch.ldexp(arrays["features"].float(), arrays["feature_exponent"].long()), x)
    assert small.nbytes == coded_bytes(*arrays.values())
    again = SyntheticSet.from_payload(small.payload(), task="multiclass", features="continuous", meta={})
    assert isinstance(again.data, torch.Tensor)
    assert again.data.dtype == torch.float32
    assert again.data.numpy().tobytes() == x.numpy().tobytes()


def test_halves_are_worked_with_as_floats() -> None:
    small = SyntheticSet(torch.rand(2, 3).half(), Y[:2], torch.ones(2))
    assert isinstance(small.data, torch.Tensor)
    assert small.data.dtype == torch.float32
