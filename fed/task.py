r"""A client's training, without a word of Flower: cross-entropy, FedProx's term, the contrastive term of FedLGD.

.. math:: L = CE(B) + \tfrac{\mu}{2}\|\theta - \theta_{global}\|^2 + \lambda\, SupCon(f(B), f(G))

:math:`B` a batch, :math:`G` the global virtual images, embedded once a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fed.part import Entries, Pairs, pick
from graphdistill.core.convnet import ConvNet
from graphdistill.core.randomness import generator

BATCH = 32
"""Entries of a step (FedLGD's value)."""
RATE = 0.05
"""Step size of plain SGD. FedLGD has 0.01; on validation of digits 0.05 is better by 12 points or more, for FedLGD and
for real and virtual images alike, and not yet the best of any of them: 0.1 gains 2 to 5 points more, 0.2 on real
images another 3."""
PROXIMAL = 0.01
"""FedProx's weight mu, from the middle of the paper's list."""
CONTRAST = 10.0
"""Weight lambda of the contrastive term: FedLGD's for digits; on validation better than 0.3, 1 and 3."""
TEMPERATURE = 0.07
"""Of the contrastive term (FedLGD's value)."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is added to cross-entropy.

    Attributes:
        proximal: weight of the squared distance to the weights that training began with.
        contrast: weight of the contrastive term.
        anchors: images that are embedded with every batch, for the other terms to be taken against, and their classes.
        extra: what is added besides, from a batch and the embeddings of its images and, after them, of the anchors.
        correction: what is added to the gradient of each parameter.
    """

    proximal: float = 0.0
    contrast: float = 0.0
    anchors: Pairs | None = None
    extra: Callable[[Tensor, Tensor], Tensor] | None = None
    correction: Sequence[Tensor] = ()


PLAIN = Terms()
"""Cross-entropy alone."""


def train(net: nn.Module, data: Entries, count: int, seed: int, terms: Terms = PLAIN, rate: float = RATE) -> float:
    """Train in place on ``count`` entries and return the mean loss; entries come again only once all were taken.

    Args:
        net: the network.
        data: inputs, classes, and where they do not all count the same, weights of any scale.
        count: entries to take in all, in batches of 32.
        seed: of their order.
        terms: what is added to cross-entropy.
        rate: step size of SGD.
    """
    y = data[1]
    draws = generator(seed, "order")
    order = torch.cat([torch.randperm(len(y), generator=draws) for _ in range(-(-count // len(y)))])[:count]
    first = [p.detach().clone() for p in net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    total, mean = 0.0, data[2].mean() if len(data) > 2 else 1.0
    net.train()
    for rows in order.split(BATCH):
        x, y, *weight = pick(data, rows)
        loss = _weighted(net, x, y, weight[0] / mean) if weight else _loss(net, x, y, terms)
        if terms.proximal:
            pairs = zip(net.parameters(), first, strict=True)
            loss = loss + terms.proximal / 2 * sum((p - q).square().sum() for p, q in pairs)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for p, more in zip(net.parameters(), terms.correction, strict=False):
            assert p.grad is not None
            p.grad += more
        optimizer.step()
        total += loss.item() * len(rows)
    return total / count


def _weighted(net: nn.Module, x: Any, y: Tensor, weight: Tensor) -> Tensor:
    return (F.cross_entropy(net(x), y, reduction="none") * weight).mean()


def _loss(net: nn.Module, x: Tensor, y: Tensor, terms: Terms) -> Tensor:
    if not terms.contrast and terms.extra is None:
        return F.cross_entropy(net(x), y)
    anchors, labels = terms.anchors or (x[:0], y[:0])
    assert isinstance(net, ConvNet)
    embedded = net.embed(torch.cat([x, anchors]))
    loss = F.cross_entropy(net.head(embedded[: len(y)]), y)
    if terms.contrast:
        loss = loss + terms.contrast * contrastive(embedded, torch.cat([y, labels]))
    return loss + terms.extra(x, embedded) if terms.extra else loss


def contrastive(z: Tensor, y: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    r"""Supervised contrastive loss (Khosla et al., NeurIPS 2020, https://arxiv.org/abs/2004.11362).

    .. math:: L = -\frac{1}{n} \sum_i \frac{1}{|P_i|} \sum_{p \in P_i}
        \log \frac{\exp(z_i \cdot z_p / \tau)}{\sum_{a \ne i} \exp(z_i \cdot z_a / \tau)}

    Args:
        z: embeddings ``[n, d]``; scaled to length 1 here.
        y: classes ``[n]``; entries alone in their class do not count.
        temperature: of the softmax.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> contrastive(z, torch.tensor([0, 0, 1, 1])) < contrastive(z, torch.tensor([0, 1, 0, 1]))
        tensor(True)
    """
    z = F.normalize(z, dim=1)
    others = ~torch.eye(len(z), dtype=torch.bool)
    scores = (z @ z.T / temperature).masked_fill(~others, -torch.inf)
    logs = scores.log_softmax(dim=1).masked_fill(~others, 0)
    positive = (y[:, None] == y) & others
    counts = positive.sum(dim=1)
    kept = counts > 0
    if not kept.any():
        return z.sum() * 0
    return -((logs * positive).sum(dim=1)[kept] / counts[kept]).mean()


def pseudo_gradient(old: nn.Module, new: nn.Module, rate: float = RATE) -> list[Tensor]:
    """What a round of training amounts to as one step of SGD: old less new weights over the step size."""
    pairs = zip(old.parameters(), new.parameters(), strict=True)
    return [((before - after) / rate).detach() for before, after in pairs]
