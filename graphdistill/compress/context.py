"""What a method of compression gets and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from graphdistill.compress.levels import Quantized
from graphdistill.compress.sparse import Sparse
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.view import View

Part = Quantized | Sparse
"""A weight as a file holds it in place of the float numbers."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the entry function of a method gets.

    Attributes:
        network: a copy of the trained network, in evaluation mode, which may be changed in place.
        teacher: the network that is distilled, in evaluation mode.
        data: the data.
        training: training of the compressed network.
        seed: seed of all randomness. (default: 0)
        progress: shows bars. (default: silent)
    """

    network: nn.Module
    teacher: nn.Module
    data: View
    training: KDConfig
    seed: int = 0
    progress: Progress = NO_PROGRESS


@dataclass(frozen=True)
class Compressed:
    """A compressed network.

    Attributes:
        network: the network, in evaluation mode; it computes with plain float weights.
        parts: its quantised or sparse weights by name, which its file holds in their place.
    """

    network: nn.Module
    parts: Mapping[str, Part]
