import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.codec import symbols as symbols_module
from graphdistill.core.codec.symbols import Records, row_ids, symbols
from graphdistill.core.data.graphs import Graphs


def graph(x, edges, attr=None):
    index = torch.tensor(edges).view(-1, 2).T
    return Data(x=torch.tensor(x), edge_index=index, edge_attr=None if attr is None else torch.tensor(attr))


def test_an_undirected_edge_is_one_symbol_with_equal_sides():
    s = symbols(Graphs.from_data_list([graph([[6], [8]], [(0, 1), (1, 0)], [[5], [5]])]))
    assert s.pair.tolist() == [[0, 1]]
    assert s.forward.tolist() == s.backward.tolist() == [0]
    assert s.edges.row(0) == [1, 1, 5]
    assert [s.nodes.row(k) for k in s.node] == [[6, 0, 1], [8, 0, 1]]


def test_a_directed_edge_has_two_symbols():
    s = symbols(Graphs.from_data_list([graph([[6], [8]], [(1, 0)], [[5]])]))
    assert s.edges.row(s.forward[0]) == [0, 0, 1, 5]
    assert s.edges.row(s.backward[0]) == [0, 1, 5, 0]


def test_parallel_edges_and_loops_are_multisets():
    edges = [(0, 1), (0, 1), (1, 0), (0, 0), (0, 0), (0, 0)]
    s = symbols(Graphs.from_data_list([graph([[6], [8]], edges, [[7], [5], [5], [2], [1], [1]])]))
    assert s.edges.row(s.forward[0]) == [0, 2, 5, 7, 1, 5]
    assert s.nodes.row(s.node[0]) == [6, 3, 1, 1, 2, 1]
    bare = symbols(Graphs.from_data_list([graph([[6], [8]], edges)]))
    assert bare.edges.row(bare.forward[0]) == [0, 2, 1]
    assert bare.nodes.row(bare.node[0]) == [6, 3, 1]


def test_rows_are_numbered_in_ascending_order():
    rows = np.array([[2**62, 0], [-(2**62), 5], [2**62, 0], [2**62, -1]])
    ids, first = row_ids(rows)
    assert ids.tolist() == [2, 0, 2, 1]
    assert first.tolist() == [1, 3, 0]
    assert row_ids(np.zeros((3, 0), np.int64))[0].tolist() == [0, 0, 0]
    assert len(row_ids(np.zeros((0, 2), np.int64))[1]) == 0


def test_records_of_different_lengths():
    records = Records.of([[1, 2], [], [3]])
    assert [records.row(k) for k in range(len(records))] == [[1, 2], [], [3]]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_pieces_of_rows_are_numbered_as_all_at_once(monkeypatch, size):
    rows = np.random.default_rng(0).integers(-2, 3, (200, 3)) * [1, 2**40, 1]
    distinct, first, expected = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    monkeypatch.setattr(symbols_module, "PIECE_ROWS", size)
    ids, examples = row_ids(rows)
    assert np.array_equal(ids, expected.ravel())
    assert np.array_equal(examples, first)
    assert len(distinct) > 64
