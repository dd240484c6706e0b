"""The set that is learnt: features, labels if they are soft, and further tensors of a method."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.data.tensors import to_device
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights, quantize_uint8, soft_labels


class LearnableSet:
    """Images with gradients and labels, hard or soft; :meth:`freeze` makes a :class:`SyntheticSet` of it.

    Soft labels are learnt, too, as logits, whose softmax always sums to 1. The class of an image is fixed.

    Args:
        x: first images, float ``[n, channels, height, width]``; copied.
        y: class of each, long ``[n]``.
        logits: first logits of soft labels, float ``[n, C]``; copied. (default: labels are hard)

    Attributes:
        extra: further tensors to learn, by name, such as a step size; :meth:`freeze` drops them.

    Raises:
        ValueError: lengths differ.

    Example:
        >>> synthetic = LearnableSet(torch.rand(2, 1, 8, 8), torch.tensor([0, 1]))
        >>> synthetic.x.requires_grad, synthetic.labels.tolist(), len(synthetic.freeze())
        (True, [0, 1], 2)
    """

    def __init__(self, x: Tensor, y: Tensor, logits: Tensor | None = None):
        for name, value in (("y", y), ("logits", logits)):
            if value is not None and len(value) != len(x):
                raise ValueError(f"{name} has {len(value)} entries but x has {len(x)}; give each one")
        self.x = x.detach().clone().requires_grad_()
        self.y = y.clone()
        self.logits = None if logits is None else logits.detach().clone().requires_grad_()
        self.extra: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: torch.device | str) -> Self:
        """The same set if it is on the device already, else a copy there, with learnt tensors of its own.

        Example:
            >>> synthetic = LearnableSet(torch.rand(2, 1, 8, 8), torch.tensor([0, 1]))
            >>> moved = synthetic.to("meta")
            >>> moved.x.device.type, moved.x.requires_grad, synthetic.to("cpu") is synthetic
            ('meta', True, True)
        """
        if self.x.to(device) is self.x:
            return self
        out = copy.copy(self)
        for name, value in vars(self).items():
            setattr(out, name, _moved(value, device))
        return out

    @property
    def labels(self) -> Tensor:
        """Labels to train with: long ``[n]``, or float ``[n, C]`` with gradients."""
        return self.y if self.logits is None else self.logits.softmax(dim=1)

    @staticmethod
    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        """Loss of a network that is trained on the set, for its outputs on some entries: cross-entropy."""
        return F.cross_entropy(outputs, labels)

    def inputs(self, index: Tensor | None = None) -> Any:
        """Network inputs of the set, or of its entries at ``index`` (indices or mask); with gradients."""
        return self.x if index is None else self.x[index]

    def parameters(self) -> dict[str, Tensor]:
        """The tensors that are learnt, by name."""
        soft = {} if self.logits is None else {"logits": self.logits}
        return {"x": self.x, **soft, **self.extra}

    def backward(self, loss: Tensor) -> float:
        """Add the gradient of a loss to that of every tensor that is learnt, and return the loss."""
        loss.backward(inputs=[p for p in self.parameters().values() if p.requires_grad])
        return loss.item()

    @torch.no_grad()
    def clip(self) -> None:
        """Clip pixels to 0 to 1."""
        self.x.clamp_(0, 1)

    @torch.no_grad()
    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The set as it is stored and evaluated, on the CPU: 8 bits a pixel, like the real images.

        Args:
            meta: facts to keep with it. (default: none)
        """
        return frozen(self.x, self.labels, meta)


def _moved(value: Any, device: torch.device | str) -> Any:
    """An attribute on a device: a learnt tensor as a new leaf, a network as it is."""
    if isinstance(value, Tensor):
        return value.detach().to(device).requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {name: _moved(part, device) for name, part in value.items()}
    return value if isinstance(value, nn.Module) else to_device(value, device)


def frozen(x: Tensor, y: Tensor, meta: Mapping[str, object] | None = None) -> SyntheticSet:
    """Images and labels as a set on the CPU, each pixel rounded to 8 bits and each soft label to a byte a class.

    Distilled and real images are both stored by this function, so that equal bytes mean equal precision.

    Args:
        x: images, float ``[n, channels, height, width]``.
        y: long ``[n]``, or float ``[n, C]`` with rows that sum to 1.
        meta: facts to keep with it. (default: none)

    Example:
        >>> frozen(torch.full((4, 1, 8, 8), 0.5), torch.arange(4)).nbytes
        27
    """
    y = stored_labels(y)
    return SyntheticSet(quantize_uint8(x.detach().cpu()), y, class_weights(y), meta=dict(meta or {}))


def stored_labels(y: Tensor) -> Tensor:
    """Labels as they are stored, on the CPU: soft ones in a byte a class."""
    return soft_labels(y.detach().cpu(), "multiclass") if y.is_floating_point() else y.to("cpu", copy=True)
