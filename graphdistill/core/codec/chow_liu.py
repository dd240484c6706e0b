"""Chow-Liu trees: the tree of variables that loses the least information about their joint distribution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 2**24
"""Largest number of joint counts in memory at a time."""


@dataclass(frozen=True)
class Tree:
    """A rooted tree of D variables, numbered so that each subtree is a range of places that starts at its root.

    Attributes:
        variable: variable at each place, long ``[D]``.
        parent: place of the parent of each place, long ``[D]``; -1 for the root, which is at place 0.
    """

    variable: Tensor
    parent: Tensor


def mutual_information(x: Tensor, num_values: int) -> Tensor:
    r"""Mutual information of all pairs of variables in nats, float ``[D, D]``.

    .. math:: I(X_i; X_j) = \sum_{ab} p_{ij}(a, b) \log \frac{p_{ij}(a, b)}{p_i(a) \, p_j(b)}

    Args:
        x: values from 0 to ``num_values - 1``, long ``[N, D]``.
        num_values: number of values K.

    Example:
        >>> x = torch.tensor([[0, 0, 0], [1, 1, 0], [0, 0, 1], [1, 1, 1]])
        >>> (mutual_information(x, 2) / torch.tensor(2.0).log()).round().tolist()
        [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    num, width = x.shape
    out = torch.empty(width, width)
    share = torch.stack([torch.bincount(column, minlength=num_values) for column in x.T]).float() / num
    columns = torch.arange(width)[None] * num_values
    for places in torch.arange(width).split(max(1, BLOCK // (width * num_values**2))):
        joint = torch.zeros(len(places) * num_values, width * num_values)
        for rows in x.split(4096):
            hot = torch.zeros(len(rows), width * num_values).scatter_(1, rows + columns, 1.0)
            joint += hot[:, int(places[0]) * num_values : (int(places[-1]) + 1) * num_values].T @ hot
        joint = joint.view(len(places), num_values, width, num_values) / num
        apart = share[places][:, :, None, None] * share[None, None]
        # 0 log 0 is 0.
        out[places] = torch.special.xlogy(joint, joint / apart.clamp(min=1e-12)).sum(dim=(1, 3))
    return out


def chow_liu_tree(information: Tensor) -> Tree:
    """The spanning tree of most mutual information (Chow and Liu, IEEE Transactions on Information Theory, 1968).

    Args:
        information: mutual information of all pairs, float ``[D, D]``.

    Example:
        >>> chain = torch.tensor([[0.0, 1.0, 9.0], [1.0, 0.0, 5.0], [9.0, 5.0, 0.0]])
        >>> tree = chow_liu_tree(chain)
        >>> tree.variable.tolist(), tree.parent.tolist()
        ([0, 2, 1], [-1, 0, 1])
    """
    width = len(information)
    most, nearest = information[0].clone(), torch.zeros(width, dtype=torch.long)
    missing, children = torch.ones(width, dtype=torch.bool), [list[int]() for _ in range(width)]
    missing[0] = False
    for _ in range(width - 1):
        new = int(most.masked_fill(~missing, -torch.inf).argmax())
        missing[new] = False
        children[int(nearest[new])].append(new)
        closer = information[new] > most
        most, nearest = most.where(~closer, information[new]), nearest.where(~closer, torch.tensor(new))
    variable, parent, waiting = list[int](), list[int](), [(0, -1)]
    while waiting:
        here, above = waiting.pop()
        waiting += [(child, len(variable)) for child in reversed(children[here])]
        variable.append(here)
        parent.append(above)
    return Tree(torch.tensor(variable), torch.tensor(parent))
