"""What a student costs: its parameters, or the multiply-adds of a prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from graphdistill.kd.architectures.space import Choice, Space, sizes_text
from graphdistill.kd.data.view import View

CostKind = Literal["parameters", "multiply-adds"]


def parameters(network: nn.Module) -> int:
    """Number of parameters.

    Example:
        >>> parameters(nn.Linear(3, 2))
        8
    """
    return sum(weight.numel() for weight in network.parameters())


@torch.no_grad()
def multiply_adds(network: nn.Module, view: View, index: Tensor | None = None) -> int:
    """Multiply-adds of the prediction of one entry: those of matrix products and convolutions.

    A graph network predicts all nodes at once, of whose multiply-adds an entry has its share; the sums over neighbours
    are not counted.

    Args:
        network: the network.
        view: the data.
        index: entries that the mean is taken over, where entries differ; of nodes always all. (default: the first one)

    Example:
        >>> from graphdistill.datasets import load
        >>> from graphdistill.kd.data.kinds import view_of
        >>> multiply_adds(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), view_of(load("digits")))
        640
    """
    index = view.train if view.KIND == "nodes" else view.train[:1] if index is None else index
    # The fused attention of the CPU is not counted.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        view.predict(network, index)
    return int(counter.get_total_flops()) // (2 * len(index))


def cost_function(kind: CostKind, view: View) -> Callable[[nn.Module], int]:
    """The cost of a network as a function of the network alone."""
    return parameters if kind == "parameters" else lambda network: multiply_adds(network.to(view.device), view)


def affordable(space: Space, student: nn.Module, view: View, kind: CostKind, budget: int | None) -> dict[Choice, int]:
    """The choices of a space within a budget, which by default is the cost of a student, and what they cost.

    Args:
        space: the students.
        student: the student whose cost is the default budget.
        view: the data.
        kind: what is counted.
        budget: the most that a student may cost. ``None`` for the cost of ``student``.

    Raises:
        ValueError: no student of the space fits.
    """
    cost = cost_function(kind, view)
    return within(space, cost, cost(student) if budget is None else budget)


def within(space: Space, cost: Callable[[nn.Module], int], budget: int) -> dict[Choice, int]:
    """The choices of a space that cost at most a budget, and what they cost.

    Args:
        space: the students.
        cost: cost of a network.
        budget: the most that a student may cost.

    Raises:
        ValueError: no student of the space fits.

    Example:
        >>> space = Space("Linear", {"width": (2, 4)}, lambda width: nn.Linear(width, 3))
        >>> within(space, parameters, 10)
        {(2,): 9}
    """
    costs = {choice: cost(space.build(choice)) for choice in space.choices()}
    fitting = {choice: found for choice, found in costs.items() if found <= budget}
    if not fitting:
        least = min(costs, key=lambda choice: costs[choice])
        raise ValueError(
            f"--budget {budget:,} is below the cost of every {space.family} in the space; the smallest "
            f"({sizes_text(space.sizes(least))}) costs {costs[least]:,}"
        )
    return fitting
