"""Supervised training: sample weights, hard or soft labels, the checkpoint with the best validation score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from graphdistill.core.config_checks import check_positive
from graphdistill.core.data.datasets import REGRESSION, Metric, Task
from graphdistill.core.data.tensors import target_moments, to_device
from graphdistill.core.device import device_of
from graphdistill.core.networks.graph_gcn import GraphBatch
from graphdistill.core.networks.node_gcn import Nodes
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.loop import BestScore, LeastLoss, Training, train_together
from graphdistill.core.training.loop import FitResult as FitResult
from graphdistill.core.training.metrics import per_sample_loss, score
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.core.trees.forest import Forest

CHUNK = 64
"""Images per forward pass without gradients: 2.4 times as fast as 640 on a CPU."""
GPU_CHUNK = 2048
"""Images per forward pass without gradients on a GPU, where small chunks cost more to launch than to compute."""
Inputs = Forest | GraphBatch | Nodes | Tensor
"""Network inputs: graphs, nodes of one graph, or images."""
InputType = TypeVar("InputType", Forest, Nodes, Tensor)


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """Training hyperparameters, the same for every row of a report."""

    steps: int = 300
    """Number of optimizer steps."""
    batch_size: int = 512
    """Graphs or images per step; a smaller set is used whole."""
    lr: float = 3e-3
    """Learning rate of AdamW, with cosine decay to zero."""
    weight_decay: float = 1e-4
    """Decoupled weight decay (AdamW)."""
    eval_every: int = 20
    """Steps between validation checks."""
    patience: int = 10
    """Validation checks without improvement before training stops early."""

    def __post_init__(self) -> None:
        check_positive(self, "steps", "batch_size", "eval_every", "patience")


def fit(
    model: nn.Module,
    train: InputType,
    y: Tensor,
    *,
    valid: tuple[InputType, Tensor],
    metric: Metric,
    task: Task,
    weight: Tensor | None = None,
    config: FitConfig = FitConfig(),
    augment: Callable[[InputType, torch.Generator], InputType] | None = None,
    seed: int = 0,
) -> FitResult:
    """Train a network in place and leave it at the checkpoint that is best on validation.

    The training data are moved to the network's device. The untrained network is not a candidate. Dropout, batches
    and augmentations are drawn from streams of ``seed``.

    Args:
        model: the network.
        train: training graphs as a forest of the network's depth, nodes, or images ``[n, ...]``.
        y: labels, hard long ``[n]``, soft float ``[n, C]``, or tasks or targets, float ``[n, T]`` with NaN. Squared
            errors of targets are relative to their variance in ``y``.
        valid: inputs and labels that checkpoints are chosen on.
        metric: metric of the data set.
        task: task of the data set.
        weight: loss weight of each entry, float ``[n]``; scaled to mean 1. (default: all equal)
        config: training hyperparameters.
        augment: augmentation of the inputs of a step. (default: none)
        seed: seed of batches, dropout and augmentations.

    Returns:
        The best validation score, its step and the seconds spent on training steps.
    """
    (fitted,) = fit_together(
        [model],
        train,
        y,
        valid=valid,
        metric=metric,
        task=task,
        weight=weight,
        config=config,
        augment=augment,
        seed=seed,
    )
    return fitted


def fit_together(
    models: Sequence[nn.Module],
    train: InputType,
    y: Tensor,
    *,
    valid: tuple[InputType, Tensor],
    metric: Metric,
    task: Task,
    weight: Tensor | None = None,
    config: FitConfig = FitConfig(),
    augment: Callable[[InputType, torch.Generator], InputType] | None = None,
    attack: Callable[[nn.Module, InputType, Tensor], InputType] | None = None,
    seed: int = 0,
) -> list[FitResult]:
    """Train several networks on shared batches, each with the same result as by :func:`fit`.

    Arguments and errors are those of :func:`fit`; ``models`` are the networks, and ``attack`` changes the inputs of a
    step for each of them, from the network, inputs and labels, as in adversarial training. (default: none)

    Returns:
        The result of :func:`fit` for each network; its seconds include the making of the batches.
    """
    device, count = device_of(models[0]), len(train)
    weight = torch.ones(count) if weight is None else weight
    weight = weight.float() * (len(weight) / weight.sum())
    train, y, weight = to_device((train, y, weight), device)
    inputs, labels = to_device(valid[0], device), valid[1]
    deviation = target_moments(y)[1] if task == "regression" else None
    views, size = generator(seed, "views"), min(config.batch_size, count)
    sampler = RepeatedRandomSampler(count, size, generator(seed, "batches"))

    def batches(step: int) -> Iterator[_Batch]:
        batch: Any = train
        index = torch.arange(count, device=device)
        if count > size:
            index = sampler.round().to(device)
            batch = train[index] if isinstance(train, Tensor) else train.subset(index)
        yield batch if augment is None else augment(batch, views), y[index], weight[index]

    def training_of(model: nn.Module) -> Training[_Batch]:
        optimizer = _FlatAdamW(model, config)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)

        def loss(batch: _Batch) -> Tensor:
            x, label, importance = batch
            if attack is not None:
                x = attack(model, x, label)
            return (per_sample_loss(model(x), label, task, deviation) * importance).mean()

        def check() -> float:
            return score(predict(model, inputs), labels, metric)

        def after_step(batch: _Batch, value: Tensor) -> None:
            schedule.step()

        keep = LeastLoss() if metric in REGRESSION else BestScore()
        return Training(model, optimizer, loss, check, keep, config.patience, after_step=after_step)

    with scoped(seed, "dropout"):
        trainings = [training_of(model) for model in models]
        fitted = train_together(trainings, batches, config.steps, eval_every=config.eval_every)
    for training in trainings:
        assert isinstance(training.optimizer, _FlatAdamW)
        training.optimizer.release()
    return fitted


_Batch = tuple[Any, Tensor, Tensor]
"""Inputs, labels and weights of a step."""


class _FlatAdamW(torch.optim.AdamW):
    """AdamW on one vector that all parameters are views of: bitwise the same update in a third of the time."""

    def __init__(self, model: nn.Module, config: FitConfig):
        self.views = [p for p in model.parameters() if p.requires_grad]
        self.flat = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in self.views]))
        parts = self.flat.detach().split([p.numel() for p in self.views])
        for p, part in zip(self.views, parts, strict=True):
            p.data = part.view_as(p)
        super().__init__([self.flat], lr=config.lr, weight_decay=config.weight_decay)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of the views."""
        for p in self.views:
            p.grad = None

    def step(self, closure: Callable[[], float]) -> float:  # type: ignore[override]  # the gradient comes from it
        """Take a step along the gradient that ``closure`` computes."""
        loss = closure()
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.views]
        self.flat.grad = torch.cat([gradient.reshape(-1) for gradient in gradients])
        super().step()
        return loss

    def release(self) -> None:
        """Give each parameter memory of its own again."""
        for p in self.views:
            p.data, p.grad = p.data.clone(), None


@torch.no_grad()
def predict(model: nn.Module, inputs: Inputs) -> Tensor:
    """Logits of all graphs, nodes or images in evaluation mode, ``[n, C]``, on the CPU.

    Inputs are moved to the network's device.
    """
    model.eval()
    return torch.cat([model(part) for part in chunks(to_device(inputs, device_of(model)))]).cpu()


def chunks(inputs: Inputs) -> Sequence[Inputs]:
    """Inputs in chunks: images in few, so that feature maps fit into the cache; graphs and nodes at once."""
    if not isinstance(inputs, Tensor):
        return (inputs,)
    parts: Sequence[Tensor] = inputs.split(CHUNK if inputs.device.type == "cpu" else GPU_CHUNK)
    return parts
