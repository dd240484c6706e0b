r"""K-center: real data that cover their class, so that no other entry is far from all of them.

.. math:: i_t = \arg\max_i \min_{j \in S} \|x_i - x_j\|

Greedy, on pixels (of nodes, on propagated features). It begins with the entry nearest to the mean of its class, since
an outlier would be a bad single image (a guess: the paper begins with images that are labelled already, of which there
are none here). Nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "Sener and Savarese, ICLR 2018, https://arxiv.org/abs/1708.00489"
RESULT = Result(
    paper="none to compare: the paper chooses images to be labelled",
    ours=(
        "digits, 1 image a class, where it is herding: 0.916 ± 0.017; planetoid-cora, 10 nodes a class: 0.743 ± "
        "0.006 (random nodes 0.762 ± 0.033)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets planetoid-cora --methods random herding "
        "k-center"
    ),
    differs="Pixels or propagated features, and a start at the entry nearest to the mean of its class.",
    instead="It chooses outliers: use herding, 0.798 ± 0.003 on Cora.",
)
FOR: tuple[Kind, ...] = ("images", "nodes", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """Real entries of each class, classes one after another, in the order of choice."""
    x, members = context.real.flat(), context.real.members
    return context.real.select(torch.cat([index[cover(x[index], context.per_class)] for index in members]))


def cover(x: Tensor, size: int) -> Tensor:
    """Index of rows of ``x`` (``[n, d]``), each the farthest from those before it, long ``[size]``.

    Example:
        >>> cover(torch.tensor([[0.0], [1.0], [5.0]]), 2).tolist()
        [1, 2]
    """
    chosen = [int((x - x.mean(dim=0)).square().sum(dim=1).argmin())]
    far = (x - x[chosen[0]]).square().sum(dim=1)
    for _ in range(size - 1):
        # Duplicates of chosen images are at distance 0, too, so chosen ones are set below.
        far[chosen] = -1
        chosen.append(int(far.argmax()))
        far = far.minimum((x - x[chosen[-1]]).square().sum(dim=1))
    return torch.tensor(chosen)
