"""Trainings written down naively: torch's own optimisers on torch's own modules, one loop each."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def flat_naive(net: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(net.parameters()).detach().clone()


def student_naive(net: nn.Module, x: Any, y: Tensor, lr: float, steps: int) -> Tensor:
    """Where so many steps of SGD on all of a set lead a copy of a network."""
    net = copy.deepcopy(net)
    optimizer = torch.optim.SGD(net.parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    return flat_naive(net)


def entropy_naive(neighbours: list[list[float]]) -> float:
    """Entropy of the mean of some distributions over classes, one class at a time."""
    total = 0.0
    for column in zip(*neighbours, strict=True):
        share = sum(column) / len(column)
        total -= share * math.log(share) if share else 0.0
    return total


def sharpness_naive(net: nn.Module, x: Any, y: Tensor, rho: float, alpha: float) -> Tensor:
    """The direction of a step to flat places, of a network's own parameters."""
    net = copy.deepcopy(net)
    first = torch.autograd.grad(F.cross_entropy(net(x), y), list(net.parameters()))
    with torch.no_grad():
        parts = [(p.abs() * g).square().sum().item() for p, g in zip(net.parameters(), first, strict=True)]
        length = math.sqrt(sum(parts))
        for p, g in zip(net.parameters(), first, strict=True):
            p += rho * p.abs() * p.abs() * g / length
    second = torch.autograd.grad(F.cross_entropy(net(x), y), list(net.parameters()))
    g, there = (torch.cat([part.flatten() for part in parts]) for parts in (first, second))
    unit = there / there.norm()
    return there - alpha * (g - (g @ unit) * unit)
