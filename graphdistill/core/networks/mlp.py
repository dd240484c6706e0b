"""The multilayer perceptron on flat inputs, such as the pixels of an image."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class MLP(nn.Module):
    """The input as one vector, hidden layers with ReLU, then one linear layer.

    Args:
        shape: shape of an entry, such as channels, height and width of an image.
        num_classes: width of the output.
        width: width of the hidden layers. (default: 128)
        depth: number of hidden layers. (default: 2)
        dropout: probability after each hidden layer in training. (default: 0)

    Raises:
        ValueError: width or number of classes is below 1, or depth below 0.

    Shapes:
        - **input:** ``[n, *shape]``
        - **output:** logits ``[n, C]``

    Example:
        >>> MLP((1, 8, 8), 10)(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self, shape: tuple[int, ...], num_classes: int, *, width: int = 128, depth: int = 2, dropout: float = 0.0
    ):
        super().__init__()
        for name, value, least in (("num_classes", num_classes, 1), ("width", width, 1), ("depth", depth, 0)):
            if value < least:
                raise ValueError(f"{name} must be {least} or more, got {value}")
        sizes = [torch.Size(shape).numel(), *[width] * depth]
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(i, o), nn.ReLU(), nn.Dropout(dropout)) for i, o in pairwise(sizes)
        )
        self.head = nn.Linear(sizes[-1], num_classes)

    def embed(self, x: Tensor) -> Tensor:
        """Input of the last layer, ``[n, width]``."""
        x = x.flatten(1)
        for block in self.blocks:
            x = block(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, C]`` of entries ``[n, *shape]``."""
        out: Tensor = self.head(self.embed(x))
        return out
