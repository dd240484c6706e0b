"""As many graphs as fit a budget of stored bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from graphdistill.core.codec import Labels
from graphdistill.core.data.datasets import FeatureKind
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.graph_payload import stored_bytes

GRAPH_BYTES = 10
"""First guess of the coded bytes of a graph."""
SLACK = 0.003
"""Share of the budget that may stay unused, since each try codes all graphs."""


def graphs_within(graphs: Graphs, order: Tensor, labels: Labels, features: FeatureKind, budget: int) -> Tensor:
    """The longest prefix of an order of graphs that takes at most ``budget`` bytes, up to 0.3 % of them.

    Args:
        graphs: all graphs.
        order: order in which graphs are added, long ``[n]``.
        labels: labels of all graphs; bytes are those of a set with them.
        features: kind of features of the graphs.
        budget: bytes.

    Returns:
        The prefix; empty if no graph fits.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> pair = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> graphs, labels = Graphs.from_data_list([pair] * 50), Labels(torch.randperm(50) % 2)
        >>> 2 < len(graphs_within(graphs, torch.arange(50), labels, "categorical", 24)) < 50
        True
    """

    def nbytes(count: int) -> int:
        index = order[:count]
        return stored_bytes(graphs.subset(index), replace(labels, y=labels.y[index]), features)

    return order[: largest_prefix(nbytes, budget, len(order))]


def largest_prefix(nbytes: Callable[[int], int], budget: int, most: int, first: int | None = None) -> int:
    """The largest number of entries that fits a budget, found by few evaluations of the bytes of a number of entries.

    Args:
        nbytes: bytes of a number of entries; grows with it, nearly in proportion.
        budget: bytes.
        most: largest number.
        first: number that is evaluated first. (default: for graphs of ``GRAPH_BYTES``)

    Returns:
        A number of entries that fits; the next one does not, or at most 0.3 % of the budget is unused. 0 if none fits.

    Example:
        >>> largest_prefix(lambda count: 40 + 7 * count, 100, most=50)
        8
    """
    low, low_bytes = 0, 0
    high, high_bytes = most + 1, 0  # bytes are unknown
    guess = min(most, max(1, budget // GRAPH_BYTES if first is None else first))
    while high - low > 1:
        size = nbytes(guess)
        if size <= budget:
            low, low_bytes = guess, size
            if size >= (1 - SLACK) * budget:
                break
        else:
            high, high_bytes = guess, size
        if high_bytes:
            step = (budget - low_bytes) * (high - low) / max(1, high_bytes - low_bytes)
        else:
            step = (budget - low_bytes) * low / max(1, low_bytes)
        guess = min(max(low + round(step), low + 1), high - 1)
    return low
