"""Small sets of rings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.codec import encode_array
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.compensated import Compensated
from graphdistill.core.sets.expansion import Expansion
from graphdistill.core.sets.projected import Projected
from graphdistill.core.sets.replays import Replays
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.sets.tiles import Tiles
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


def pixels(*shape: int, least: int = 0, most: int = 256) -> Tensor:
    """Random bytes."""
    dtype = torch.uint8 if least >= 0 else torch.int8
    return torch.randint(least, most, shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def expansion(kind: str) -> Expansion:
    """A small one of each kind, with three classes."""
    images = pixels(6, 1, 8, 8)
    if kind == "tiles":
        return Tiles.of(pixels(12, 1, 8, 8), torch.tensor([0, 1, 2]), 2)
    if kind == "compensated":
        learnt, logits = pixels(2, 2, 1, 4, 4, least=-30, most=30), pixels(18, 3, least=-60, most=60)
        return Compensated(images, learnt, logits, torch.tensor([5, 2]))
    if kind == "replays":
        labels = torch.rand(24, 3, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
        return Replays.of(images, (7, 4, 100), labels)
    down, up = pixels(11, 2, least=-99, most=99), pixels(2, 3, least=-99, most=99)
    return Projected(images, torch.tensor([7, 4, 100]), torch.tensor([0, 0, 1, 1, 2, 2]), down, up)


EXPANSIONS = ("tiles", "compensated", "replays", "projected")
