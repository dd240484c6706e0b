"""A small vision transformer: patches of an image as tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.networks.transformer import TransformerBlock


class ViT(nn.Module):
    """Patches and position embeddings, pre-norm transformer blocks, a norm, the mean over patches and a linear layer.

    Dosovitskiy et al., ICLR 2021, https://arxiv.org/abs/2010.11929, with the mean in place of a class token (Beyer et
    al., 2022, https://arxiv.org/abs/2205.01580). Images whose sides are no multiple of the patch are padded with zeros
    at the bottom and at the right.

    Args:
        shape: channels, height and width of an image.
        num_classes: width of the output.
        patch: pixels of the side of a patch. (default: a seventh of the longer side, at least 2)
        width: width of all layers; a multiple of ``heads``. (default: 64)
        depth: number of blocks. (default: 2)
        heads: attention heads of a block. (default: 4)
        dropout: probability at the embeddings and at the output of each branch in training. (default: 0)

    Raises:
        ValueError: a number is below 1, or ``width`` is no multiple of ``heads``.

    Shapes:
        - **input:** images ``[n, channels, height, width]``
        - **output:** logits ``[n, C]``

    Example:
        >>> net = ViT((1, 28, 28), 10)
        >>> len(net.positions), net(torch.rand(2, 1, 28, 28)).shape
        (49, torch.Size([2, 10]))
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        num_classes: int,
        *,
        patch: int | None = None,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
    ):
        super().__init__()
        patch = max(2, max(shape[1:]) // 7) if patch is None else patch
        for name, value in (("num_classes", num_classes), ("patch", patch), ("width", width), ("depth", depth)):
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        rows, columns = (-(-side // patch) for side in shape[1:])
        self.patches = nn.Conv2d(shape[0], width, patch, stride=patch)
        self.positions = nn.Parameter(0.02 * torch.randn(rows * columns, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_classes)
        self.patch = patch

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[n, C]`` of images ``[n, channels, height, width]``."""
        bottom, right = (-side % self.patch for side in images.shape[-2:])
        patches: Tensor = self.patches(F.pad(images, (0, right, 0, bottom)))
        x: Tensor = self.dropout(patches.flatten(2).mT + self.positions)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x).mean(dim=1))
        return out
