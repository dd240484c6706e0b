"""Some steps of SGD on a learnt set, and the gradient of their end in everything that is learnt.

The exact gradient needs no graph of all steps at once. The weights of every step are kept, and a sweep from the last
step to the first builds the graph of one step at a time, pulls back through it what is known behind it, and drops it.

Shape legend: P parameters of a network, K steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from graphdistill.core.training.fit import Inputs

Unroll = Literal["reverse", "tesla", "full"]
UNROLLS: tuple[Unroll, ...] = ("reverse", "tesla", "full")


class FlatNetwork:
    """A network as a function of one vector of all its parameters.

    Args:
        net: the architecture; its own weights are never used. It must have no running statistics and no dropout.

    Example:
        >>> linear = nn.Linear(2, 1)
        >>> net = FlatNetwork(linear)
        >>> theta, x = flat_weights(linear), torch.rand(4, 2)
        >>> theta.shape, torch.equal(net(theta, x), linear(x))
        (torch.Size([3]), True)
    """

    def __init__(self, net: nn.Module):
        self.net = net
        self.shapes = {name: value.shape for name, value in net.named_parameters()}

    def __call__(self, theta: Tensor, x: Inputs) -> Tensor:
        """Logits ``[n, C]`` with the weights ``theta`` (``[P]``)."""
        parts = theta.split([shape.numel() for shape in self.shapes.values()])
        weights = {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}
        logits: Tensor = functional_call(self.net, weights, (x,))
        return logits


def flat_weights(net: nn.Module) -> Tensor:
    """All parameters of a network in one vector, float ``[P]``."""
    return torch.cat([value.detach().reshape(-1) for value in net.parameters()])


def unrolled(
    loss: Callable[[int, Tensor], Tensor],
    log_lr: Tensor,
    start: Tensor,
    targets: Mapping[int, Tensor],
    learnt: Sequence[Tensor],
    unroll: Unroll = "reverse",
) -> tuple[float, Callable[[], list[Tensor]]]:
    r"""Distance to targets after some steps of SGD, relative to the distance before them, and its gradient.

    .. math:: \theta_{i+1} = \theta_i - \alpha \nabla_\theta \ell_i(\theta_i; S), \qquad
        L = \sum_k L_k, \quad L_k = \frac{\|\theta_k - \theta^*_k\|^2}{\|\theta_0 - \theta^*_k\|^2}

    (Cazenavette et al., CVPR 2022, where only step K has a target). With :math:`\lambda_K = \partial L_K / \partial
    \theta_K`, and :math:`L_i = 0` where step i has no target, the sweep is

    .. math:: \lambda_i = \lambda_{i+1} \frac{\partial \theta_{i+1}}{\partial \theta_i} +
        \frac{\partial L_i}{\partial \theta_i}, \qquad
        \frac{dL}{dS} = \sum_i \lambda_{i+1} \frac{\partial \theta_{i+1}}{\partial S}

    and it holds K vectors of weights and the graph of one step. TESLA (Cui et al., ICML 2023) takes the identity for
    :math:`\partial \theta_{i+1} / \partial \theta_i`, which ignores that a step affects all steps after it: nearly the
    same if :math:`\alpha K` is small, and another direction if it is large.

    Args:
        loss: of step i at weights ``[P]``. It is called for the same step more than once, so it must not be random, and
            must build a new graph from the leaves ``learnt`` in every call.
        log_lr: logarithm of the step size :math:`\alpha`, a scalar; may be among ``learnt``.
        start: initial weights, ``[P]``.
        targets: weights to reach, ``[P]``, by the number of steps after which they are compared; the last is K.
        learnt: leaves of the gradient.
        unroll: ``reverse`` (exact, one step's graph at a time), ``tesla`` (truncated), or ``full`` (exact, by the graph
            of all steps at once, whose memory grows with K). (default: ``reverse``)

    Returns:
        The loss, and a function that computes its gradient in each of ``learnt``; not calling it saves the sweep.

    Raises:
        ValueError: ``unroll`` is unknown, or there are no steps.

    Example:
        >>> x, log_lr = torch.tensor(2.0, requires_grad=True), torch.tensor(0.0)
        >>> one = torch.ones(1)
        >>> value, gradient = unrolled(lambda i, theta: (x * theta).sum(), log_lr, one, {1: 0 * one}, [x])
        >>> value, gradient()
        (1.0, [tensor(2.)])
    """
    if unroll not in UNROLLS:
        raise ValueError(f"unroll {unroll!r} is unknown; choose from {', '.join(UNROLLS)}")
    if not targets or min(targets) < 1:
        raise ValueError(f"targets must be after 1 step or more, got {sorted(targets)}")
    steps = max(targets)

    def descend(i: int, theta: Tensor, differentiable: bool) -> Tensor:
        (slope,) = torch.autograd.grad(loss(i, theta), theta, create_graph=differentiable)
        return theta - log_lr.exp() * slope

    def distance(k: int, theta: Tensor) -> Tensor:
        return (theta - targets[k]).square().sum() / (start - targets[k]).square().sum()

    states = [start.detach().clone().requires_grad_()]
    for i in range(steps):
        after = descend(i, states[-1], unroll == "full")
        states.append(after if unroll == "full" else after.detach().requires_grad_())
    value = torch.stack([distance(k, states[k]) for k in targets]).sum()

    def gradient() -> list[Tensor]:
        if unroll == "full":
            return list(torch.autograd.grad(value, learnt, materialize_grads=True))
        pull = torch.zeros_like(start)
        total = [torch.zeros_like(leaf) for leaf in learnt]
        for i in reversed(range(steps)):
            if i + 1 in targets:
                pull = pull + torch.autograd.grad(distance(i + 1, states[i + 1]), states[i + 1])[0]
            after = descend(i, states[i], True)
            wanted = [*learnt, states[i]] if unroll == "reverse" else learnt
            parts = torch.autograd.grad(after, wanted, pull, materialize_grads=True)
            for whole, part in zip(total, parts[: len(total)], strict=True):
                whole += part
            if unroll == "reverse":
                pull = parts[-1]
        return total

    return value.item(), gradient
