"""Losses over large vocabularies, from hidden rows and the output matrix, without the logits of a whole batch.

Logits are computed for a few rows at a time, and once more for the gradient.

Shape legend: n rows, d hidden values, C classes, k classes that are known of the teacher.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphdistill.kd.losses.kl import check_above_zero

LOGITS = 1 << 20
"""Logits that are in memory at once: 4 MB in single precision, and a few times that for what is computed of them."""
Rest = Literal["group", "even"]


class _Target(NamedTuple):
    """What the rows are compared with: known classes, their probabilities (0: unused), and the mass of all others."""

    ids: Tensor
    probabilities: Tensor
    rest: Tensor

    def part(self, rows: slice) -> _Target:
        return _Target(self.ids[rows], self.probabilities[rows], self.rest[rows])


class _CrossEntropy(torch.autograd.Function):
    """Cross-entropy of each row, ``[n]``, with logits of ``rows`` rows at a time."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, target: _Target, rest: Rest, t: float, rows: int
    ) -> Tensor:
        ctx.save_for_backward(hidden, weight, bias, *target)
        ctx.options = rest, t, rows
        out = hidden.new_empty(len(hidden))
        for part in _slices(len(hidden), rows):
            z, known = _logits(hidden[part], weight, bias, t), target.part(part)
            p = known.probabilities.to(z.dtype)
            total = z.logsumexp(dim=1)
            inside = torch.where(p > 0, z.gather(1, known.ids), 0)
            left = known.rest.to(z.dtype)
            out[part] = (p.sum(dim=1) + left) * total - (p * inside).sum(dim=1)
            if rest == "even":
                others = (z.shape[1] - (p > 0).sum(dim=1)).clamp(min=1)
                out[part] -= left / others * (z.sum(dim=1) - inside.sum(dim=1))
            else:
                out[part] -= torch.where(left > 0, left * _outside(z, known), 0)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, *tensors = ctx.saved_tensors
        rest, t, rows = ctx.options
        target = _Target(*tensors)
        wanted = ctx.needs_input_grad
        d_hidden = torch.empty_like(hidden) if wanted[0] else None
        d_weight = torch.zeros_like(weight) if wanted[1] else None
        d_bias = torch.zeros_like(bias) if wanted[2] else None
        for part in _slices(len(hidden), rows):
            z, known = _logits(hidden[part], weight, bias, t), target.part(part)
            p, left = known.probabilities.to(z.dtype), known.rest.to(z.dtype)
            row, place = (p > 0).nonzero(as_tuple=True)
            at = row, known.ids[row, place]
            total = z.logsumexp(dim=1)
            mass = p.sum(dim=1) + left
            if rest == "group":
                share = torch.where(left > 0, left * (total - _outside(z, known)).exp(), 0)
            q = z.sub_(total.unsqueeze(1)).exp_()
            inside = mass[row] * q[at] - p[row, place]
            if rest == "group":
                q *= (mass - share).unsqueeze(1)
            else:
                q *= mass.unsqueeze(1)
                q -= (left / (q.shape[1] - (p > 0).sum(dim=1)).clamp(min=1)).unsqueeze(1)
            q[at] = inside
            q *= (grad[part] / t).unsqueeze(1)
            if d_hidden is not None:
                torch.mm(q, weight, out=d_hidden[part])
            if d_weight is not None:
                d_weight.addmm_(q.T, hidden[part])
            if d_bias is not None:
                d_bias += q.sum(dim=0)
        return d_hidden, d_weight, d_bias, None, None, None, None


def _slices(n: int, rows: int) -> list[slice]:
    return [slice(start, start + rows) for start in range(0, n, rows)]


def _logits(hidden: Tensor, weight: Tensor, bias: Tensor | None, temperature: float) -> Tensor:
    """Logits of some rows, divided by the temperature."""
    z = hidden @ weight.T if bias is None else torch.addmm(bias, hidden, weight.T)
    return z.div_(temperature) if temperature != 1 else z


def _outside(z: Tensor, known: _Target) -> Tensor:
    """Logarithm of the sum of exp(z) over the classes that are not known, ``[rows]``; ``z`` stays as it is."""
    row, place = (known.probabilities > 0).nonzero(as_tuple=True)
    at = row, known.ids[row, place]
    before = z[at]
    z[at] = -torch.inf
    out = z.logsumexp(dim=1)
    z[at] = before
    return out


