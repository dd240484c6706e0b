r"""Which of many draws of graphs to keep: the one from which a linear model recovers the teacher best.

A handful of graphs depends on luck. Each draw is judged by ridge regression on 64 hashed directions of log tree counts
per depth, fitted on the draw alone and compared with the teacher on the training split,

.. math:: W = (\Phi_S^\top \Phi_S + \lambda I)^{-1} \Phi_S^\top Z_S, \qquad
    \mathrm{score} = \mathrm{corr}(\Phi W, Z)

with :math:`\Phi` the directions and Z the teacher's logits. No network and no validation data take part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from graphdistill.core.scatter import Segments
from graphdistill.core.trees.forest import Forest

DRAWS = 64
"""Draws that are compared."""

MOST_GRAPHS = 500
"""Sets of more graphs than this take the first draw: draws hardly differ any more."""

JUDGED_ON = 4000
"""Training graphs that a draw is judged on, at the most."""


def directions(forest: Forest) -> Tensor:
    """Log tree counts of each graph in 64 directions per depth, and a constant.

    The directions are the bits of the trees' content ids as signs, so they are the same for every forest.

    Args:
        forest: G graphs over trees of depth L.

    Returns:
        Float ``[G, 64 (L + 1) + 1]``; each depth's part has norm 1.

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.graphs import Graphs
        >>> from graphdistill.core.trees.build import build_forest
        >>> atom = Data(x=torch.tensor([[6]]), edge_index=torch.empty(2, 0).long())
        >>> directions(build_forest(Graphs.from_data_list([atom]), 1)).shape
        torch.Size([1, 129])
    """
    out = [torch.ones(len(forest), 1)]
    for depth in range(forest.trees.depth + 1):
        level = forest.cut(depth)
        signs = ((level.trees.ids()[-1][:, :1] >> torch.arange(64)) & 1).float() * 2 - 1
        log_counts = Segments(level.ptr, level.tree, level.trees.sizes[-1], torch.log1p(level.count.float()))
        part = log_counts.sum(signs)
        out.append(part / part.norm(dim=1, keepdim=True).clamp(min=1e-12))
    return torch.cat(out, dim=1)


def teacher_judge(
    forest: Forest, logits: Tensor, generator: torch.Generator, ridge: float = 1.0
) -> Callable[[Forest, Tensor], float]:
    """Make a judge of draws: how well a linear model fitted on a draw recovers the teacher.

    Args:
        forest: training graphs.
        logits: the teacher's, float ``[G, C]``.
        generator: draws the training graphs to judge on, where there are more than 4,000.
        ridge: regularisation. (default: 1, on validation better than 0.1)

    Returns:
        A function of a draw (its graphs as they would be stored, and their numbers in ``forest``) that gives the
        correlation with the teacher, the mean over outputs.
    """
    target = logits - logits.mean(dim=0)
    index = torch.randperm(len(forest), generator=generator)[:JUDGED_ON]
    everyone, wanted = directions(forest.subset(index)), target[index]

    def judge(draw: Forest, numbers: Tensor) -> float:
        seen = directions(draw)
        gram = seen.T @ seen + ridge * torch.eye(seen.shape[1])
        guess = everyone @ torch.linalg.solve(gram, seen.T @ target[numbers])
        guess = guess - guess.mean(dim=0)
        scale = guess.norm(dim=0) * (wanted - wanted.mean(dim=0)).norm(dim=0)
        return float(((guess * wanted).sum(dim=0) / scale.clamp(min=1e-12)).mean())

    return judge


def best_order(
    forest: Forest, orders: Sequence[Tensor], count: int, judge: Callable[[Forest, Tensor], float]
) -> Tensor:
    """The order whose first ``count`` graphs the judge likes best; the first one on a tie.

    Args:
        forest: training graphs as they would be stored.
        orders: orders of all graphs, each long ``[G]``.
        count: number of graphs of a draw.
        judge: see :func:`teacher_judge`.
    """
    scores = [judge(forest.subset(order[:count]), order[:count]) for order in orders]
    return orders[max(range(len(orders)), key=scores.__getitem__)]
