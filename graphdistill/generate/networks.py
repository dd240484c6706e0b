"""Networks that denoise: a perceptron on vectors, and a mixer on patches of images.

Shape legend: n entries, D width, C classes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.config_checks import check_positive

FREQUENCIES = 32
"""Sines and cosines of the noise level, each."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Architecture of a denoising network."""

    network: Literal["mlp", "mixer"] = "mlp"
    """A perceptron on all numbers of an entry, or a mixer on patches of an image."""
    width: int = 128
    """Width of all layers."""
    depth: int = 4
    """Number of residual blocks."""
    patch: int = 2
    """Pixels of the side of a patch, of the mixer."""

    def __post_init__(self) -> None:
        check_positive(self, "width", "depth", "patch")
        if self.network not in ("mlp", "mixer"):
            raise ValueError(f"network must be mlp or mixer, got {self.network!r}")

    def build(self, shape: tuple[int, ...], num_classes: int) -> DenoisingNetwork:
        """The network, with weights from torch's global generator."""
        made = DenoisingMLP if self.network == "mlp" else DenoisingMixer
        return made(shape, num_classes, self)


class Condition(nn.Module):
    """Embedding of the noise level, the class and the strength of guidance, ``[n, D]``.

    The class ``num_classes`` stands for no class. Guidance begins without an effect, so that teachers that are trained
    without it are not changed by it.
    """

    frequencies: Tensor

    def __init__(self, width: int, num_classes: int):
        super().__init__()
        self.register_buffer("frequencies", torch.linspace(0, math.log(1000), FREQUENCIES).exp() / 4)
        self.level = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(num_classes + 1, width)
        self.guidance = nn.Linear(1, width, bias=False)
        nn.init.zeros_(self.guidance.weight)

    def forward(self, level: Tensor, y: Tensor, guidance: Tensor | None) -> Tensor:
        """The embedding of levels, float ``[n]``, classes, long ``[n]``, and strengths, float ``[n]``."""
        angles = level[:, None] * self.frequencies
        out = self.level(torch.cat([angles.sin(), angles.cos()], dim=1)) + self.label(y)
        if guidance is not None:
            out = out + self.guidance(guidance[:, None])
        return F.silu(out)


class DenoisingNetwork(nn.Module, ABC):
    """Base of the networks F in a :class:`~graphdistill.generate.denoiser.Denoiser`.

    Args:
        shape: shape of an entry.
        num_classes: number C of classes.
        config: the architecture.

    Shapes:
        - **input:** entries ``[n, *shape]``, levels ``[n]``, classes ``[n]``, guidance ``[n]`` or ``None``
        - **output:** ``[n, *shape]``
    """

    def __init__(self, shape: tuple[int, ...], num_classes: int, config: NetworkConfig):
        super().__init__()
        self.shape, self.num_classes, self.config = tuple(shape), num_classes, config
        self.condition = Condition(config.width, num_classes)
        self.norm = nn.LayerNorm(config.width)

    @abstractmethod
    def hidden(self, x: Tensor, level: Tensor, y: Tensor, guidance: Tensor | None = None) -> Tensor:
        """Output of the blocks, ``[n, ..., D]``."""

    @abstractmethod
    def readout(self, hidden: Tensor) -> Tensor:
        """Output of the network from that of the blocks."""

    def forward(self, x: Tensor, level: Tensor, y: Tensor, guidance: Tensor | None = None) -> Tensor:
        """Output of the network, ``[n, *shape]``."""
        return self.readout(self.norm(self.hidden(x, level, y, guidance)))


