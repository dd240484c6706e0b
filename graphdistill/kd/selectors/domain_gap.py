r"""DDK: how much of each domain the next batches hold, by the gap between student and teacher.

.. math:: r_0 \propto e^{\rho}, \quad r_{t+1} = \alpha \, \frac{\psi}{\sum_i \psi_i} + \frac{1 - \alpha}{N}, \quad
    \psi_i = r_{t,i} \, e^{\rho_i}, \quad \rho_i = \frac{e^{L_S[i]}}{e^{L_T[i]}}

with the cross-entropy L of student and teacher on each of N domains.
"""

from __future__ import annotations

import torch
from torch import Tensor


def domain_gap(
    student_loss: Tensor, teacher_loss: Tensor, previous: Tensor | None = None, alpha: float = 0.5
) -> Tensor:
    r"""Share of each domain in the next batches.

    Liu et al., NeurIPS 2024, https://arxiv.org/abs/2407.16154.

    Args:
        student_loss: cross-entropy of the student on each domain, ``[N]``.
        teacher_loss: that of the teacher, ``[N]``.
        previous: shares so far, all above 0, ``[N]``. (default: none, which gives :math:`r_0`)
        alpha: weight of the gap; the rest is shared equally. (default: 0.5)

    Returns:
        Shares with the sum 1, float64 ``[N]``.

    Raises:
        ValueError: a loss is negative or not finite, as that of a domain without validation entries, or ``alpha`` is
            not from 0 to 1.

    Example:
        >>> harder = torch.tensor([2.0, 1.0]).log()
        >>> domain_gap(harder, torch.zeros(2))
        tensor([0.7311, 0.2689], dtype=torch.float64)
        >>> domain_gap(harder, torch.zeros(2), torch.tensor([0.5, 0.5]))
        tensor([0.6155, 0.3845], dtype=torch.float64)
    """
    losses = torch.stack([student_loss, teacher_loss]).double()
    if not bool(losses.isfinite().all() & (losses >= 0).all()):
        raise ValueError(f"the losses of domains must be finite and 0 or more, got {losses.tolist()}")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be 0 to 1, got {alpha}")
    ratio = (losses[0] - losses[1]).exp()
    if previous is None:
        return ratio.softmax(dim=0)
    gap = (previous.double().log() + ratio).softmax(dim=0)
    return alpha * gap + (1 - alpha) / len(gap)
