r"""K-center: real data that leave nothing of their class far from all of them.

.. math:: i_t = \arg\max_i \min_{j \in S} \|x_i - x_j\|

Greedy, on pixels (of nodes, on propagated features); it begins with what is nearest to the mean of its class, since an
outlier would be a bad only image (a guess: the paper begins with images that are labelled already, of which there are
none here). Nothing is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Setting
from graphdistill.core.methods import MethodConfig
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "Sener and Savarese, ICLR 2018, https://arxiv.org/abs/1708.00489"
FOR: tuple[Kind, ...] = ("images", "nodes", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def select(setting: Setting, config: Config) -> SyntheticSet:
    """So many entries of each class, classes one after another, in the order of choice."""
    x, members = setting.real.flat(), setting.real.members
    return setting.real.select(torch.cat([rows[cover(x[rows], setting.per_class)] for rows in members]))


def cover(x: Tensor, size: int) -> Tensor:
    """Rows of ``x`` (``[n, d]``), each the farthest from those before it, long ``[size]``.

    Example:
        >>> cover(torch.tensor([[0.0], [1.0], [5.0]]), 2).tolist()
        [1, 2]
    """
    chosen = [int((x - x.mean(dim=0)).square().sum(dim=1).argmin())]
    far = (x - x[chosen[0]]).square().sum(dim=1)
    for _ in range(size - 1):
        # Twins of chosen images are at distance 0, too, so those chosen go below.
        far[chosen] = -1
        chosen.append(int(far.argmax()))
        far = far.minimum((x - x[chosen[-1]]).square().sum(dim=1))
    return torch.tensor(chosen)
