"""Small sets of rings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.codec import encode_array
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.trees.build import build_forest

RING = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])


def coded_bytes(*tensors: Tensor) -> int:
    """Bytes that the codec of arrays needs for some tensors."""
    return sum(len(encode_array(tensor)) for tensor in tensors)


def as_bytes(pixels: Tensor) -> Tensor:
    """Pixels from 0 to 1 in 8 bits."""
    return (pixels * 255).round().to(torch.uint8)


def rings(count: int, width: int = 2) -> list[Data]:
    generator = torch.Generator().manual_seed(0)
    return [Data(x=torch.randint(3, (3, width), generator=generator), edge_index=RING) for _ in range(count)]


def small_set(depth: int = 2, count: int = 4) -> SyntheticSet:
    forest = build_forest(Graphs.from_data_list(rings(count)), depth)
    y = torch.arange(count) % 2
    return SyntheticSet(forest, y, class_weights(y), features="categorical", meta={"method": "rings"})
