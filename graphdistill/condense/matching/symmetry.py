"""Learning images together with what a group of symmetries makes of them, and whether a group suits the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.matching.objective import Setting
from graphdistill.core.evaluation.protocol import CHOOSER
from graphdistill.core.sets.symmetry import KEY, elements, orbit
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import predict

KEPT = 0.9
"""Least share of its accuracy that a network keeps on moved images where classes are closed under a group: that of
natural images keeps within some hundredths of it by chance, that of digits loses more than half."""


class OrbitSet(LearnableSet):
    """Images to learn that show their orbit under a group; their bytes stay those of the images alone.

    All that is learnt is what the set that it is made of learns. Frozen, it names the group in ``meta``, and the
    protocol trains on the orbit.

    Args:
        base: the images to learn.
        group: ``identity`` or ``flip``.

    Raises:
        ValueError: the group is unknown.

    Example:
        >>> small = OrbitSet(LearnableSet(torch.rand(2, 1, 8, 8), torch.tensor([0, 1])), "flip")
        >>> small.inputs().shape[0], small.labels.tolist(), len(small.freeze())
        (4, [0, 1, 0, 1], 2)
    """

    def __init__(self, base: LearnableSet, group: str):
        self.base, self.group, self.elements = base, group, len(elements(group))
        self.x, self.logits, self.extra = base.x, base.logits, base.extra
        self.y = base.y.repeat(self.elements)

    @property
    def labels(self) -> Tensor:
        """Labels of the images, once for every element."""
        return torch.cat([self.base.labels] * self.elements)

    def inputs(self, rows: Tensor | None = None) -> Tensor:
        """The orbit, or the images of it that ``rows`` names."""
        x = orbit(self.base.inputs(), self.group)
        return x if rows is None else x[rows]

    def parameters(self) -> dict[str, Tensor]:
        """What the images' own set learns."""
        return self.base.parameters()

    def clip(self) -> None:
        """As the images' own set does it."""
        self.base.clip()

    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The images alone, with the group's name."""
        return self.base.freeze({**(meta or {}), KEY: self.group})


def check_closed(setting: Setting, group: str) -> None:
    """Refuse a group that makes of images what their class does not look like.

    A network is trained on the training images as they are, and asked for the validation images and for what each
    element of the group makes of them. Where classes are closed under the group it knows both alike; that of digits
    mistakes a mirrored 2 or 3. Where it knows little of the images themselves, it can refuse little.

    Args:
        setting: data and protocol.
        group: ``identity`` or ``flip``.

    Raises:
        ValueError: the network keeps less than 0.9 of its accuracy.
    """
    moves = elements(group)[1:]
    if not moves:
        return
    protocol = setting.protocol
    short = replace(protocol.fit, steps=max(1, protocol.fit.steps // 2))
    with setting.progress.step(f"asking whether classes are closed under {group}"):
        net, _ = protocol.train(protocol.full(), CHOOSER, short)
    x, y = cast(tuple[Tensor, Tensor], protocol.split("valid"))
    plain, *moved = [
        float((predict(net, part).argmax(dim=1) == y).float().mean()) for part in (x, *(m(x) for m in moves))
    ]
    if min(moved) < KEPT * plain:
        raise ValueError(
            f"group {group!r} does not keep the classes of {protocol.data.name}, so --method fyi is not for it: "
            f"a network knows {plain:.0%} of the validation images but {min(moved):.0%} of what {group} makes of them; "
            f"choose a method without it, such as dm, or in Python the group 'identity'"
        )
