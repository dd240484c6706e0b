r"""An entropy bottleneck: features are rounded, and a learnt prior says how many bits that takes.

.. math:: R(y) = -\sum_{k, i} \log_2 \bigl(c_k(\tilde y_{ki} + \tfrac12) - c_k(\tilde y_{ki} - \tfrac12)\bigr), \qquad
    \tilde y = y + u, \; u \sim U(-\tfrac12, \tfrac12) \text{ in training}, \quad
    \tilde y = \mathrm{round}(y) \text{ afterwards}

with a distribution function :math:`c_k` of each channel, a small monotone network (Ballé et al., ICLR 2018,
https://arxiv.org/abs/1802.01436). After the training :math:`c_k` becomes a table of integer frequencies, by which the
library's arithmetic coder makes bytes.

Shape legend: n entries, K channels, P places of a channel, L levels.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.codec.static_coder import StaticCoder

LEVELS = 128
"""Values of a rounded feature, -64 to 63; what is beyond takes the nearest."""
TOTAL = 1 << 20
"""Sum of the frequencies of a channel before every level gets one more, so that all can be coded."""
SPEED = 10.0
"""Factor of the prior's own numbers: Adam moves each by the learning rate, and the prior has to follow the encoder."""
LEAST = 1e-9
"""Least probability in the rate, so that its logarithm is finite."""


class FactorizedPrior(nn.Module):
    """A distribution of each channel, learnt by its distribution function.

    Args:
        channels: number of channels K.
        widths: widths of the hidden layers, those of the paper. (default: 3, 3, 3)
        scale: spread of the distributions at first, that of the paper. (default: 10)

    Example:
        >>> prior = FactorizedPrior(2)
        >>> bool((prior.likelihood(torch.arange(-300.0, 301).expand(2, -1)).sum(dim=1) > 0.99).all())
        True
    """

    def __init__(self, channels: int, widths: Sequence[int] = (3, 3, 3), scale: float = 10.0):
        super().__init__()
        sizes = (1, *widths, 1)
        step = scale ** (1 / (len(sizes) - 1))
        self.matrices, self.biases, self.gates = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for before, after in pairwise(sizes):
            first = torch.tensor(1 / (step * after)).expm1().log()
            self.matrices.append(nn.Parameter(first.repeat(channels, after, before) / SPEED))
            self.biases.append(nn.Parameter((torch.rand(channels, after, 1) - 0.5) / SPEED))
        for width in widths:
            self.gates.append(nn.Parameter(torch.zeros(channels, width, 1)))

    def logits(self, y: Tensor) -> Tensor:
        """Logits of the distribution functions at ``[K, P]``, of the same shape; they grow with y."""
        value = y[:, None]
        for i, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            value = F.softplus(SPEED * matrix) @ value + SPEED * bias
            if i < len(self.gates):
                value = value + torch.tanh(SPEED * self.gates[i]) * torch.tanh(value)
        return value[:, 0]

    def likelihood(self, y: Tensor) -> Tensor:
        """Probability of the interval of width 1 around each value, ``[K, P]``."""
        low, high = self.logits(y - 0.5), self.logits(y + 0.5)
        # Differences are taken on the side of the distribution where they are exact.
        sign = -(low + high).sign().detach()
        return (torch.sigmoid(sign * high) - torch.sigmoid(sign * low)).abs()

    @torch.no_grad()
    def frequency(self) -> Tensor:
        """Integer frequencies of the values -64 to 63, int32 ``[K, 128]``; both ends stand for all beyond."""
        edge = torch.arange(LEVELS - 1) - LEVELS // 2 + 0.5
        below = torch.sigmoid(self.logits(edge.to(self.biases[0]).expand(len(self.biases[0]), -1)).double())
        ends = torch.zeros_like(below[:, :1])
        share = torch.cat([ends, below, ends + 1], dim=1).diff(dim=1).clamp(min=0)
        return (share * TOTAL).to(torch.int32) + 1


