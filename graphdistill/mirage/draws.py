r"""Selection among random draws of graphs: the one from which a linear model recovers the teacher best.

Small draws vary a lot. Each draw is scored by ridge regression on 64 hashed directions of log tree counts
per depth, fitted on the draw alone and compared with the teacher on the training split,

.. math:: W = (\Phi_S^\top \Phi_S + \lambda I)^{-1} \Phi_S^\top Z_S, \qquad
    \mathrm{score} = \mathrm{corr}(\Phi W, Z)

with :math:`\Phi` the directions and Z the teacher's logits. No network and no validation data are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from graphdistill.core.scatter import Segments
from graphdistill.core.trees.forest import Forest

MOST_GRAPHS = 500
"""Largest number of graphs of a set for which draws are compared; larger draws hardly differ."""

MAX_SCORED_GRAPHS = 4000
"""Largest number of training graphs that a draw is scored on."""


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


def draw_scorer(
    forest: Forest, logits: Tensor, generator: torch.Generator, ridge: float = 1.0
) -> Callable[[Forest, Tensor], float]:
    """Make a function that scores draws: how well a linear model fitted on a draw recovers the teacher.

    Args:
        forest: training graphs.
        logits: logits of the teacher, float ``[G, C]``.
        generator: draws the training graphs to score on, if there are more than 4,000.
        ridge: regularization. (default: 1, better on validation than 0.1)

    Returns:
        A function of a draw (its graphs, and their indices in ``forest``) that returns the correlation with the
        teacher, averaged over outputs.
    """
    target = logits - logits.mean(dim=0)
    index = torch.randperm(len(forest), generator=generator)[:MAX_SCORED_GRAPHS]
    everyone, wanted = directions(forest.subset(index)), target[index]

    def score(draw: Forest, index: Tensor) -> float:
        seen = directions(draw)
        gram = seen.T @ seen + ridge * torch.eye(seen.shape[1])
        guess = everyone @ torch.linalg.solve(gram, seen.T @ target[index])
        guess = guess - guess.mean(dim=0)
        scale = guess.norm(dim=0) * (wanted - wanted.mean(dim=0)).norm(dim=0)
        return float(((guess * wanted).sum(dim=0) / scale.clamp(min=1e-12)).mean())

    return score


def best_order(
    forest: Forest, orders: Sequence[Tensor], count: int, score: Callable[[Forest, Tensor], float]
) -> Tensor:
    """The order whose first ``count`` graphs have the best score; the first one on a tie.

    Args:
        forest: training graphs.
        orders: orders of all graphs, each long ``[G]``.
        count: number of graphs of a draw.
        score: function from :func:`draw_scorer`.
    """
    scores = [score(forest.subset(order[:count]), order[:count]) for order in orders]
    return orders[max(range(len(orders)), key=scores.__getitem__)]
