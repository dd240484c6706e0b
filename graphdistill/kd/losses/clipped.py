"""KL divergence on the classes inside a learned band of the teacher's ranking."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.randomness import scoped
from graphdistill.kd.losses.kl import check_above_zero, check_logits, finite_log, kl_rows, labels_or_argmax

START = 4.0
"""First logit of the band's width: sigmoid(4) = 0.98, so training begins with nearly all classes."""


class ClippedKL(nn.Module):
    r"""KL divergence on the classes between two quantiles of the teacher's ranking, which a small network predicts.

    .. math:: T^2 \, \mathrm{KL}(\hat p_t \,\|\, \hat p_s), \quad \hat p_c \propto g_c \, p_c, \quad
        g_c = \sigma(\kappa (r_c - l)) \, \sigma(\kappa (u - r_c)), \quad g_y = 1

    DAC-KL of Liu et al., Multi-Granularity Semantic Revision for Large Language Model Distillation, 2024.
    :math:`r_c` is the rank of class c in the teacher's probabilities, 0 for the least and 1 for the most probable. An
    MLP on the most probable classes of teacher and student, sorted, predicts :math:`l < u`, and learns from this loss
    alone. The paper publishes neither its size nor the gate. Closing the gate would bring the loss to 0 without
    learning anything, so the band has a least width.

    Args:
        num_classes: C, 2 or more. (default: none, which a fixed gate does not need)
        gate: a fixed pair (l, u) instead of a learned one; minus and plus infinity give KD exactly. (default: learned)
        kappa: steepness of the gate, above 0; 20 goes from 0.12 to 0.88 in a fifth of the ranks. (default: 20)
        min_width: least u - l, above 0 and at most 1. (default: 0.5)
        inputs: most probable classes that the MLP reads, of each network. (default: 32)
        hidden: width of the MLP. (default: 32)
        temperature: T, above 0. (default: 1)
        seed: of the MLP's first weights. (default: 0)

    Raises:
        ValueError: neither ``num_classes`` nor ``gate`` is given, an argument is out of its range, or, in a call, the
            logits are of different rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **y**: long ``[n]``; a row without a label takes the teacher's most probable class
        - **output**: ``[n]``

    Example:
        >>> student, teacher = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[2.0, 1.0, 0.0]])
        >>> ClippedKL(3)(student, teacher).shape
        torch.Size([1])
        >>> from graphdistill.kd.losses import KD
        >>> open_gate = ClippedKL(gate=(float("-inf"), float("inf")))
        >>> torch.allclose(open_gate(student, teacher), KD()(student, teacher))
        True
    """

    def __init__(
        self,
        num_classes: int | None = None,
        *,
        gate: tuple[float, float] | None = None,
        kappa: float = 20.0,
        min_width: float = 0.5,
        inputs: int = 32,
        hidden: int = 32,
        temperature: float = 1.0,
        seed: int = 0,
    ):
        super().__init__()
        self.gate, self.kappa, self.min_width, self.temperature = gate, kappa, min_width, temperature
        check_above_zero(self, "kappa", "min_width", "temperature")
        if min_width > 1:
            raise ValueError(f"min_width must be at most 1, got {min_width}")
        self.mlp: nn.Sequential | None = None
        if gate is None:
            if num_classes is None:
                raise ValueError("a learned gate needs num_classes, got None; give it, or a fixed gate=(low, high)")
            for name, value, least in (("num_classes", num_classes, 2), ("inputs", inputs, 1), ("hidden", hidden, 1)):
                if value < least:
                    raise ValueError(f"{name} must be {least} or more, got {value}")
            self.inputs = min(inputs, num_classes)
            with scoped(seed, "clipped kl"):
                self.mlp = nn.Sequential(nn.Linear(2 * self.inputs, hidden), nn.ReLU(), nn.Linear(hidden, 2))
            final = self.mlp[-1]
            assert isinstance(final, nn.Linear)
            nn.init.zeros_(final.weight)
            final.bias.data.copy_(torch.tensor([0.0, START]))
        elif not gate[0] < gate[1]:
            raise ValueError(f"gate must be (low, high) with low below high, got {gate}")

    def band(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Lower and upper quantile of each row, ``[n, 1]`` each."""
        if self.mlp is None:
            assert self.gate is not None
            low, high = (torch.full_like(teacher[:, :1], end) for end in self.gate)
            return low, high
        p_s, p_t = ((z.detach() / self.temperature).softmax(-1) for z in (student, teacher))
        order = p_t.argsort(dim=-1, descending=True, stable=True)[:, : self.inputs]
        sorted_p = torch.cat([p_t.gather(1, order), p_s.gather(1, order)], dim=1)
        where, width = self.mlp(sorted_p).sigmoid().unbind(1)
        width = self.min_width + (1 - self.min_width) * width
        low = (1 - width) * where
        return low[:, None], (low + width)[:, None]

    def forward(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row, ``[n]``."""
        check_logits(student, teacher)
        low, high = self.band(student, teacher)
        label = labels_or_argmax(y, teacher)
        rank = teacher.argsort(dim=-1, stable=True).argsort(-1).to(teacher.dtype) / (teacher.shape[1] - 1)
        log_gate = F.logsigmoid(self.kappa * (rank - low)) + F.logsigmoid(self.kappa * (high - rank))
        log_gate = log_gate.scatter(1, label[:, None], 0.0)
        log_s, log_t = (finite_log((z / self.temperature + log_gate).log_softmax(-1)) for z in (student, teacher))
        return self.temperature**2 * kl_rows(log_t, log_s)
