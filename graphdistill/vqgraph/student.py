"""The student: an MLP that predicts the class of a node from its features alone."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch_geometric.nn import MLP

from graphdistill.core.sets.checked_file import brief

MAX_LAYERS = 128
"""Largest number of linear layers, so that an untrusted card cannot exhaust memory."""
MAX_WIDTH = 2**24
"""Largest width of a layer."""


class VQGraphStudent(MLP):  # type: ignore[misc]  # torch-geometric has no types
    r"""MLP that a graph network is distilled into (VQGraph: Yang et al., ICLR 2024, https://openreview.net/forum?id=h6Tz85BqRI).

    .. math:: h_0 = x, \quad h_{l} = \mathrm{dropout}(\mathrm{relu}(\mathrm{norm}(W_l h_{l-1} + b_l))), \quad
        \mathrm{logits} = W_L h_{L-1} + b_L

    It is a drop-in replacement for a graph network: ``student(data.x, data.edge_index)`` works and ignores the edges.
    Its weights have the names of :class:`torch_geometric.nn.MLP`; modules that only training needs are not in it.

    Args:
        in_channels: width of the features.
        hidden_channels: width of all hidden layers.
        out_channels: number of classes.
        num_layers: linear layers, from 1 to 128. (default: 2)
        dropout: probability after each hidden layer. (default: 0.5)
        norm: ``batch_norm``, ``layer_norm`` (of each row) or ``None``. (default: ``None``)

    Shapes:
        - **input:** features ``[N, in_channels]``, edges ``[2, E]`` or nothing
        - **output:** logits ``[N, out_channels]``

    Raises:
        ValueError: a size, ``dropout`` or ``norm`` is out of range; features have another width.

    Example:
        >>> import torch
        >>> student = VQGraphStudent(4, 8, 3).eval()
        >>> student(torch.ones(1, 4)).shape
        torch.Size([1, 3])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        *,
        dropout: float = 0.5,
        norm: str | None = None,
    ):
        for name, value, most in (
            ("in_channels", in_channels, MAX_WIDTH),
            ("hidden_channels", hidden_channels, MAX_WIDTH),
            ("out_channels", out_channels, MAX_WIDTH),
            ("num_layers", num_layers, MAX_LAYERS),
        ):
            if not isinstance(value, Integral) or isinstance(value, bool):
                raise ValueError(f"{name} must be a whole number, got {brief(value)}")
            if not 1 <= value <= most:
                limit = "1 or more" if value < 1 else f"at most {most}"
                raise ValueError(f"{name} must be {limit}, got {brief(value)}")
        if not isinstance(dropout, Real) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(f"dropout must be from 0 to 1, got {brief(dropout)}")
        if norm not in (None, "batch_norm", "layer_norm"):
            raise ValueError(f"norm must be batch_norm, layer_norm or None, got {brief(norm)}")
        widths = [in_channels] + [hidden_channels] * (num_layers - 1) + [out_channels]
        # By default torch-geometric's layer norm is over all nodes, so that logits would depend on the batch.
        kwargs = {"mode": "node"} if norm == "layer_norm" else None
        super().__init__(widths, dropout=float(dropout), norm=norm, norm_kwargs=kwargs)
        self.config: dict[str, Any] = {
            "in_channels": in_channels,
            "hidden_channels": hidden_channels,
            "out_channels": out_channels,
            "num_layers": num_layers,
            "dropout": dropout,
            "norm": norm,
        }

    def forward(self, x: Tensor, edge_index: Tensor | None = None) -> Tensor:
        """Logits of every row of features; ``edge_index`` is accepted for compatibility and ignored."""
        if x.dim() != 2 or x.shape[1] != self.in_channels:
            raise ValueError(f"x must be [N, {self.in_channels}], the features it was trained on, got {list(x.shape)}")
        return self.head(self.embed(self.lins[0](x)))

    def embed(self, z: Tensor) -> Tensor:
        """The last hidden layer from the output ``z`` of the first linear layer, or ``z`` if that is the only one."""
        for number, norm in enumerate(self.norms, start=1):
            z = F.relu(norm(z))
            if self.training:  # a call without effect is a tenth of the time for one node
                z = F.dropout(z, self.dropout[0])
            if number + 1 < len(self.lins):
                z = self.lins[number](z)
        return z

    def head(self, h: Tensor) -> Tensor:
        """Logits from the last hidden layer."""
        out: Tensor = self.lins[-1](h) if len(self.lins) > 1 else h
        return out
