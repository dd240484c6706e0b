"""The convolutional network for matching and evaluating image sets."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

ConvNetNorm = Literal["instance", "batch"]

CONVNET_WIDTH = 32
"""Channels of every layer: a quarter of the usual 128, so that a step takes less than 0.1 s on one CPU core."""


class ConvNet(nn.Module):
    """Blocks of 3 x 3 convolution, a norm, ReLU and 2 x 2 average pooling, then one linear layer.

    The network of dataset distillation (Gidaris and Komodakis, CVPR 2018). Instance norm removes mean and scale
    of each image, so pixels need no normalization, and it has no running statistics, so logits do not depend on the
    batch. Batch norm has running statistics, which statistics matching needs.

    Args:
        shape: channels, height and width of an image.
        num_classes: width of the output.
        width: channels of every layer. (default: 32)
        depth: number of blocks. (default: the most that leave 2 x 2 pixels, at most 3)
        norm: ``instance`` or ``batch``. (default: ``instance``)

    Raises:
        ValueError: width or depth is below 1, or the image is too small for its blocks.

    Example:
        >>> import torch
        >>> net = ConvNet((1, 28, 28), 10)
        >>> len(net.blocks), net(torch.rand(2, 1, 28, 28)).shape
        (3, torch.Size([2, 10]))
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        num_classes: int,
        width: int = CONVNET_WIDTH,
        depth: int | None = None,
        norm: ConvNetNorm = "instance",
    ):
        super().__init__()
        channels, side = shape[0], min(shape[1:])
        max_depth = side.bit_length() - 2
        depth = max(1, min(3, max_depth)) if depth is None else depth
        for name, value in (("num_classes", num_classes), ("width", width), ("depth", depth)):
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        if depth > max_depth:
            raise ValueError(
                f"images of {shape[1]} x {shape[2]} pixels are too small for {depth} blocks; "
                f"give sides of {1 << (depth + 1)} or more"
            )
        ins = [channels, *[width] * (depth - 1)]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(i, width, 3, padding=1),
                nn.BatchNorm2d(width) if norm == "batch" else nn.GroupNorm(width, width),
                nn.ReLU(),
                nn.AvgPool2d(2),
            )
            for i in ins
        )
        self.head = nn.Linear(width * (shape[1] >> depth) * (shape[2] >> depth), num_classes)

    def features(self, x: Tensor) -> list[Tensor]:
        """Output of every block, ``[n, width, h, w]`` each."""
        out = []
        for block in self.blocks:
            x = block(x)
            out.append(x)
        return out

    def embed(self, x: Tensor) -> Tensor:
        """Input of the linear layer, ``[n, d]``."""
        return self.features(x)[-1].flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, C]`` of images ``[n, channels, height, width]``."""
        out: Tensor = self.head(self.embed(x))
        return out
