"""Margin of a prediction: how much likelier the likeliest class is than the next one."""

from __future__ import annotations

from torch import Tensor


def margin(logits: Tensor) -> Tensor:
    r"""Difference of the two largest probabilities of each row, ``[n]``, from 0 (unsure) to 1.

    .. math:: m_i = p_{i,(1)} - p_{i,(2)}, \quad p_i = \mathrm{softmax}(z_i)

    Scheffer et al., IDA 2001.

    Args:
        logits: float ``[n, C]`` with two classes or more.

    Raises:
        ValueError: there is one class.

    Example:
        >>> import torch
        >>> margin(torch.tensor([[0.0, 0.0, -9.0], [0.0, 40.0, 0.0]]))
        tensor([0., 1.])
    """
    if logits.shape[1] < 2:
        raise ValueError(f"a margin needs logits of 2 classes or more, got {logits.shape[1]}")
    first, second = logits.softmax(dim=1).topk(2, dim=1).values.unbind(dim=1)
    return first - second


def smallest_margins(logits: Tensor, count: int) -> Tensor:
    """Rows with the smallest margins, the smallest first, long ``[count]``; of equal ones the first rows.

    Args:
        logits: float ``[n, C]``.
        count: number of rows; all if there are fewer.

    Example:
        >>> import torch
        >>> smallest_margins(torch.tensor([[0.0, 9.0], [0.0, 1.0], [0.0, 0.0]]), 2)
        tensor([2, 1])
    """
    return margin(logits).sort(stable=True).indices[:count]
