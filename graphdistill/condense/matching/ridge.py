"""Kernel ridge regression, which is differentiable training in closed form, and the kernel of a wide network.

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

MARGIN = 1e-6
"""Distance of a cosine to 1 and -1, where its angle has no derivative."""


def centred(y: Tensor, num_classes: int) -> Tensor:
    """Target of ridge regression, ``[n, C]``: probabilities of the classes less 1 / C, so that 0 means uncertain.

    Args:
        y: hard labels long ``[n]``, or soft float ``[n, C]``.
        num_classes: number C of classes.

    Example:
        >>> centred(torch.tensor([1]), 2).tolist()
        [[-0.5, 0.5]]
    """
    shares = y if y.is_floating_point() else F.one_hot(y, num_classes)
    return shares.double() - 1 / num_classes


def ridge(gram: Tensor, cross: Tensor, target: Tensor, share: float = 1.0) -> Tensor:
    r"""Predictions for some entries by ridge regression that was fitted to others.

    .. math:: K_{ts} \Big(K_{ss} + \lambda \frac{\mathrm{tr} K_{ss}}{n} I\Big)^{-1} Y_s

    Args:
        gram: kernel of the entries that it is fitted to, ``[n, n]``.
        cross: kernel of the entries to predict with these, ``[m, n]``.
        target: targets of the fit, ``[n, C]``.
        share: ridge, as a share of the mean diagonal. (default: 1, which has the effect of early stopping; GC-SNTK has
            0.001)

    Returns:
        Predictions ``[m, C]``.

    Example:
        >>> ridge(torch.eye(2), torch.tensor([[0.0, 1.0]]), torch.tensor([[3.0], [4.0]]), share=1.0).tolist()
        [[2.0]]
    """
    damped = gram + share * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    learnt: Tensor = torch.linalg.solve(damped, target)
    return cross @ learnt


def arc_cosine(x: Tensor, z: Tensor, depth: int = 2) -> Tensor:
    r"""Neural tangent kernel of an infinitely wide perceptron with ReLU and no biases.

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
    # Nodes without features have no direction: their similarity to all others is 0.
    sizes = x.norm(dim=1).clamp(min=1e-12)[:, None] * z.norm(dim=1).clamp(min=1e-12)
    tangent = x @ z.T
    cosine = tangent / sizes
    for _ in range(depth):
        angle = cosine.clamp(MARGIN - 1, 1 - MARGIN).acos()
        cosine = (angle.sin() + (math.pi - angle) * angle.cos()) / math.pi
        tangent = tangent * (1 - angle / math.pi) + sizes * cosine
    return tangent


def krr_score(protocol: SetProtocol[AnyDataset], synthetic: SyntheticSet, split: str = "valid") -> float:
    """Score of ridge regression with :func:`arc_cosine` that is fitted to a set, by the protocol's metric.

    No network is trained: it is a fast estimate of the score of a very wide one. Its input is that of the report's
    linear model: pixels, or propagated features of nodes.

    Args:
        protocol: the real data.
        synthetic: the set.
        split: entries to predict. (default: ``valid``)

    Example:
        >>> from graphdistill import datasets
        >>> from graphdistill.core.evaluation.images import ImageProtocol
        >>> protocol = ImageProtocol(datasets.load("digits"))
        >>> (few,) = protocol.random_sets(650, draws=1)
        >>> krr_score(protocol, few) > 0.5
        True
    """
    x, y = (values[synthetic.labelled] for values in (protocol.flat(synthetic), synthetic.y))
    target = centred(y, protocol.num_classes)
    guess = ridge(arc_cosine(x, x), arc_cosine(protocol.flat(split), x), target)
    return score(guess, protocol.labels(split), protocol.metric)