class Bottleneck(nn.Module):
    """Rounds features and codes them by the learnt prior.

    In training it adds noise in place of rounding, until :meth:`freeze` is called.

    Args:
        channels: channels of the features.

    Shapes:
        - **input:** features ``[n, K, ...]``
        - **output:** the same shape, whole numbers but for the noise

    Example:
        >>> bottleneck = Bottleneck(3).freeze()
        >>> y = 4 * torch.randn(5, 3, 2, 2)
        >>> streams = bottleneck.encode(y)
        >>> len(streams), torch.equal(bottleneck.decode(streams, (3, 2, 2)), bottleneck(y))
        (5, True)
    """

    frequency: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.prior = FactorizedPrior(channels)
        self.register_buffer("frequency", torch.zeros(channels, LEVELS, dtype=torch.int32))

    @property
    def frozen(self) -> bool:
        """Whether there is a table, so that features can be coded."""
        return bool(self.frequency.any())

    def freeze(self) -> Bottleneck:
        """End the training of the prior: make its table, and round from now on."""
        self.frequency.copy_(self.prior.frequency())
        self.requires_grad_(False)
        return self

    def forward(self, y: Tensor) -> Tensor:
        """Noisy features, or rounded ones."""
        if self.training and not self.frozen:
            return y + torch.rand_like(y) - 0.5
        return _rounded(y)

    def bits(self, z: Tensor) -> Tensor:
        """Bits of each entry by the prior, float ``[n]``, of what :meth:`forward` returned."""
        of_channels = self.prior.likelihood(z.transpose(0, 1).flatten(1))
        found = -of_channels.clamp(min=LEAST).log2().view(z.shape[1], len(z), -1)
        return found.sum(dim=(0, 2))

    def encode(self, y: Tensor) -> list[bytes]:
        """Code each entry on its own.

        Args:
            y: features, float ``[n, K, ...]``.

        Returns:
            A stream for each entry, without any header: its shape is that of all entries.

        Raises:
            ValueError: :meth:`freeze` was not called, or the features have other channels or are not finite.
        """
        coder, symbols = self._coder(), self._symbols(y)
        return [coder.encode(entry) for entry in symbols.view(*symbols.shape[:2], -1)]

    def decode(self, streams: Sequence[bytes], shape: Sequence[int]) -> Tensor:
        """The rounded features of streams of :meth:`encode`, float ``[n, *shape]``.

        Args:
            streams: a stream for each entry.
            shape: shape of the features of an entry, channels first.

        Raises:
            ValueError: there is no table, or a stream does not fit table and shape.
        """
        coder = self._coder()
        rows = [coder.decode(data, prod(shape[1:])) for data in streams]
        found = torch.stack(rows) if rows else torch.empty(0, prod(shape), dtype=torch.long)
        return self._features(found.view(len(streams), *shape))

    def encode_batch(self, y: Tensor) -> bytes:
        """Code entries as one stream, which fits an upload: 8 bytes of count and check, then all channels in turn.

        Args:
            y: features, float ``[n, K, ...]``.

        Raises:
            ValueError: as of :meth:`encode`.
        """
        symbols = self._symbols(y)
        return _head(symbols) + self._coder().encode(symbols.transpose(0, 1).flatten(1))

    def decode_batch(self, data: bytes, shape: Sequence[int], *, limit: int) -> Tensor:
        """The rounded features of a stream of :meth:`encode_batch`, float ``[n, *shape]``.

        Args:
            data: the stream.
            shape: shape of the features of an entry, channels first.
            limit: the most entries that a stream from elsewhere may hold.

        Raises:
            ValueError: the stream is damaged, or of another table or shape, or holds more entries.
        """
        count = int.from_bytes(data[:4], "little")
        if len(data) < 8 or count > limit:
            raise ValueError(f"the stream has {len(data)} bytes and names {count} entries, of which {limit} may come")
        rows = self._coder().decode(data[8:], count * prod(shape[1:]))
        symbols = rows.view(shape[0], count, *shape[1:]).transpose(0, 1)
        if _head(symbols) != data[:8]:
            raise ValueError("the stream was changed: its check does not fit; encode the features again")
        return self._features(symbols)

    def _coder(self) -> StaticCoder:
        if not self.frozen:
            raise ValueError("the bottleneck has no table yet; train it, then call freeze()")
        return StaticCoder(self.frequency)

    @torch.no_grad()
    def _symbols(self, y: Tensor) -> Tensor:
        """Rounded features as numbers from 0, long ``[n, K, ...]``, on the CPU."""
        if y.dim() < 2 or y.shape[1] != len(self.frequency) or not bool(torch.isfinite(y).all()):
            finite = "finite" if bool(torch.isfinite(y).all()) else "not finite"
            raise ValueError(
                f"features must be finite [n, {len(self.frequency)}, ...], got {list(y.shape)}, which are {finite}"
            )
        return _rounded(y).long().cpu() + LEVELS // 2

    def _features(self, symbols: Tensor) -> Tensor:
        return (symbols - LEVELS // 2).float().to(self.frequency.device)


def _rounded(y: Tensor) -> Tensor:
    """The nearest whole numbers that the table has."""
    return y.round().clamp(-LEVELS // 2, LEVELS // 2 - 1)


def _head(symbols: Tensor) -> bytes:
    check = zlib.crc32(symbols.to(torch.uint8).contiguous().numpy().tobytes())
    return len(symbols).to_bytes(4, "little") + check.to_bytes(4, "little")
