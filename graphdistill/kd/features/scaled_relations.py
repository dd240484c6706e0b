r"""Relations of tokens without softmax, whatever the widths and numbers of heads of both networks.

.. math:: L = \sum_{A \in \{Q, K, V\}} \overline{\Big(\frac{A_s A_s^\top}{\sqrt{d_s'}}
    - \frac{A_t A_t^\top}{\sqrt{d_t'}}\Big)^2}

The channels of each network are divided anew into the same number of heads, of :math:`d'` channels each; channels that
are left over are cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ScaledRelations:
    """Squared difference of scaled products of queries, of keys and of values (AutoDistil, arXiv 2201.12507).

    Args:
        heads: heads of the relations, those of the teacher. (default: 1)
        parts: tensors that lie side by side in the channels: 3 for queries, keys and values, 1 for hidden features.
            (default: 3)

    Raises:
        ValueError: ``heads`` or ``parts`` is below 1, the tokens differ in number, or a network has fewer channels than
            heads (on call).

    Shapes:
        student ``[n, l, parts d_s]``, teacher ``[n, l, parts d_t]``, mask boolean ``[n, l]``; returns ``[n]``, the sum
        over parts of the mean over heads and pairs of tokens.

    Example:
        >>> import torch
        >>> teacher = torch.rand(2, 5, 3 * 8)
        >>> ScaledRelations(heads=4)(teacher, teacher).tolist()
        [0.0, 0.0]
        >>> ScaledRelations(heads=4)(torch.rand(2, 5, 3 * 6), teacher).shape
        torch.Size([2])
    """

    heads: int = 1
    parts: int = 3

    def __post_init__(self) -> None:
        for name in ("heads", "parts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")

    def __call__(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each row; pairs of which a token is masked out do not count."""
        if student.shape[:2] != teacher.shape[:2]:
            raise ValueError(
                f"student and teacher must have as many tokens, got {tuple(student.shape)} and {tuple(teacher.shape)}"
            )
        error = (self._relations(student, "student") - self._relations(teacher, "teacher")).square().mean(2).sum(1)
        if mask is None:
            return error.mean((1, 2))
        pairs = (mask[:, :, None] & mask[:, None, :]).to(error)
        return (error * pairs).sum((1, 2)) / pairs.sum((1, 2)).clamp(min=1)

    def _relations(self, tokens: Tensor, name: str) -> Tensor:
        """Scaled products of all pairs of tokens, ``[n, parts, heads, l, l]``."""
        width = tokens.shape[2] // self.parts
        channels = width // self.heads
        if not channels:
            raise ValueError(
                f"{name} has {width} channels, which cannot be divided into {self.heads} heads; give a wider one"
            )
        split = tokens.unflatten(2, (self.parts, -1))[..., : channels * self.heads].unflatten(3, (self.heads, -1))
        rows = split.permute(0, 2, 3, 1, 4)
        relations: Tensor = rows @ rows.mT / channels**0.5
        return relations
