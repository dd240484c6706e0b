from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphdistill.core.codec import Labels
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.budget import graphs_within, largest_prefix
from graphdistill.core.sets.graph_payload import stored_bytes


@given(st.integers(0, 40), st.integers(1, 30), st.integers(0, 4000), st.integers(1, 300))
def test_the_largest_number_that_fits_is_found_up_to_a_share_of_the_budget(
    base: int, each: int, budget: int, most: int
) -> None:
    calls = []

    def nbytes(count: int) -> int:
        calls.append(count)
        return base + each * count - int(count**0.5)

    found = largest_prefix(nbytes, budget, most)
    assert all(1 <= count <= most for count in calls)
    assert found == 0 or nbytes(found) <= budget
    if found < most:
        assert nbytes(found + 1) > budget or nbytes(found) >= 0.997 * budget
    assert len(calls) < 30


def test_graphs_fill_a_budget() -> None:
    draw = torch.Generator().manual_seed(0)
    pair = torch.tensor([[0, 1], [1, 0]])
    pairs = [Data(x=torch.randint(9, (2, 1), generator=draw), edge_index=pair) for _ in range(90)]
    graphs = Graphs.from_data_list(pairs)
    labels, order = Labels(torch.arange(90) % 2), torch.randperm(90, generator=draw)
    for budget in (25, 60, 10_000):
        index = graphs_within(graphs, order, labels, "categorical", budget)
        assert torch.equal(index, order[: len(index)])
        sizes = [
            stored_bytes(graphs.subset(order[:k]), Labels(labels.y[order[:k]]), "categorical")
            for k in (len(index), min(90, len(index) + 1))
        ]
        assert sizes[0] <= budget
        assert sizes[1] > 0.997 * budget or len(index) == 90
    assert len(graphs_within(graphs, order, labels, "categorical", 3)) == 0
