r"""Herding: real data whose running mean stays nearest to the mean of their class.

.. math:: i_t = \arg\min_{i \notin S} \Big\| \mu_c - \frac{1}{t} \Big(\phi(x_i) + \sum_{j \in S} \phi(x_j)\Big) \Big\|

:math:`\phi` is the image itself, its pixels (of nodes, propagated features; of rows, encoded ones): on
small images of one object in the middle they compare well, and no network has to be trained first (a guess; the
literature mostly takes features of a trained network). Nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "Welling, ICML 2009; as in Rebuffi et al., CVPR 2017, https://arxiv.org/abs/1611.07725"
RESULT = Result(
    paper="none to compare: the papers select for other purposes",
    ours=(
        "digits, 1 image a class: 0.916 ± 0.017 (random images 0.777 ± 0.061); mnist5k, 1: 0.774 ± 0.011 (random "
        "images 0.583 ± 0.075); planetoid-cora, 10 nodes a class: 0.798 ± 0.003 (random nodes 0.762 ± 0.033)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits mnist5k planetoid-cora --methods "
        "random herding"
    ),
    differs="Pixels or propagated features, where the literature mostly takes features of a trained network.",
    instead="With one image a class use dm, 0.959 ± 0.014 and 0.898 ± 0.012; for graphs random ones are as good.",
)
FOR: tuple[Kind, ...] = ("images", "nodes", "graphs", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """Real entries of each class, classes one after another, in the order of choice."""
    x, members = context.real.flat(), context.real.members
    return context.real.select(torch.cat([index[herd(x[index], context.per_class)] for index in members]))


def herd(x: Tensor, size: int) -> Tensor:
    """Index of the rows of ``x`` (``[n, d]``) whose running mean follows the mean of all, long ``[size]``.

    Example:
        >>> herd(torch.tensor([[0.0], [1.0], [5.0]]), 2).tolist()
        [1, 2]
    """
    mean, total = x.mean(dim=0), torch.zeros_like(x[0])
    chosen: list[int] = []
    for count in range(1, size + 1):
        far = (mean - (total + x) / count).square().sum(dim=1)
        far[chosen] = torch.inf
        chosen.append(int(far.argmin()))
        total = total + x[chosen[-1]]
    return torch.tensor(chosen)
