"""Learning images together with their orbit under a group of symmetries, and whether classes are closed under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.core.evaluation.protocol import SELECTION_SEED
from graphdistill.core.sets.symmetry import KEY, elements, orbit
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import predict


class OrbitSet(LearnableSet):
    """Images to learn whose networks see the orbit under a group; only the images are learnt and stored.

    The stored set names the group in ``meta``, and the protocol trains on the orbit.

    Args:
        base: the images to learn.
        group: ``identity`` or ``flip``.

    Raises:
        ValueError: the group is unknown.

    Example:
        >>> synthetic = OrbitSet(LearnableSet(torch.rand(2, 1, 8, 8), torch.tensor([0, 1])), "flip")
        >>> synthetic.inputs().shape[0], synthetic.labels.tolist(), len(synthetic.freeze())
        (4, [0, 1, 0, 1], 2)
    """

    def __init__(self, base: LearnableSet, group: str):
        self.base, self.group, self.elements = base, group, len(elements(group))
        self.x, self.logits, self.extra = base.x, base.logits, base.extra
        self.y = base.y.repeat(self.elements)

    def to(self, device: torch.device | str) -> OrbitSet:
        """The same set if it is on the device already, else a copy there."""
        base = self.base.to(device)
        return self if base is self.base else OrbitSet(base, self.group)

    @property
    def labels(self) -> Tensor:
        """Labels of the images, once for every element."""
        return torch.cat([self.base.labels] * self.elements)

    def inputs(self, index: Tensor | None = None) -> Tensor:
        """The orbit, or the entries of it at ``index``."""
        x = orbit(self.base.inputs(), self.group)
        return x if index is None else x[index]

    def parameters(self) -> dict[str, Tensor]:
        """The learnt tensors of the images' own set."""
        return self.base.parameters()

    def clip(self) -> None:
        """Clip the images' own set."""
        self.base.clip()

    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The images alone, with the group's name."""
        return self.base.freeze({**(meta or {}), KEY: self.group})


def check_closed(context: MethodContext, group: str, min_kept_accuracy: float = 0.9) -> None:
    """Refuse a group under which the classes of the images are not closed.

    A network is trained on the training images, and evaluated on the validation images before and after each element of
    the group. Where classes are closed under the group, both accuracies are alike; flipped digits such as 2 and 3 are
    misclassified. A network of low accuracy can refuse little.

    Args:
        context: data and protocol.
        group: ``identity`` or ``flip``.
        min_kept_accuracy: share of its accuracy that the network must keep on transformed images. (default: 0.9)

    Raises:
        ValueError: the group is unknown, or the network keeps less.
    """
    moves = elements(group)[1:]
    if not moves:
        return
    protocol = context.protocol
    short = replace(protocol.fit, steps=max(1, protocol.fit.steps // 2))
    with context.progress.step(f"checking whether classes are closed under {group}"):
        net, _ = protocol.train(protocol.training_split(), SELECTION_SEED, short)
    x, y = cast(tuple[Tensor, Tensor], protocol.split("valid"))
    plain, *moved = [
        float((predict(net, part).argmax(dim=1) == y).float().mean()) for part in (x, *(m(x) for m in moves))
    ]
    if min(moved) < min_kept_accuracy * plain:
        raise ValueError(
            f"group {group!r} does not keep the classes of {protocol.data.name}, so --method fyi is not for it: a "
            f"network classifies {plain:.0%} of the validation images correctly, but {min(moved):.0%} after {group}; "
            f"choose a method without it, such as dm, or --group identity"
        )
