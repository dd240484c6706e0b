"""Graphs with targets of regression that a test can compute."""

from collections.abc import Callable

import torch
from torch_geometric.data import Data


def chains(count: int, target: Callable[[float], float]) -> list[Data]:
    """Chains of 3 to 7 nodes of two kinds; a target of the number of the second kind, and for a third the length."""
    draw, graphs = torch.Generator().manual_seed(0), []
    for number in range(count):
        n = 3 + number % 5
        chain = torch.stack([torch.arange(n - 1), torch.arange(1, n)])
        x = torch.randint(2, (n, 1), generator=draw)
        y = torch.tensor([[target(float(x.sum())), torch.nan if number % 3 else float(n)]])
        graphs.append(Data(x=x, edge_index=torch.cat([chain, chain.flip(0)], dim=1), y=y))
    return graphs
