r"""SquareHead: the squared distance of hidden states, relative to the teacher's size.

.. math:: L = \frac{\overline{(h_s - h_t)^2}}{\overline{h_t^2}}

Both means run over the channels and over all tokens of the batch that are no padding, so that a layer of large
activations counts as much as one of small ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SquareHead:
    """Normalised mean squared error of SquareHead (https://arxiv.org/abs/2310.06927).

    Multiplying both tensors by one number changes nothing. The values of all rows are coupled by the denominator and
    by the number of tokens: their mean is the loss of the batch.

    Raises:
        ValueError: the shapes of student and teacher differ, or the mask has another shape (on call).

    Shapes:
        student and teacher ``[n, ..., d]``, mask bool ``[n, ...]``, true where a token counts; returns ``[n]``.

    Example:
        >>> h = torch.tensor([[1.0, 1.0], [2.0, 0.0]])
        >>> SquareHead()(0 * h, h).mean().item(), SquareHead()(3 * h, h).mean().item()
        (1.0, 4.0)
    """

    def __call__(
        self, student: Tensor, teacher: Tensor, y: Tensor | None = None, *, mask: Tensor | None = None
    ) -> Tensor:
        """The share of each row in the loss of the batch, times the number of rows; ``y`` is not used."""
        if student.shape != teacher.shape:
            raise ValueError(
                f"student and teacher must have the same shape, got {tuple(student.shape)} and "
                f"{tuple(teacher.shape)}; SquareHead is for a student of the teacher's architecture"
            )
        mask = teacher.new_ones(teacher.shape[:-1]) if mask is None else mask.to(teacher.dtype)
        if mask.shape != teacher.shape[:-1]:
            raise ValueError(f"mask must be {tuple(teacher.shape[:-1])}, one value per token, got {tuple(mask.shape)}")
        rows = ((student - teacher).square().mean(-1) * mask).reshape(len(student), -1).sum(1)
        # The number of tokens cancels between the two means.
        size = (teacher.square().mean(-1) * mask).sum().clamp(min=torch.finfo(teacher.dtype).tiny)
        return rows * len(rows) / size
