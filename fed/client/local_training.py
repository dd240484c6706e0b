r"""A client's training, without a word of Flower: cross-entropy, FedProx's term, the contrastive term of FedLGD.

.. math:: L = CE(B) + \tfrac{\mu}{2}\|\theta - \theta_{global}\|^2 + \lambda\, SupCon(f(B), f(G))

:math:`B` a batch, :math:`G` some of the global virtual images, embedded once a step. Where a teacher, trained on the
client's real images and never sent, has labelled the images, :func:`distillation` takes the place of :math:`CE`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fed.data.client_data import Entries, Pairs, Part, network, pick
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import generator
from graphdistill.core.training.augment import Augment
from graphdistill.core.training.fit import FitConfig, fit

BATCH = 32
"""Entries of a step (FedLGD's value)."""
RATE = 0.4
"""Step size of plain SGD. FedLGD has 0.01; on validation of digits, over three seeds, 0.4 is the best of 0.2, 0.4, 0.8
for FedLGD, for as many real images and for plain virtual ones alike."""
PROXIMAL = 0.01
"""FedProx's weight mu, from the middle of the paper's list."""
CONTRAST = 0.1
"""Weight lambda of the contrastive term. FedLGD has 10 for digits, which acts much like a longer step: at the step size
that validation likes best, 0, 0.1 and 0.3 are within half a point of each other, and 1 loses."""
TEMPERATURE = 0.07
"""Of the contrastive term (FedLGD's value)."""
SOFTNESS = 2.0
"""Temperature of labels that a teacher gives; on validation of digits 1 and 4 are half a point to one worse."""
ANCHORS = 16
"""Global virtual images that a step is contrasted with: half as many as its own, so it takes half as long again."""
LESSONS = 1000
"""Steps of a client's teacher, in batches of 64."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is added to cross-entropy.

    Attributes:
        proximal: weight of the squared distance to the weights that training began with.
        contrast: weight of the contrastive term.
        anchors: images that are embedded with every batch, for the other terms to be taken against, and their classes.
        drawn: anchors of a step; all without it.
        logits: what a teacher says of each image, ``[n, C]``; it is learnt in place of its class.
        extra: what is added besides, from a batch and the embeddings of its images and, after them, of the anchors.
        correction: what is added to the gradient of each parameter.
    """

    proximal: float = 0.0
    contrast: float = 0.0
    anchors: Pairs | None = None
    drawn: int | None = None
    logits: Tensor | None = None
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
        if weight:
            loss = (F.cross_entropy(net(x), y, reduction="none") * weight[0]).mean() / mean
        else:
            loss = _loss(net, x, y, None if terms.logits is None else terms.logits[rows], terms, draws)
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


def _loss(net: nn.Module, x: Tensor, y: Tensor, logits: Tensor | None, terms: Terms, draws: torch.Generator) -> Tensor:
    if terms.contrast or terms.extra:
        assert isinstance(net, ConvNet)
        anchors, labels = terms.anchors or (x[:0], y[:0])
        if terms.drawn is not None:
            rows = torch.randperm(len(labels), generator=draws)[: terms.drawn]
            anchors, labels = anchors[rows], labels[rows]
        embedded = net.embed(torch.cat([x, anchors]))
        out = net.head(embedded[: len(y)])
    else:
        out = net(x)
    loss = F.cross_entropy(out, y) if logits is None else distillation(out, logits)
    if terms.contrast:
        loss = loss + terms.contrast * contrastive(embedded, torch.cat([y, labels]))
    return loss + terms.extra(x, embedded) if terms.extra else loss


def distillation(ours: Tensor, theirs: Tensor, temperature: float = SOFTNESS) -> Tensor:
    r"""What a student has to learn of a teacher (Hinton et al., 2015, https://arxiv.org/abs/1503.02531).

    .. math:: L = \frac{\tau^2}{n} \sum_i KL\big(\mathrm{softmax}(t_i / \tau) \,\|\, \mathrm{softmax}(s_i / \tau)\big)

    Args:
        ours: logits s of the student, ``[n, C]``.
        theirs: logits t of the teacher, ``[n, C]``.
        temperature: of both.

    Example:
        >>> logits = torch.tensor([[1.0, 2.0]])
        >>> distillation(logits, logits + 3).item()
        0.0
    """
    student, teacher = ((logits / temperature).log_softmax(dim=1) for logits in (ours, theirs))
    return temperature**2 * F.kl_div(student, teacher, log_target=True, reduction="batchmean")


def teach(part: Part, seed: int, steps: int = LESSONS) -> nn.Module:
    """A client's teacher: trained on all of its real images, augmented, left where its validation images like it best.

    Args:
        part: what the client holds.
        seed: of weights and batches.
        steps: of Adam.
    """
    net = network(part.facts, seed)
    how = FitConfig(steps=steps, batch_size=64, eval_every=max(1, steps // 10))
    valid, views = part.valid, Augment().each
    fit(net, *part.train, valid=valid, metric="accuracy", task="multiclass", config=how, augment=views, seed=seed)
    return net


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
