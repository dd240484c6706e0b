r"""Relations of tokens: how a teacher's tokens attend to one another, and how similar their values are.

.. math:: L = \sum_{A \in \{(Q, K), (V, V)\}} \frac{1}{h l} \sum_{\text{heads, tokens}}
    KL\Big(\mathrm{softmax}\frac{A_t^{(1)} A_t^{(2)\top}}{\sqrt{d_t}} \,\Big\|\,
    \mathrm{softmax}\frac{A_s^{(1)} A_s^{(2)\top}}{\sqrt{d_s}}\Big)

The relations are ``[tokens, tokens]``, so student and teacher may have different widths.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


def log_relations(left: Tensor, right: Tensor) -> Tensor:
    r"""Logarithm of :math:`softmax(left\, right^T / \sqrt{d})`, ``[..., l, l]`` of ``[..., l, d]``.

    Example:
        >>> import torch
        >>> log_relations(torch.zeros(1, 2, 3), torch.rand(1, 2, 3)).exp().tolist()
        [[[0.5, 0.5], [0.5, 0.5]]]
    """
    scores: Tensor = left @ right.transpose(-1, -2) / left.shape[-1] ** 0.5
    return scores.log_softmax(-1)


@dataclass(frozen=True)
class TokenRelations:
    """KL of the relations of queries with keys and of values with values (Hybrid Distillation, arXiv 2306.15876).

    The input is what attention computes first: queries, keys and values side by side, the output of one linear layer.
    The channels of each are divided anew into ``heads``, so that student and teacher need not have as many heads.

    Args:
        heads: heads of the relations; a divisor of both widths. (default: 1)

    Raises:
        ValueError: ``heads`` is below 1, the tokens differ in number, or a width is no multiple of 3 times ``heads``
            (on call).

    Shapes:
        student ``[n, l, 3 d_s]``, teacher ``[n, l, 3 d_t]``; returns ``[n]``, the mean over heads and tokens.

    Example:
        >>> import torch
        >>> teacher = torch.rand(2, 5, 3 * 8)
        >>> TokenRelations(heads=2)(teacher, teacher).tolist()
        [0.0, 0.0]
        >>> TokenRelations(heads=2)(torch.rand(2, 5, 3 * 4), teacher).shape
        torch.Size([2])
    """

    heads: int = 1

    def __post_init__(self) -> None:
        if self.heads < 1:
            raise ValueError(f"heads must be 1 or more, got {self.heads}")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; ``y`` is not used."""
        if student.shape[:2] != teacher.shape[:2]:
            raise ValueError(
                f"student and teacher must have as many tokens, got {tuple(student.shape)} and "
                f"{tuple(teacher.shape)}; give both the same patches"
            )
        q_s, k_s, v_s = self._parts(student, "student")
        q_t, k_t, v_t = self._parts(teacher, "teacher")
        loss = student.new_zeros(len(student))
        for ours, theirs in (((q_s, k_s), (q_t, k_t)), ((v_s, v_s), (v_t, v_t))):
            log_s, log_t = log_relations(*ours), log_relations(*theirs)
            loss = loss + (log_t.exp() * (log_t - log_s)).sum(-1).flatten(1).mean(1)
        return loss

    def _parts(self, tokens: Tensor, name: str) -> tuple[Tensor, ...]:
        """Queries, keys and values, ``[n, heads, l, d / heads]`` each."""
        n, length, width = tokens.shape
        if width % (3 * self.heads):
            raise ValueError(
                f"{name} must have queries, keys and values of {self.heads} heads, 3 x {self.heads} x channels, "
                f"got {width} channels; choose heads that divide its width"
            )
        return tokens.view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
