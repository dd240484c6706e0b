r"""RAD-like: which questions to ask a teacher that is known to be wrong on some entries, but not on which.

The student gains :math:`g_i` by a right answer on entry i. It asks by a distribution q; the worst case has the teacher
wrong on those m entries where that costs most:

.. math:: \max_q \min_{|W| = m} \sum_{i \notin W} q_i g_i - c \sum_{i \in W} q_i g_i

where c is 1 if a wrong answer does as much harm as a right one does good, and 0 if it only wastes the question. In the
solution all questions that are asked have the same expected gain (an equaliser):

.. math:: q_i = \frac{1 / g_i}{\sum_{j \le k^*} 1 / g_j}, \; i \le k^*, \quad
    k^* = \arg\max_k \frac{k - (1 + c) \, m}{\sum_{j \le k} 1 / g_j}

with the entries in the order of their gains, the largest first.
"""

from __future__ import annotations

import torch
from torch import Tensor


def equaliser(gains: Tensor, wrong: float, *, harm: bool = True) -> Tensor:
    """The distribution of questions that is best in the worst case.

    Baykal et al., ICLR 2023, https://arxiv.org/abs/2210.01213, describe the game; its form here is ours.

    Args:
        gains: gain of a right answer on each entry, 0 or more, float ``[n]``.
        wrong: number of entries that the teacher is wrong on, which need not be whole.
        harm: whether a wrong answer does as much harm as a right one does good. (default: yes; otherwise it only
            wastes the question)

    Returns:
        Probabilities, float64 ``[n]``; all equal where no distribution has a positive gain in the worst case.

    Raises:
        ValueError: a gain is negative or not finite, or ``wrong`` is negative.

    Example:
        >>> equaliser(torch.tensor([1.0, 0.5, 0.5, 0.001]), 0.5)
        tensor([0.2000, 0.4000, 0.4000, 0.0000], dtype=torch.float64)
    """
    if not (bool(gains.isfinite().all()) and bool((gains >= 0).all())):
        raise ValueError("gains must be finite and 0 or more")
    if not wrong >= 0:
        raise ValueError(f"wrong must be 0 or more, got {wrong}")
    value, order = gains.double().sort(descending=True, stable=True)
    inverse = 1 / value[value > 0]
    asked = torch.arange(1, len(inverse) + 1, dtype=torch.double, device=gains.device)
    worst = (asked - (1 + harm) * wrong) / inverse.cumsum(0)
    q = torch.zeros_like(value)
    if not len(worst) or not float(worst.max()) > 0:
        return torch.full_like(q, 1 / max(len(q), 1))
    best = int(worst.argmax()) + 1
    q[order[:best]] = inverse[:best] / inverse[:best].sum()
    return q


def robust_active(gains: Tensor, wrong: float, count: int, generator: torch.Generator, *, harm: bool = True) -> Tensor:
    """Entries to ask the teacher about, drawn by :func:`equaliser` without replacement.

    Args:
        gains: gain of a right answer on each entry, float ``[n]``.
        wrong: number of entries that the teacher is wrong on.
        count: number of questions; all entries if there are fewer. Where the distribution has fewer entries, those of
            the largest gains among the others follow.
        generator: draws them.
        harm: as of :func:`equaliser`.

    Returns:
        Entries, long ``[count]``.

    Example:
        >>> robust_active(torch.tensor([0.0, 1.0, 0.0, 1.0]), 0.5, 2, torch.Generator().manual_seed(0)).sort().values
        tensor([1, 3])
    """
    q, count = equaliser(gains.cpu(), wrong, harm=harm), min(count, len(gains))
    inside = int((q > 0).sum())
    drawn = torch.multinomial(q, min(count, inside), generator=generator)
    others = gains.cpu().sort(descending=True, stable=True).indices
    return torch.cat([drawn, others[~torch.isin(others, drawn)][: count - len(drawn)]])
