"""Relations of adjacent positions within spans, for language models."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.kd.losses.kl import check_above_zero, check_logits, log_probabilities


@dataclass(frozen=True)
class SpanRelations:
    r"""Squared distance of the products of adjacent positions' probabilities inside one span.

    .. math:: \left\| p_{s,i} \odot p_{s,i+1} - p_{t,i} \odot p_{t,i+1} \right\|_2^2

    Liu et al., Multi-Granularity Semantic Revision for Large Language Model Distillation, 2024. Rows are positions in
    order of the text, and position i predicts token ``y[i]``. A span is a run of tokens without white space (a word),
    so i and i + 1 count if both tokens are of one word and one window. The value stands at row i; rows without a
    successor in their span have 0.

    Args:
        boundaries: tokens that end a span, such as the ids of space and newline. (default: none, each window one span)
        window: positions in a window, of which rows hold one after the other. (default: all rows are one window)
        temperature: divides the logits, above 0. (default: 1)

    Raises:
        ValueError: the window is below 1, the temperature is not above 0, or, in a call, the logits are of different
            rows or classes, or the rows are no whole number of windows.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **y**: tokens, long ``[n]``, -1 where unknown, which ends a span; None counts all rows
        - **output**: ``[n]``

    Example:
        >>> student = torch.tensor([[0.0, 0.0], [9e3, 0.0], [9e3, 0.0]])
        >>> teacher = torch.tensor([[9e3, 0.0], [9e3, 0.0], [9e3, 0.0]])
        >>> SpanRelations()(student, teacher).tolist()
        [0.25, 0.0, 0.0]
        >>> SpanRelations(boundaries=(7,))(student, teacher, torch.tensor([3, 7, 3])).tolist()
        [0.0, 0.0, 0.0]
    """

    boundaries: tuple[int, ...] = ()
    window: int | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 1:
            raise ValueError(f"window must be 1 or more, got {self.window}")
        check_above_zero(self, "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row."""
        check_logits(student, teacher)
        p_s = log_probabilities(student, self.temperature).exp()
        p_t = log_probabilities(teacher, self.temperature).exp()
        gap = (p_s[:-1] * p_s[1:] - p_t[:-1] * p_t[1:]).square().sum(-1)
        return F.pad(gap * self._joined(len(student), y, student.device), (0, 1))

    def _joined(self, n: int, y: Tensor | None, device: torch.device) -> Tensor:
        """Whether each row but the last and its successor are in one span, bool ``[n - 1]``."""
        inside = torch.ones(n, dtype=torch.bool, device=device)
        if y is not None:
            inside = (y >= 0) & ~torch.isin(y, torch.tensor(self.boundaries, dtype=y.dtype, device=y.device))
        joined = inside[:-1] & inside[1:]
        if self.window is not None:
            if n % self.window:
                raise ValueError(f"rows must be whole windows of {self.window} positions, got {n} rows")
            joined = joined & ((torch.arange(1, n, device=device) % self.window) != 0)
        return joined
