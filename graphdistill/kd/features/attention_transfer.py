"""Attention transfer: where a feature map is strong, whatever its channels."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class AttentionTransfer:
    r"""Squared difference of normalised attention maps, the mean squares over channels.

    .. math:: \frac{1}{hw} \left\| \frac{a_s}{\|a_s\|} - \frac{a_t}{\|a_t\|} \right\|^2, \quad
        a_p = \frac{1}{d} \sum_c F_{cp}^2

    Zagoruyko and Komodakis, ICLR 2017, https://arxiv.org/abs/1612.03928, in the form of their code. The widths of
    student and teacher may differ.

    Raises:
        ValueError: in a call, the maps are not ``[n, d, h, w]`` of the same rows, height and width.

    Shapes:
        student ``[n, d, h, w]``, teacher ``[n, e, h, w]``; returns ``[n]``.

    Example:
        >>> import torch
        >>> maps = torch.rand(2, 3, 4, 4)
        >>> AttentionTransfer()(2 * maps.repeat(1, 2, 1, 1), maps).abs().max().item() < 1e-6
        True
    """

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        shapes = [(maps.ndim, len(maps), *maps.shape[2:]) for maps in (student, teacher)]
        if student.ndim != 4 or shapes[0] != shapes[1]:
            got = f"{list(student.shape)} and {list(teacher.shape)}"
            raise ValueError(f"student and teacher must give maps [n, d, h, w] of the same n, h and w, got {got}")
        own, theirs = (F.normalize(maps.square().mean(1).flatten(1)) for maps in (student, teacher))
        return (own - theirs).square().mean(1)
