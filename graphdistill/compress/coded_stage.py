"""What stands in place of the first stage of a network whose features leave the client as bytes."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.compress.bottleneck import Bottleneck

PACKED, ZLIB, ZLIB_PACKED = range(3)
"""Forms of a stream of uniform steps, its first byte."""


class GDN(nn.Module):
    """Generalised divisive normalisation of channels, or its inverse, a multiplication.

    Args:
        channels: number of channels.
        inverse: whether it multiplies. (default: it divides)

    Shapes:
        - **input**, **output:** ``[n, channels, ...]``

    Example:
        >>> GDN(2)(torch.tensor([[3.0, 0.0]])).detach().round(decimals=2)
        tensor([[2.1800, 0.0000]])
    """

    def __init__(self, channels: int, inverse: bool = False):
        super().__init__()
        # Squares keep both above 0; off the diagonal a gradient needs a value other than 0.
        self.beta = nn.Parameter(torch.ones(channels))
        self.gamma = nn.Parameter(0.01 + (0.1**0.5 - 0.01) * torch.eye(channels))
        self.inverse = inverse

    def forward(self, x: Tensor) -> Tensor:
        """The normalised features."""
        flat = x.flatten(2) if x.dim() > 2 else x[..., None]
        norm = F.conv1d(flat.square(), self.gamma.square()[..., None], self.beta.square() + 1e-6).view_as(x)
        return x * (norm.sqrt() if self.inverse else norm.rsqrt())


class CodedStage(nn.Module, ABC):
    """Base of what stands in place of the first stage: features that leave the client as bytes."""

    shape: tuple[int, ...]
    """Shape of the features of an entry that are sent, channels first."""

    @abstractmethod
    def encode(self, x: Tensor) -> list[bytes]:
        """A stream for each entry, of the input of the stage."""

    @abstractmethod
    def decode(self, streams: Sequence[bytes]) -> Tensor:
        """Output of the stage of each entry, of its stream alone."""


class EntropicStage(CodedStage):
    """Encoder, entropy bottleneck and decoder.

    Args:
        inside: shape of the input of an entry, ``[C, H, W]`` or flat.
        outside: shape of the output that the next stage reads, with as many dimensions.
        channels: channels that are sent.
        width: channels between the two layers of encoder and decoder.
    """

    def __init__(self, inside: Sequence[int], outside: Sequence[int], channels: int, width: int):
        super().__init__()
        self.inside, self.outside, self.channels, self.width = tuple(inside), tuple(outside), channels, width
        first: nn.Module
        others: tuple[nn.Module, ...]
        if len(outside) == 1:
            first, self.shape = nn.Sequential(nn.Flatten(), nn.Linear(inside[0], width)), (channels,)
            others = nn.Linear(width, channels), nn.Linear(channels, width), nn.Linear(width, outside[0])
        else:
            # A kernel of two more than the step covers every pixel, and rounds the size down as pooling does.
            step, self.shape = inside[1] // outside[1], (channels, *outside[1:])
            first = nn.Conv2d(inside[0], width, step + 2, step, padding=1)
            others = (
                nn.Conv2d(width, channels, 3, padding=1),
                nn.Conv2d(channels, width, 3, padding=1),
                nn.Conv2d(width, outside[0], 3, padding=1),
            )
        self.encoder = nn.Sequential(first, GDN(width), others[0])
        self.bottleneck = Bottleneck(channels)
        self.decoder = nn.Sequential(others[1], GDN(width, inverse=True), others[2])

    def forward(self, x: Tensor) -> Tensor:
        """The output of the stage, through the bottleneck."""
        out: Tensor = self.decoder(self.bottleneck(self.encoder(x)))
        return out

    @torch.no_grad()
    def encode(self, x: Tensor) -> list[bytes]:
        """Streams by the learnt prior."""
        return self.bottleneck.encode(self.encoder(x))

    @torch.no_grad()
    def decode(self, streams: Sequence[bytes]) -> Tensor:
        """What the decoder makes of the streams."""
        out: Tensor = self.decoder(self.bottleneck.decode(streams, self.shape))
        return out


class UniformStage(CodedStage):
    """The baseline: features in uniform steps from the least to the largest of each channel, coded by zlib.

    Where the packed bits are shorter, as of short rows, they are sent.

    Args:
        before: makes the features that are sent.
        features: features of training entries, ``[n, K, ...]``, which say the range.
        bits: bits of a feature, 1 to 8.
        after: makes the output of the stage of them. (default: they are the output)
    """

    low: Tensor
    step: Tensor

    def __init__(self, before: nn.Module, features: Tensor, bits: int, after: nn.Module | None = None):
        super().__init__()
        self.before, self.after, self.most = before, nn.Identity() if after is None else after, 2**bits - 1
        self.bits, self.shape = bits, tuple(features.shape[1:])
        rows = features.detach().transpose(0, 1).flatten(1)
        shape = (-1, *[1] * (features.dim() - 2))
        low, high = rows.amin(dim=1), rows.amax(dim=1)
        self.register_buffer("low", low.view(shape))
        self.register_buffer("step", ((high - low) / self.most).clamp(min=1e-12).view(shape))

    def codes(self, x: Tensor) -> Tensor:
        """Steps from the least value, float ``[n, K, ...]``."""
        features: Tensor = self.before(x)
        return ((features - self.low) / self.step).round().clamp(0, self.most)

    def forward(self, x: Tensor) -> Tensor:
        """The output of the stage, of features in steps."""
        out: Tensor = self.after(self.low + self.step * self.codes(x))
        return out

    @torch.no_grad()
    def encode(self, x: Tensor) -> list[bytes]:
        """Streams of codes: packed into bits, or zlib at its highest level of these or of a byte each; the shortest."""
        return [self._stream(codes) for codes in self.codes(x).flatten(1).cpu().numpy().astype(np.uint8)]

    @torch.no_grad()
    def decode(self, streams: Sequence[bytes]) -> Tensor:
        """The output of the stage of streams."""
        rows, size = list[Tensor](), prod(self.shape)
        for data in streams:
            plain: Any = np.frombuffer(data[1:] if data[0] == PACKED else zlib.decompress(data[1:]), np.uint8)
            if data[0] != ZLIB:
                bits = np.unpackbits(plain, count=size * self.bits).reshape(size, self.bits)
                plain = np.packbits(bits, axis=1)[:, 0] >> (8 - self.bits)
            rows.append(torch.from_numpy(plain.astype(np.float32)))
        codes = torch.stack(rows).view(len(streams), *self.shape).to(self.low)
        out: Tensor = self.after(self.low + self.step * codes)
        return out

    def _stream(self, codes: Any) -> bytes:
        packed = np.packbits(np.unpackbits(codes[:, None], axis=1)[:, 8 - self.bits :])
        bodies = {
            PACKED: packed.tobytes(),
            ZLIB: zlib.compress(codes.tobytes(), 9),
            ZLIB_PACKED: zlib.compress(packed.tobytes(), 9),
        }
        form = min(bodies, key=lambda form: len(bodies[form]))
        return bytes([form]) + bodies[form]