class DenoisingMLP(DenoisingNetwork):
    """Residual blocks on all numbers of an entry, whose norms are scaled and shifted by level and class.

    Example:
        >>> net = DenoisingMLP((1, 8, 8), 10, NetworkConfig(width=16, depth=2))
        >>> net(torch.rand(3, 1, 8, 8), torch.zeros(3), torch.tensor([0, 9, 10])).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(self, shape: tuple[int, ...], num_classes: int, config: NetworkConfig):
        super().__init__(shape, num_classes, config)
        size = math.prod(shape)
        self.first = nn.Linear(size, config.width)
        self.blocks = nn.ModuleList(_Perceptron(config.width) for _ in range(config.depth))
        self.last = _zero(nn.Linear(config.width, size))

    def hidden(self, x: Tensor, level: Tensor, y: Tensor, guidance: Tensor | None = None) -> Tensor:
        """Output of the blocks, ``[n, D]``."""
        condition = self.condition(level, y, guidance)
        out: Tensor = self.first(x.flatten(1))
        for block in self.blocks:
            out = block(out, condition)
        return out

    def readout(self, hidden: Tensor) -> Tensor:
        """Output of the network from that of the blocks."""
        out: Tensor = self.last(hidden)
        return out.reshape(-1, *self.shape)


class DenoisingMixer(DenoisingNetwork):
    """Patches of an image as tokens, mixed by perceptrons over patches and over features in turn.

    MLP-Mixer: Tolstikhin et al., NeurIPS 2021, https://arxiv.org/abs/2105.01601, with norms that are scaled and shifted
    by level and class.

    Raises:
        ValueError: entries are no images, or their sides are no multiples of the patch.

    Example:
        >>> net = DenoisingMixer((1, 8, 8), 10, NetworkConfig(network="mixer", width=16, depth=2))
        >>> net(torch.rand(3, 1, 8, 8), torch.zeros(3), torch.tensor([0, 9, 10])).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(self, shape: tuple[int, ...], num_classes: int, config: NetworkConfig):
        super().__init__(shape, num_classes, config)
        if len(shape) != 3:
            raise ValueError(f"a mixer takes images [channels, height, width], got entries of shape {list(shape)}")
        channels, height, width = shape
        if height % config.patch or width % config.patch:
            raise ValueError(f"patch must divide the sides of images of {height} x {width} pixels, got {config.patch}")
        tokens = height * width // config.patch**2
        self.first = nn.Conv2d(channels, config.width, config.patch, stride=config.patch)
        self.positions = nn.Parameter(0.02 * torch.randn(tokens, config.width))
        self.blocks = nn.ModuleList(_Mixer(tokens, config.width) for _ in range(config.depth))
        self.last = _zero(nn.Linear(config.width, channels * config.patch**2))

    def hidden(self, x: Tensor, level: Tensor, y: Tensor, guidance: Tensor | None = None) -> Tensor:
        """Tokens of the patches after the blocks, ``[n, patches, D]``."""
        condition = self.condition(level, y, guidance)
        out: Tensor = self.first(x).flatten(2).mT + self.positions
        for block in self.blocks:
            out = block(out, condition)
        return out

    def readout(self, hidden: Tensor) -> Tensor:
        """Output of the network from the tokens."""
        return F.fold(self.last(hidden).mT, self.shape[1:], self.config.patch, stride=self.config.patch)


class _Perceptron(nn.Module):
    """A residual block of two layers, whose norm is scaled and shifted by the condition.

    Args:
        width: width of the inputs.
        size: numbers that the layers work on, where those are not the width. (default: the width)
    """

    def __init__(self, width: int, size: int = 0, ratio: int = 2):
        super().__init__()
        size = size or width
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = nn.Linear(width, 2 * width)
        self.up, self.down = nn.Linear(size, ratio * size), _zero(nn.Linear(ratio * size, size))

    def inner(self, x: Tensor, condition: Tensor) -> Tensor:
        """Inputs, normed, scaled and shifted."""
        scale, shift = self.film(condition).chunk(2, dim=-1)
        if x.dim() > condition.dim():
            scale, shift = scale[:, None], shift[:, None]
        out: Tensor = self.norm(x) * (1 + scale) + shift
        return out

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        out: Tensor = x + self.down(F.silu(self.up(self.inner(x, condition))))
        return out


class _Mixer(nn.Module):
    """A residual block over tokens, then one over features."""

    def __init__(self, tokens: int, width: int):
        super().__init__()
        self.over_tokens, self.over_features = _Perceptron(width, tokens, ratio=4), _Perceptron(width)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        mixing = self.over_tokens
        x = x + mixing.down(F.silu(mixing.up(mixing.inner(x, condition).mT))).mT
        out: Tensor = self.over_features(x, condition)
        return out


def _zero(layer: nn.Linear) -> nn.Linear:
    """The layer with weights of 0."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
