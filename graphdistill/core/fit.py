"""The one training loop: weights, hard or soft labels, a checkpoint chosen on validation, progress."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.data import Metric, Task
from graphdistill.core.forest import Forest
from graphdistill.core.metrics import loss_per_graph, score
from graphdistill.core.networks import GNN
from graphdistill.core.randomness import generator, scoped


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How networks are trained; the same for every row of a report."""

    steps: int = 300
    """Optimiser steps."""
    batch_size: int = 512
    """Graphs per step; smaller sets are used whole."""
    lr: float = 3e-3
    """Step size of Adam; decays to zero by a cosine."""
    weight_decay: float = 1e-4
    """Decoupled weight decay (AdamW)."""
    eval_every: int = 20
    """Steps between looks at validation."""
    patience: int = 10
    """Looks without improvement before stopping early."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "eval_every", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")


@dataclass(frozen=True)
class Fitted:
    """What training gave: the best validation score, the step that had it, and the seconds of the steps alone."""

    valid: float
    step: int
    seconds: float


def fit(
    model: GNN,
    train: Forest,
    y: Tensor,
    *,
    valid: tuple[Forest, Tensor],
    metric: Metric,
    task: Task,
    weight: Tensor | None = None,
    config: FitConfig = FitConfig(),
    seed: int = 0,
) -> Fitted:
    """Train a network in place and leave it at the checkpoint that validation liked best.

    The untrained network is no candidate. Dropout and batches are drawn from streams of ``seed``.

    Args:
        model: the network.
        train: training graphs as a forest of the network's depth.
        y: labels, hard long ``[n]``, soft float ``[n, C]``, or float ``[n, T]`` with NaN.
        valid: forest and labels that checkpoints are chosen on.
        metric: as the data set says.
        task: as the data set says.
        weight: importance of each graph, float ``[n]``; scaled to mean 1. (default: all equal)
        config: steps, step size, patience.
        seed: for batches and dropout.

    Returns:
        The best validation score, its step and the seconds spent on training steps.
    """
    weight = torch.ones(len(train)) if weight is None else weight
    weight = weight.float() * (len(weight) / weight.sum())
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    batches, queue = generator(seed, "batches"), torch.empty(0, dtype=torch.long)
    best, best_step, best_state, seconds = -1.0, 0, copy.deepcopy(model.state_dict()), 0.0
    with scoped(seed, "dropout"):
        for step in range(1, config.steps + 1):
            start = time.perf_counter()
            model.train()
            batch, rows = train, torch.arange(len(train))
            if len(train) > config.batch_size:
                if len(queue) < config.batch_size:
                    queue = torch.cat([queue, torch.randperm(len(train), generator=batches)])
                rows, queue = queue[: config.batch_size], queue[config.batch_size :]
                batch = train.subset(rows)
            loss = (loss_per_graph(model(batch), y[rows], task) * weight[rows]).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            seconds += time.perf_counter() - start
            if step % config.eval_every == 0 or step == config.steps:
                here = score(predict(model, valid[0]), valid[1], metric)
                if here > best or not best_step:
                    best, best_step, best_state = here, step, copy.deepcopy(model.state_dict())
                elif step - best_step >= config.patience * config.eval_every:
                    break
    model.load_state_dict(best_state)
    return Fitted(best, best_step, seconds)


@torch.no_grad()
def predict(model: GNN, forest: Forest) -> Tensor:
    """Logits of all graphs in evaluation mode, ``[G, C]``."""
    model.eval()
    logits: Tensor = model(forest)
    return logits
