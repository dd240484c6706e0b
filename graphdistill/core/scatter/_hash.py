"""One step of Weisfeiler-Lehman refinement on 64-bit words."""

from __future__ import annotations

import torch
from torch import Tensor

from graphdistill.core.scatter import _ops


def tree_hash_step(label: Tensor, child: Tensor, ptr: Tensor, index: Tensor, factor: Tensor | None = None) -> Tensor:
    r"""One refinement step: the ids of trees from their root labels and the ids of their children.

    .. math:: h_k(v) = \mathrm{mix}(c \, h_0(v) + \sum_{e = \mathrm{ptr}_v}^{\mathrm{ptr}_{v+1} - 1}
        b_e \, h_{k-1}(\mathrm{index}_e)) \mod 2^{64}

    with splitmix64's finaliser as mix, on two independent lanes; the same bits on every device.

    Args:
        label: hashed root labels :math:`h_0`, long ``[S, 2]``.
        child: ids one level down, long ``[N, 2]``.
        ptr: first child of each tree and E at the end, long ``[S + 1]``.
        index: row of ``child`` of each child, long ``[E]``.
        factor: odd factor of each child, long ``[E, 1]``. (default: 1)

    Returns:
        Long ``[S, 2]``.

    Raises:
        ValueError: ``ptr`` does not start at 0, decreases or does not end at E; an index is out of range; shapes,
            dtypes or devices differ.

    Example:
        >>> label = torch.tensor([[6, 6], [8, 8]])
        >>> ids = tree_hash_step(label, label, torch.tensor([0, 1, 2]), torch.tensor([1, 0]))
        >>> ids.shape, bool((ids[0] != ids[1]).all())
        (torch.Size([2, 2]), True)
    """
    trees = [ptr.shape[0] - 1, 2]
    if label.dtype != torch.long or list(label.shape) != trees:
        raise ValueError(f"label must be long {trees}, got {label.dtype} {list(label.shape)}")
    if child.dim() != 2 or child.shape[1] != 2:
        raise ValueError(f"child must have two lanes, shape [N, 2], got {list(child.shape)}")
    if factor is not None and list(factor.shape) != [index.shape[0], 1]:
        raise ValueError(f"factor must have shape {[index.shape[0], 1]}, got {list(factor.shape)}")
    out: Tensor = _ops.tree_hash_step(label, child, ptr, index, factor)
    return out
