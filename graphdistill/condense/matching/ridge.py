"""Kernel ridge regression: training in closed form, which gradients run through, and the kernel of a wide network.

Shape legend: n and m entries, d numbers each, C classes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.evaluation.protocol import AnyDataset, SetProtocol
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.metrics import score

DEPTH = 2
"""Hidden layers of the wide network that :func:`arc_cosine` stands for."""
RIDGE = 1.0
"""Share of the kernel's mean diagonal that is added to it, which is what stops a network early (GC-SNTK has 0.001)."""
EDGE = 1e-6
"""How near to 1 a cosine may come: at 1 its angle has no derivative."""


def centred(y: Tensor, num_classes: int) -> Tensor:
    """What ridge regression aims at, ``[n, C]``: shares of the classes less 1 / C, so that not knowing is 0.

    Args:
        y: hard labels long ``[n]``, or soft float ``[n, C]``.
        num_classes: number C of classes.

    Example:
        >>> centred(torch.tensor([1]), 2).tolist()
        [[-0.5, 0.5]]
    """
    shares = y if y.is_floating_point() else F.one_hot(y, num_classes)
    return shares.double() - 1 / num_classes


def ridge(gram: Tensor, cross: Tensor, target: Tensor, share: float = RIDGE) -> Tensor:
    r"""What ridge regression learns from some entries, asked of others.

    .. math:: K_{ts} \Big(K_{ss} + \lambda \frac{\mathrm{tr} K_{ss}}{n} I\Big)^{-1} Y_s

    Args:
        gram: kernel of the entries that it learns from, ``[n, n]``.
        cross: kernel of those that are asked for with these, ``[m, n]``.
        target: what is learnt, ``[n, C]``.
        share: of the mean diagonal that is added to it. (default: 1)

    Returns:
        Predictions ``[m, C]``.

    Example:
        >>> ridge(torch.eye(2), torch.tensor([[0.0, 1.0]]), torch.tensor([[3.0], [4.0]]), share=1.0).tolist()
        [[2.0]]
    """
    damped = gram + share * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    learnt: Tensor = torch.linalg.solve(damped, target)
    return cross @ learnt


def arc_cosine(x: Tensor, z: Tensor, depth: int = DEPTH) -> Tensor:
    r"""Neural tangent kernel of an endlessly wide perceptron with rectified hidden layers and no biases.

    Cho and Saul, NeurIPS 2009; Jacot et al., NeurIPS 2018, https://arxiv.org/abs/1806.07572. With
    :math:`\Theta = \Sigma = x \cdot z` at first, and :math:`\theta = \arccos(\Sigma / \|x\| \|z\|)`, each layer takes

    .. math:: \Sigma \leftarrow \frac{\|x\| \|z\|}{\pi} \big(\sin \theta + (\pi - \theta) \cos \theta\big), \quad
        \Theta \leftarrow \Theta \, \frac{\pi - \theta}{\pi} + \Sigma

    Args:
        x: float ``[n, d]``.
        z: float ``[m, d]``.
        depth: number of hidden layers. (default: 2)

    Returns:
        Double ``[n, m]``; differentiable, also where a row of ``x`` is one of ``z``.

    Example:
        >>> arc_cosine(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 4.0]]), depth=1).round().tolist()
        [[50.0]]
    """
    x, z = x.double(), z.double()
    # Nodes without a word have no direction: they are like nothing.
    sizes = x.norm(dim=1).clamp(min=1e-12)[:, None] * z.norm(dim=1).clamp(min=1e-12)
    tangent = x @ z.T
    cosine = tangent / sizes
    for _ in range(depth):
        angle = cosine.clamp(EDGE - 1, 1 - EDGE).acos()
        cosine = (angle.sin() + (math.pi - angle) * angle.cos()) / math.pi
        tangent = tangent * (1 - angle / math.pi) + sizes * cosine
    return tangent


def krr_score(protocol: SetProtocol[AnyDataset], small: SyntheticSet, split: str = "valid") -> float:
    """What ridge regression with :func:`arc_cosine` learns from a set, by the protocol's metric.

    No network is trained: it says in no time what a set teaches a very wide one. It reads what the linear model of the
    report reads, of nodes propagated features.

    Args:
        protocol: the real data.
        small: the set.
        split: which entries are asked for. (default: ``valid``)

    Example:
        >>> from graphdistill import datasets
        >>> from graphdistill.core.evaluation.images import ImageProtocol
        >>> protocol = ImageProtocol(datasets.load("digits"))
        >>> (few,) = protocol.random_sets(650, draws=1)
        >>> krr_score(protocol, few) > 0.5
        True
    """
    x = protocol.flat(small)
    target = centred(small.y, protocol.num_classes)
    guess = ridge(arc_cosine(x, x), arc_cosine(protocol.flat(split), x), target)
    return score(guess, protocol.labels(split), protocol.metric)
