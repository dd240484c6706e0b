r"""K-center: real images that leave no image of their class far from all of them.

.. math:: i_t = \arg\max_i \min_{j \in S} \|x_i - x_j\|

Greedy, on pixels; it begins with the image nearest to the mean of its class, since an outlier would be a bad only image
(a guess: the paper begins with images that are labelled already, of which there are none here). Nothing is drawn.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphdistill.condense.real import RealImages

PAPER = "Sener and Savarese, ICLR 2018, https://arxiv.org/abs/1708.00489"


def select(real: RealImages, per_class: int, generator: torch.Generator) -> Tensor:
    """Numbers of ``per_class`` images of each class, classes one after another, in the order of choice."""
    return torch.cat([rows[cover(real.x[rows].flatten(1), per_class)] for rows in real.members])


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
