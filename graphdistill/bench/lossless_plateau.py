"""Time to accuracy: one PyG model trained to its plateau on full batches, mini-batches, distinct trees and coded sets.

Adam at a constant rate. The score is checked on validation, outside of the clock; training ends when it has not risen
for some checks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import torch
from rich.table import Table
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.metrics import per_sample_loss, score
from graphdistill.mirage import LosslessLoader, MirageConfig, distill_mirage, lossless
from graphdistill.mirage.layered.batch import LosslessBatch

LR, FULL_LR = 1e-3, 1e-2
"""Adam's rate on mini-batches, and on full batches, where one step stands in the place of many."""
CHECKS_PER_EPOCH, FULL_STEPS = 2, 5
"""Checks in an epoch of mini-batches, and steps between checks on full batches."""
PATIENCE, MAX_CHECKS = 12, 80
"""Checks without a higher score before training ends, and checks at most."""

Epoch = Callable[[], Iterable[Any]]


@dataclass
class Curve:
    """Validation scores over the seconds of training.

    Attributes:
        before: seconds before the first step: making trees, and of a coded set distilling it.
        seconds: seconds of training at each check.
        valid: validation score at each check.
        test: test score at the best check.
        steps: steps in all.
    """

    before: float = 0.0
    seconds: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    test: float = float("nan")
    steps: int = 0

    @property
    def best(self) -> int:
        """The best check."""
        return self.valid.index(max(self.valid))

    def row(self, target: float) -> list[str]:
        """Cells: seconds until a check reaches a score and until the best, what is before, scores, steps."""
        reached = next((s for s, v in zip(self.seconds, self.valid, strict=True) if v >= target), None)
        return [
            "-" if reached is None else f"{reached:.1f}",
            f"{self.seconds[self.best]:.1f}",
            f"{self.before:.1f}",
            f"{self.valid[self.best]:.3f}",
            f"{self.test:.3f}",
            str(self.steps),
        ]


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """Training one model in several ways.

    Attributes:
        model: makes the untrained model.
        data: the data set.
        depth: layers of the model.
        batch_size: graphs in a mini-batch.
        budgets: bytes of coded sets.
        target: validation score that seconds are measured to.
        seed: seed of the weights, batches and coded sets.
    """

    model: Callable[[], nn.Module]
    data: GraphDataset
    depth: int
    batch_size: int
    budgets: tuple[int, ...]
    target: float
    seed: int

    def table(self, report: Callable[..., object]) -> Table:
        """A row for each way, which is also reported when it is done."""
        table = Table(title=f"{self.data.name}, {self.depth} layers, seed {self.seed}: seconds of one thread")
        reach = f"seconds to {self.target:g} on validation"
        for column in ("trained on", reach, "to the best", "before", "best valid", "its test", "steps"):
            table.add_column(column)
        for name, curve in self.curves():
            cells = name, *curve.row(self.target)
            report(*cells, sep="; ")
            table.add_row(*cells)
        return table

    def curves(self) -> Iterator[tuple[str, Curve]]:
        """Train in each way."""
        data = self.data
        graphs, valid, test = labelled(data, "train"), labelled(data, "valid"), labelled(data, "test")
        held = lossless(valid, self.depth, accelerate=True), lossless(test, self.depth, accelerate=True)
        trees = self._train(partial(self._whole, graphs), held, full=True)
        # Gradients are equal, so full batches take the same steps: two are timed, and stand for all.
        seconds = _full_step(self.model(), graphs, data) * FULL_STEPS
        timed = [seconds * (check + 1) for check in range(len(trees.valid))]
        yield "full batches, steps as of distinct trees", replace(trees, before=0.0, seconds=timed)
        yield "full batches of distinct trees", trees
        size = self.batch_size
        yield f"mini-batches of {size}", self._train(partial(self._ordinary, graphs), held)
        yield f"mini-batches of {size}, distinct trees", self._train(partial(self._mini, graphs), held)
        for budget in self.budgets:
            start = time.process_time()
            config, seeded = MirageConfig(bytes=budget, hops=self.depth), generator(self.seed, "mirage")
            synthetic = distill_mirage(data, config, generator=seeded)
            small = [synthetic[i] for i in range(len(synthetic))]
            before = time.process_time() - start
            full = len(small) <= size
            curve = self._train(partial(self._whole if full else self._mini, small), held, full=full)
            curve.before += before
            yield f"coded set of {budget / 1000:g} kB, {len(small):,} graphs", curve

    def _whole(self, graphs: list[Data], model: nn.Module) -> Epoch:
        batch = lossless(graphs, self.depth, accelerate=True)
        return lambda: [batch]

    def _mini(self, graphs: list[Data], model: nn.Module) -> Epoch:
        order, size = generator(self.seed, "plateau"), self.batch_size
        loader = LosslessLoader(graphs, model, self.depth, batch_size=size, shuffle=True, generator=order)
        return lambda: loader

    def _ordinary(self, graphs: list[Data], model: nn.Module) -> Epoch:
        order, size = generator(self.seed, "plateau"), self.batch_size
        # In the orders that LosslessLoader draws; DataLoader's own would be others.
        return lambda: DataLoader(
            graphs, batch_sampler=[i.tolist() for i in torch.randperm(len(graphs), generator=order).split(size)]
        )

    def _train(
        self, make: Callable[[nn.Module], Epoch], held: tuple[LosslessBatch, LosslessBatch], *, full: bool = False
    ) -> Curve:
        with scoped(self.seed, "plateau"):
            return self._train_seeded(make, held, full)

    def _train_seeded(
        self, make: Callable[[nn.Module], Epoch], held: tuple[LosslessBatch, LosslessBatch], full: bool
    ) -> Curve:
        model, clock, start = self.model(), 0.0, time.process_time()
        epoch = make(model)
        curve = Curve(time.process_time() - start)
        optimizer = torch.optim.Adam(model.parameters(), FULL_LR if full else LR)
        every = FULL_STEPS if full else max(1, len(self.data.train) // self.batch_size // CHECKS_PER_EPOCH)
        start = time.process_time()
        while True:
            for batch in epoch():
                optimizer.zero_grad()
                _loss(batch.run(model) if full else model(batch), batch, self.data).backward()
                optimizer.step()
                curve.steps += 1
                if curve.steps % every:
                    continue
                clock += time.process_time() - start
                curve.seconds.append(clock)
                curve.valid.append(_score(model, held[0], self.data))
                if curve.best == len(curve.valid) - 1:
                    curve.test = _score(model, held[1], self.data)
                if len(curve.valid) - 1 - curve.best >= PATIENCE or len(curve.valid) >= MAX_CHECKS:
                    return curve
                start = time.process_time()


def labelled(data: GraphDataset, name: Literal["train", "valid", "test"]) -> list[Data]:
    """The graphs of a split as a list of PyG graphs with their labels."""
    graphs, y = data.split(name)
    listed = [graphs[i] for i in range(len(graphs))]
    for graph, label in zip(listed, y.split(1), strict=True):
        graph.y = label
    return listed


def _loss(logits: Any, batch: Any, data: GraphDataset) -> torch.Tensor:
    loss = per_sample_loss(logits, batch.y, data.task)
    return (loss * batch.weight / batch.weight.mean()).mean() if "weight" in batch else loss.mean()


@torch.no_grad()
def _score(model: nn.Module, batch: LosslessBatch, data: GraphDataset) -> float:
    model.eval()
    value = score(batch.run(model), batch.y, data.metric)
    model.train()
    return value


def _full_step(model: nn.Module, graphs: list[Data], data: GraphDataset) -> float:
    """Least seconds of two steps on all graphs as one ordinary batch."""
    batch, seconds = next(iter(DataLoader(graphs, len(graphs)))), []
    optimizer = torch.optim.Adam(model.parameters(), FULL_LR)
    for _ in range(2):
        start = time.process_time()
        optimizer.zero_grad()
        _loss(model(batch), batch, data).backward()
        optimizer.step()
        seconds.append(time.process_time() - start)
    return min(seconds)
