from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.raw_bytes import raw_bytes
from tests.reference import raw_bytes_naive
from tests.strategies import graph_lists


def count(*graphs: Data) -> list[int]:
    out: list[int] = raw_bytes(Graphs.from_data_list(list(graphs))).tolist()
    assert out == raw_bytes_naive(graphs)
    return out


def graph(nodes: int, pairs: list[tuple[int, int]], attr: list[float] | None = None) -> Data:
    index = torch.tensor(pairs, dtype=torch.long).view(-1, 2).T
    edge_attr = None if attr is None else torch.tensor(attr)[:, None]
    return Data(x=torch.zeros(nodes, 1, dtype=torch.long), edge_index=index, edge_attr=edge_attr)


@settings(deadline=None, max_examples=150)
@given(graph_lists())
def test_bytes_are_those_of_a_count_by_hand(graphs: list[Data]) -> None:
    assert raw_bytes(Graphs.from_data_list(graphs)).tolist() == raw_bytes_naive(graphs)


@pytest.mark.parametrize(
    ("example", "want"),
    [
        (graph(2, [(0, 1)]), 2 + 2 + 3),
        (graph(2, [(0, 1), (1, 0)]), 2 + 2 + 3),
        (graph(3, [(0, 1), (1, 0), (1, 2)]), 3 + 3 * 2 + 3),
        (graph(2, [(0, 1), (1, 0)], [4, 4]), 2 + 3 + 3),
        (graph(2, [(0, 1), (1, 0)], [4, 5]), 2 + 2 * 3 + 3),
        (graph(2, [(0, 1), (1, 0), (0, 1), (1, 0)], [4, 5, 5, 4]), 2 + 2 * 3 + 3),
        (graph(2, [(0, 1), (1, 0), (0, 0)]), 2 + 2 * 2 + 3),
        (graph(2, [(0, 1), (1, 0), (1, 1), (1, 1)]), 2 + 3 * 2 + 3),
        (graph(1, []), 1 + 3),
        (graph(256, []), 256 + 2 + 1 + 1),
        (graph(257, [(0, 256), (256, 0)]), 257 + 4 + 2 + 1 + 1),
        (graph(2, [(0, 1)] * 300), 2 + 600 + 1 + 2 + 1),
        (graph(2, [(0, 1), (1, 0)] * 255), 2 + 510 + 1 + 1 + 1),
        (graph(70_000, [(0, 1)]), 70_000 + 8 + 4 + 1 + 1),
    ],
)
def test_bytes_of(example: Data, want: int) -> None:
    assert count(example) == [want]


def test_a_column_is_as_wide_as_the_collection_needs() -> None:
    one, other = graph(2, []), graph(1, [])
    one.x, other.x = torch.tensor([[0, 5], [1, 5]]), torch.tensor([[300, 5]])
    assert count(one, other) == [2 * 3 + 3, 3 + 3]
    one.x = torch.tensor([[0, -1], [2**40, 5]])
    assert count(one, other) == [2 * 10 + 3, 10 + 3]


@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 4), (torch.float64, 8), (torch.float16, 2)])
def test_floats_take_their_own_width(dtype: torch.dtype, size: int) -> None:
    example = graph(3, [])
    example.x = torch.zeros(3, 2, dtype=dtype)
    assert count(example) == [3 * 2 * size + 3]


def test_graphs_do_not_share_twins() -> None:
    """An edge of one graph is no twin of an edge of the next, and one lonely edge costs its own graph only."""
    lonely, paired = graph(3, [(0, 1), (1, 0), (2, 1)]), graph(3, [(0, 1), (1, 0), (2, 1), (1, 2)])
    assert count(lonely, paired, lonely) == [3 + 6 + 3, 3 + 4 + 3, 3 + 6 + 3]