@dataclass(frozen=True)
class VocabularyKD:
    r"""KL divergence over a large vocabulary from a teacher of whom the most probable classes and the rest are known.

    .. math:: T^2 \Big[\sum_{c \in K} p_c \log \frac{p_c}{q_c} + r \log \frac{r}{q_R}\Big], \quad
        q = \mathrm{softmax}\big((W h + b) / T\big), \quad q_R = 1 - \sum_{c \in K} q_c

    With ``rest="even"`` the other classes share the rest r evenly instead, and the sum is over all classes. Loss and
    gradient are those of the same formula on logits ``[n, C]``, which are never in memory at once. It can be
    differentiated once.

    Args:
        temperature: T of the student, above 0; the teacher's probabilities come with its own. (default: 1)
        rest: whether the other classes count together, ``"group"``, or evenly, ``"even"``. (default: ``"group"``)
        rows: rows whose logits are in memory at once. (default: as many as have 2^20 logits)

    Raises:
        ValueError: an option is out of its range, or, in a call, the shapes do not fit.

    Shapes:
        - **hidden**: ``[n, d]``; **weight**: ``[C, d]``; **bias**: ``[C]`` or None
        - **ids**, **probabilities**: ``[n, k]``; **rest**: ``[n]``, as of ``TeacherStore.read``
        - **output**: ``[n]``

    Example:
        >>> hidden, weight = torch.tensor([[1.0, 0.0]]), torch.eye(4, 2)
        >>> ids, probabilities, rest = torch.tensor([[0, 2]]), torch.tensor([[0.5, 0.2]]), torch.tensor([0.3])
        >>> round(VocabularyKD()(hidden, weight, ids, probabilities, rest).item(), 4)
        0.0061
    """

    temperature: float = 1.0
    rest: Rest = "group"
    rows: int | None = None

    def __post_init__(self) -> None:
        check_above_zero(self, "temperature", *(["rows"] if self.rows is not None else []))
        if self.rest not in ("group", "even"):
            raise ValueError(f"rest must be 'group' or 'even', got {self.rest!r}")

    def __call__(
        self,
        hidden: Tensor,
        weight: Tensor,
        ids: Tensor,
        probabilities: Tensor,
        rest: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        """The loss of each row."""
        _check_shapes(hidden, weight, ids)
        target = _Target(ids, probabilities.detach(), rest.detach())
        cross = _run(hidden, weight, bias, target, self.rest, self.temperature, self.rows)
        p, left = (part.to(cross.dtype) for part in (target.probabilities, target.rest))
        others = (len(weight) - (p > 0).sum(dim=1)).clamp(min=1) if self.rest == "even" else torch.ones_like(left)
        negative_entropy = torch.special.xlogy(p, p).sum(dim=1) + torch.special.xlogy(left, left / others)
        value: Tensor = self.temperature**2 * (cross + negative_entropy)
        return value


def vocabulary_cross_entropy(
    hidden: Tensor, weight: Tensor, y: Tensor, bias: Tensor | None = None, rows: int | None = None
) -> Tensor:
    """Cross-entropy on labels over a large vocabulary, ``[n]``; 0 where a label is -1.

    Args:
        hidden: rows before the output layer, ``[n, d]``.
        weight: the output matrix, ``[C, d]``.
        y: classes, long ``[n]``, -1 for none.
        bias: the bias of the output layer, ``[C]``. (default: none)
        rows: rows whose logits are in memory at once. (default: as many as have 2^20 logits)

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> vocabulary_cross_entropy(torch.zeros(2, 3), torch.ones(4, 3), torch.tensor([1, -1]))
        tensor([1.3863, 0.0000])
    """
    _check_shapes(hidden, weight, y.unsqueeze(1))
    known = (y >= 0).to(hidden.dtype)
    target = _Target(y.clamp(min=0).unsqueeze(1), known.unsqueeze(1), torch.zeros_like(known))
    return _run(hidden, weight, bias, target, "group", 1.0, rows)


def _run(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, target: _Target, rest: Rest, t: float, rows: int | None
) -> Tensor:
    rows = max(1, LOGITS // len(weight)) if rows is None else rows
    out: Tensor = _CrossEntropy.apply(hidden, weight, bias, target, rest, t, rows)  # type: ignore[no-untyped-call]
    return out


def _check_shapes(hidden: Tensor, weight: Tensor, ids: Tensor) -> None:
    if hidden.ndim != 2 or weight.ndim != 2 or hidden.shape[1] != weight.shape[1] or len(ids) != len(hidden):
        raise ValueError(
            "hidden, weight and ids must be [n, d], [C, d] and [n, k], "
            f"got {list(hidden.shape)}, {list(weight.shape)} and {list(ids.shape)}"
        )
    if ids.numel() and int(ids.max()) >= len(weight):
        raise ValueError(
            f"the teacher has class {int(ids.max())}, but the output matrix has {len(weight)} classes; teacher and "
            "student need the same vocabulary"
        )
