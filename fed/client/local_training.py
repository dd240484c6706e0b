r"""A client's training, independent of Flower: cross-entropy, FedProx's term, the contrastive term of FedLGD.

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

from fed.data.client_data import ClientData, Entries, Pairs, network, select_entries
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import device_of
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import generator
from graphdistill.core.training import loop
from graphdistill.core.training.augment import Augment
from graphdistill.core.training.fit import FitConfig, fit


@dataclass(frozen=True, kw_only=True)
class LossTerms:
    """The terms of the loss besides cross-entropy.

    Attributes:
        proximal: weight of the squared distance to the initial weights.
        contrast: weight of the contrastive term.
        temperature: of the contrastive term.
        anchors: images that are embedded with every batch for the terms that need them, and their classes.
        num_anchors: anchors of a step. (default: all)
        logits: a teacher's logits of each image, ``[n, C]``, which replace its class as the target.
        kd_temperature: temperature of that target.
        extra: a further term, a function of a batch and the embeddings of its images followed by those of the anchors.
        correction: added to the gradient of each parameter.
    """

    proximal: float = 0.0
    contrast: float = 0.0
    temperature: float = 0.07
    anchors: Pairs | None = None
    num_anchors: int | None = None
    logits: Tensor | None = None
    kd_temperature: float = 2.0
    extra: Callable[[Tensor, Tensor], Tensor] | None = None
    correction: Sequence[Tensor] = ()


PLAIN = LossTerms()
"""Cross-entropy alone."""


def train(
    net: nn.Module,
    data: Entries,
    count: int,
    seed: int,
    terms: LossTerms = PLAIN,
    *,
    lr: float,
    batch_size: int = 32,
) -> float:
    """Train in place on ``count`` entries and return the mean loss; an entry repeats only once all were used.

    Data and tensors of the terms are moved to the network's device.

    Args:
        net: the network.
        data: inputs, classes and, where entries are weighted, weights of any scale.
        count: entries to train on in all.
        seed: of their order.
        terms: the terms of the loss besides cross-entropy.
        lr: learning rate of SGD.
        batch_size: entries of a step.
    """
    device, size, draws = device_of(net), len(data[1]), generator(seed, "order")
    order = torch.cat([torch.randperm(size, generator=draws) for _ in range(-(-count // size))])[:count].to(device)
    data, terms = to_device(data, device), to_device(terms, device)
    first = [p.detach().clone() for p in net.parameters()]
    total, mean = 0.0, data[2].mean() if len(data) > 2 else 1.0

    def loss(index: Tensor) -> Tensor:
        x, y, *weight = select_entries(data, index)
        if weight:
            value: Tensor = (F.cross_entropy(net(x), y, reduction="none") * weight[0]).mean() / mean
        else:
            value = _loss(net, x, y, None if terms.logits is None else terms.logits[index], terms, draws)
        if terms.proximal:
            pairs = zip(net.parameters(), first, strict=True)
            value = value + terms.proximal / 2 * sum((p - q).square().sum() for p, q in pairs)
        return value

    def correct() -> None:
        for p, correction in zip(net.parameters(), terms.correction, strict=False):
            assert p.grad is not None
            p.grad += correction

    def add(index: Tensor, value: Tensor) -> None:
        nonlocal total
        total += value.item() * len(index)

    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    training = loop.Training(net, optimizer, loss, after_backward=correct, after_step=add)
    loop.train(training, lambda epoch: order.split(batch_size))
    return total / count


def _loss(
    net: nn.Module, x: Tensor, y: Tensor, logits: Tensor | None, terms: LossTerms, draws: torch.Generator
) -> Tensor:
    if terms.contrast or terms.extra:
        assert isinstance(net, ConvNet)
        anchors, labels = terms.anchors or (x[:0], y[:0])
        if terms.num_anchors is not None:
            index = torch.randperm(len(labels), generator=draws)[: terms.num_anchors]
            anchors, labels = anchors[index], labels[index]
        embedded = net.embed(torch.cat([x, anchors]))
        out = net.head(embedded[: len(y)])
    else:
        out = net(x)
    loss = F.cross_entropy(out, y) if logits is None else distillation(out, logits, terms.kd_temperature)
    if terms.contrast:
        loss = loss + terms.contrast * contrastive(embedded, torch.cat([y, labels]), terms.temperature)
    return loss + terms.extra(x, embedded) if terms.extra else loss


def distillation(ours: Tensor, theirs: Tensor, temperature: float) -> Tensor:
    r"""Distillation loss of a student to a teacher (Hinton et al., 2015, https://arxiv.org/abs/1503.02531).

    .. math:: L = \frac{\tau^2}{n} \sum_i KL\big(\mathrm{softmax}(t_i / \tau) \,\|\, \mathrm{softmax}(s_i / \tau)\big)

    Args:
        ours: logits s of the student, ``[n, C]``.
        theirs: logits t of the teacher, ``[n, C]``.
        temperature: of both.

    Example:
        >>> logits = torch.tensor([[1.0, 2.0]])
        >>> distillation(logits, logits + 3, 2.0).item()
        0.0
    """
    student, teacher = ((logits / temperature).log_softmax(dim=1) for logits in (ours, theirs))
    return temperature**2 * F.kl_div(student, teacher, log_target=True, reduction="batchmean")


def train_teacher(part: ClientData, seed: int, steps: int, device: torch.device | str = "cpu") -> nn.Module:
    """A client's teacher: trained on all of its real images, augmented; the checkpoint that is best on validation.

    Args:
        part: the client's data.
        seed: of weights and batches.
        steps: of Adam.
        device: device of the training; the teacher comes back to the CPU. (default: the CPU)
    """
    net = network(part.facts, seed).to(device)
    how = FitConfig(steps=steps, batch_size=64, eval_every=max(1, steps // 10))
    valid, views = part.valid, Augment().each
    fit(net, *part.train, valid=valid, metric="accuracy", task="multiclass", config=how, augment=views, seed=seed)
    return net.cpu()


def contrastive(z: Tensor, y: Tensor, temperature: float) -> Tensor:
    r"""Supervised contrastive loss (Khosla et al., NeurIPS 2020, https://arxiv.org/abs/2004.11362).

    .. math:: L = -\frac{1}{n} \sum_i \frac{1}{|P_i|} \sum_{p \in P_i}
        \log \frac{\exp(z_i \cdot z_p / \tau)}{\sum_{a \ne i} \exp(z_i \cdot z_a / \tau)}

    Args:
        z: embeddings ``[n, d]``; scaled to length 1 here.
        y: classes ``[n]``; entries alone in their class do not count.
        temperature: of the softmax.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> contrastive(z, torch.tensor([0, 0, 1, 1]), 0.1) < contrastive(z, torch.tensor([0, 1, 0, 1]), 0.1)
        tensor(True)
    """
    z = F.normalize(z, dim=1)
    others = ~torch.eye(len(z), dtype=torch.bool, device=z.device)
    scores = (z @ z.T / temperature).masked_fill(~others, -torch.inf)
    logs = scores.log_softmax(dim=1).masked_fill(~others, 0)
    positive = (y[:, None] == y) & others
    counts = positive.sum(dim=1)
    kept = counts > 0
    if not kept.any():
        return z.sum() * 0
    return -((logs * positive).sum(dim=1)[kept] / counts[kept]).mean()


def pseudo_gradient(old: nn.Module, new: nn.Module, lr: float) -> list[Tensor]:
    """The gradient of one step of SGD that would do what a round did: old minus new weights over the learning rate."""
    pairs = zip(old.parameters(), new.parameters(), strict=True)
    return [((before - after) / lr).detach() for before, after in pairs]
