r"""K-means-nearest: the real entry nearest to each of k means of its class.

.. math:: i_t = \arg\min_{i \notin S} \|x_i - m_t\|, \quad m = \text{k-means of the class with } k = \text{per class}

On pixels (of nodes, on propagated features), best of 3 starts (a guess: more starts change little with so few means).
What is nearest to two means is taken once, and the next nearest for the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Setting
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "Liu et al., DREAM, ICCV 2023, https://arxiv.org/abs/2302.14416"
FOR: tuple[Kind, ...] = ("images", "nodes", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def select(setting: Setting, config: Config) -> SyntheticSet:
    """So many entries of each class, classes one after another; k-means starts by the seed."""
    real, chosen, draws = setting.real, [], generator(setting.seed, "select")
    everything = real.flat()
    for rows in real.members:
        x = everything[rows]
        seed = int(torch.randint(2**31 - 1, (), generator=draws))
        means = KMeans(setting.per_class, n_init=3, random_state=seed).fit(x.numpy()).cluster_centers_
        chosen.append(rows[nearest(x, torch.from_numpy(means).to(x.dtype))])
    return real.select(torch.cat(chosen))


def nearest(x: Tensor, means: Tensor) -> Tensor:
    """The row of ``x`` nearest to each mean in turn, none twice, long ``[k]``.

    Example:
        >>> nearest(torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[0.9], [1.1]])).tolist()
        [1, 0]
    """
    far = torch.cdist(x, means)
    chosen: list[int] = []
    for mean in range(len(means)):
        far[chosen] = torch.inf
        chosen.append(int(far[:, mean].argmin()))
    return torch.tensor(chosen)
