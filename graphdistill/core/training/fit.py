"""The training loop: sample weights, hard or soft labels, the checkpoint with the best validation score."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from graphdistill.core.data.datasets import Metric, Task
from graphdistill.core.networks.graph_gcn import GraphBatch
from graphdistill.core.networks.node_gcn import Nodes
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.metrics import per_sample_loss, score
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.core.trees.forest import Forest

CHUNK = 64
"""Images per forward pass without gradients: 2.4 times as fast as 640 on a CPU."""
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
        for name in ("steps", "batch_size", "eval_every", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")


@dataclass(frozen=True)
class FitResult:
    """Result of a training.

    Attributes:
        valid: validation score of the checkpoint that was kept.
        step: optimizer step of the checkpoint, or its epoch where training counts epochs.
        seconds: seconds of training; :func:`fit` counts the steps without the validation checks.
    """

    valid: float
    step: int
    seconds: float


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

    The untrained network is not a candidate. Dropout, batches and augmentations are drawn from streams of ``seed``.

    Args:
        model: the network.
        train: training graphs as a forest of the network's depth, nodes, or images ``[n, ...]``.
        y: labels, hard long ``[n]``, soft float ``[n, C]``, or float ``[n, T]`` with NaN.
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
    seed: int = 0,
) -> list[FitResult]:
    """Train several networks on shared batches, each with the same result as by :func:`fit`.

    Arguments and errors are those of :func:`fit`; ``models`` are the networks.

    Returns:
        The result of :func:`fit` for each network; its seconds include the making of the batches.
    """
    weight = torch.ones(len(train)) if weight is None else weight
    weight = weight.float() * (len(weight) / weight.sum())
    views, size = generator(seed, "views"), min(config.batch_size, len(train))
    batches = RepeatedRandomSampler(len(train), size, generator(seed, "batches"))
    with scoped(seed, "dropout"):
        runs = [_Run(model, config) for model in models]
        for step in range(1, config.steps + 1):
            active = [run for run in runs if not run.stopped]
            if not active:
                break
            start = time.perf_counter()
            batch: Any = train
            index = torch.arange(len(train))
            if len(train) > size:
                index = batches.round()
                batch = train[index] if isinstance(train, Tensor) else train.subset(index)
            batch = batch if augment is None else augment(batch, views)
            label, importance = y[index], weight[index]
            spent = time.perf_counter() - start
            for run in active:
                run.step(batch, label, importance, task, spent)
                if step % config.eval_every == 0 or step == config.steps:
                    run.check(score(predict(run.model, valid[0]), valid[1], metric), step)
    return [run.finish() for run in runs]


class _Run:
    """One network in training: its optimizer, random state of dropout, and best checkpoint."""

    def __init__(self, model: nn.Module, config: FitConfig):
        self.model, self.config = model, config
        # All parameters are views of one vector: bitwise the same update in a third of the time.
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.flat = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in self.parameters]))
        views = self.flat.detach().split([p.numel() for p in self.parameters])
        for p, view in zip(self.parameters, views, strict=True):
            p.data = view.view_as(p)
        self.optimizer = torch.optim.AdamW([self.flat], lr=config.lr, weight_decay=config.weight_decay)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, config.steps)
        self.random, self.stopped = torch.get_rng_state(), False
        self.best, self.best_step, self.seconds = -1.0, 0, 0.0
        self.state = copy.deepcopy(model.state_dict())
        model.train()

    def step(self, batch: Any, y: Tensor, weight: Tensor, task: Task, spent: float) -> None:
        """Take one step; ``spent`` seconds were spent on the batch."""
        start = time.perf_counter()
        torch.set_rng_state(self.random)
        loss = (per_sample_loss(self.model(batch), y, task) * weight).mean()
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True)
        self.flat.grad = torch.cat([g.reshape(-1) for g in gradients])
        self.optimizer.step()
        self.schedule.step()
        self.random = torch.get_rng_state()
        self.seconds += spent + time.perf_counter() - start

    def check(self, valid: float, step: int) -> None:
        """Keep the checkpoint if its validation score is the best so far; stop when patience is used up."""
        if valid > self.best or not self.best_step:
            self.best, self.best_step, self.state = valid, step, copy.deepcopy(self.model.state_dict())
        elif step - self.best_step >= self.config.patience * self.config.eval_every:
            self.stopped = True
        self.model.train()

    def finish(self) -> FitResult:
        """Load the best checkpoint."""
        self.model.eval()
        for p in self.parameters:
            p.data = p.data.clone()
        self.model.load_state_dict(self.state)
        return FitResult(self.best, self.best_step, self.seconds)


@torch.no_grad()
def predict(model: nn.Module, inputs: Inputs) -> Tensor:
    """Logits of all graphs, nodes or images in evaluation mode, ``[n, C]``."""
    model.eval()
    return torch.cat([model(part) for part in chunks(inputs)])


def chunks(inputs: Inputs) -> Sequence[Inputs]:
    """Inputs in chunks: images in few, so that feature maps fit into the cache; graphs and nodes at once."""
    return inputs.split(CHUNK) if isinstance(inputs, Tensor) else (inputs,)
