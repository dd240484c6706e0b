"""The optimizer of a set: SGD or Adam, a cosine, a running average, and a state for checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from graphdistill.condense.matching.objective import Recipe

AVERAGE = "average"


class SetOptimizer:
    """Optimizer of the learnt tensors, as a recipe defines it.

    Args:
        recipe: optimizer, step sizes, running average.
        parameters: learnt tensors, by name.
        scale: factor on all step sizes. (default: 1)

    Example:
        >>> from graphdistill.condense.methods.dm import MomentMatch
        >>> x = torch.ones(1, requires_grad=True)
        >>> set_optimizer = SetOptimizer(Recipe(objective=MomentMatch(), schedule=None, steps=2, lr=0.5), {"x": x})
        >>> x.sum().backward()
        >>> set_optimizer.step(0.0)
        >>> x.item(), set_optimizer.state()["x.momentum_buffer"].item()
        (0.5, 1.0)
    """

    def __init__(self, recipe: Recipe, parameters: Mapping[str, Tensor], scale: float = 1.0):
        self.recipe, self.parameters = recipe, dict(parameters)
        lrs = recipe.lr if isinstance(recipe.lr, Mapping) else dict.fromkeys(parameters, recipe.lr)
        if missing := parameters.keys() - lrs.keys():
            raise ValueError(f"lr has no step size for {', '.join(sorted(missing))}; it has {', '.join(sorted(lrs))}")
        self.lrs = [lrs[name] * scale for name in parameters]
        groups = [{"params": [value], "lr": lr} for value, lr in zip(parameters.values(), self.lrs, strict=True)]
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.Adam(groups, betas=recipe.betas)
            if recipe.optimizer == "adam"
            else torch.optim.SGD(groups, momentum=recipe.momentum)
        )
        self.averages = {name: value.detach().clone() for name, value in self.parameters.items()}

    def step(self, fraction_done: float) -> None:
        """Take a step along the gradients and clear them; ``fraction_done`` is the share of steps taken so far."""
        for group, lr in zip(self.optimizer.param_groups, self.lrs, strict=True):
            group["lr"] = lr * (1 + math.cos(math.pi * fraction_done)) / 2 if self.recipe.cosine else lr
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def update_ema(self) -> None:
        """Update the running average."""
        for name, average in self.averages.items():
            average.lerp_(self.parameters[name], 1 - self.recipe.average)

    def state(self) -> dict[str, Tensor]:
        """Copies on the CPU of all tensors that the next step depends on, except for the parameters."""
        out = {}
        for name, value in self.parameters.items():
            for key, tensor in self.optimizer.state[value].items():
                out[f"{name}.{key}"] = torch.as_tensor(tensor).detach().to("cpu", copy=True)
            if self.recipe.average:
                out[f"{name}.{AVERAGE}"] = self.averages[name].to("cpu", copy=True)
        return out

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore a :meth:`state`."""
        for full, tensor in state.items():
            name, _, key = full.rpartition(".")
            if key == AVERAGE:
                self.averages[name].copy_(tensor)
            else:
                parameter = self.parameters[name]
                # Adam counts its steps on the CPU.
                device = "cpu" if key == "step" else parameter.device
                self.optimizer.state[parameter][key] = tensor.to(device, copy=True)
