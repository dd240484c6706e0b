"""The one training loop: steps of an optimizer on batches, validation checks, and the checkpoint that is kept.

Networks, teachers, students, tokenizers, experts and federated clients all train through :func:`train`.
"""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.device import device_of, synchronize
from graphdistill.core.randomness import random_state, set_random_state

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class FitResult:
    """Result of a training.

    Attributes:
        valid: validation score of the checkpoint that was kept; NaN where none is chosen.
        step: epoch of the checkpoint, which is its optimizer step where an epoch has one; 0 where none is chosen.
        seconds: seconds of training, without the validation checks.
    """

    valid: float
    step: int
    seconds: float


class Keep(ABC):
    """How the checkpoint is chosen among those of the validation checks."""

    def value(self, checks: Sequence[float], last: bool) -> float | None:
        """Value of the latest checkpoint, from the values of all checks so far; ``None`` if it is no candidate.

        Args:
            checks: value of each check.
            last: whether the training ends here.
        """
        return checks[-1]

    @abstractmethod
    def better(self, value: float, best: float) -> bool:
        """Whether a checkpoint replaces the best one so far; the first candidate always is the best."""


@dataclass(frozen=True)
class BestScore(Keep):
    """Keep the checkpoint with the best score, the first of equal ones.

    Example:
        >>> BestScore().better(0.8, 0.7), BestScore().better(0.7, 0.7)
        (True, False)
    """

    def better(self, value: float, best: float) -> bool:
        """Whether the score is above the best one."""
        return value > best


@dataclass(frozen=True)
class LeastLoss(Keep):
    """Keep the checkpoint with the least loss, the last of equal ones, and none whose loss is NaN.

    Example:
        >>> LeastLoss().better(0.7, 0.8), LeastLoss().better(0.7, 0.7), LeastLoss().value([float("nan")], last=False)
        (True, True, None)
    """

    def value(self, checks: Sequence[float], last: bool) -> float | None:
        """The latest loss, unless it is NaN."""
        return checks[-1] if checks[-1] == checks[-1] else None

    def better(self, value: float, best: float) -> bool:
        """Whether the loss is at most the least one."""
        return value <= best


@dataclass(frozen=True)
class MeanOfLast(Keep):
    """Keep the checkpoint with the best mean score over its check and those before it, the last of equal ones.

    A single check on few entries is noisy.

    Attributes:
        count: checks in a mean; a checkpoint with fewer is a candidate only at the end of the training.

    Example:
        >>> MeanOfLast(2).value([0.5, 0.75, 0.25], last=False), MeanOfLast(2).value([0.5], last=False)
        (0.5, None)
    """

    count: int

    def value(self, checks: Sequence[float], last: bool) -> float | None:
        """Mean of the last checks."""
        return fmean(checks[-self.count :]) if len(checks) >= self.count or last else None

    def better(self, value: float, best: float) -> bool:
        """Whether the mean is at least the best one."""
        return value >= best


@dataclass(eq=False)
class Training(Generic[Batch]):
    """One network in training, and its best checkpoint.

    Attributes:
        module: what is trained; in training mode in steps and in evaluation mode in checks.
        optimizer: of its parameters, which alone get gradients. Its step gets a function that computes loss and
            gradients, as optimizers need that evaluate the gradient more than once.
        loss: loss of a batch; it draws nothing where the optimizer evaluates it more than once.
        check: computes the value that checkpoints are chosen by, without gradients. (default: no checks)
        keep: how the checkpoint is chosen. (default: none is; the last weights stay)
        patience: checks without improvement before the training stops early. (default: it never does)
        after_backward: called when gradients are computed; may change them. (default: nothing)
        after_step: called after each step with its batch and its loss. (default: nothing)
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[Batch], Tensor]
    check: Callable[[], float] | None = None
    keep: Keep | None = None
    patience: int | None = None
    after_backward: Callable[[], None] | None = None
    after_step: Callable[[Batch, Tensor], None] | None = None
    stopped: bool = field(default=False, init=False)
    """Whether patience is used up."""
    _best: FitResult = field(default=FitResult(float("nan"), 0, 0.0), init=False)
    _parameters: list[Tensor] = field(default_factory=list, init=False)
    _checks: list[float] = field(default_factory=list, init=False)
    _waited: int = field(default=0, init=False)
    _state: dict[str, Any] | None = field(default=None, init=False)
    _random: list[Tensor] | None = field(default=None, init=False)
    _seconds: float = field(default=0.0, init=False)

    def start(self, *, own_random_state: bool) -> None:
        """Set training mode; with ``own_random_state`` what others draw does not change what this training draws."""
        self.module.train()
        self._parameters = [p for p in self.module.parameters() if p.requires_grad]
        self._random = random_state() if own_random_state else None

    def step(self, batch: Batch, seconds: float) -> None:
        """Take one step on a batch that was made in ``seconds``."""
        start = time.perf_counter()

        def closure() -> Any:
            self.optimizer.zero_grad(set_to_none=True)
            value = self.loss(batch)
            value.backward(inputs=self._parameters)
            if self.after_backward is not None:
                self.after_backward()
            return value.detach()

        with self._drawing():
            loss: Any = self.optimizer.step(closure)
            if self.after_step is not None:
                self.after_step(batch, loss)
        self._seconds += seconds + time.perf_counter() - start

    def validate(self, epoch: int, *, last: bool) -> None:
        """Check on validation, keep the checkpoint if it is the best so far, and stop when patience is used up."""
        if self.check is None:
            return
        self._wait()
        self.module.eval()
        with torch.no_grad(), self._drawing():
            self._checks.append(self.check())
        if not self._keeps(epoch, last):
            self._waited += 1
            self.stopped = self.patience is not None and self._waited >= self.patience
        self.module.train()

    def _keeps(self, epoch: int, last: bool) -> bool:
        """Keep the checkpoint if it is the best so far; returns whether it is."""
        value = None if self.keep is None else self.keep.value(self._checks, last)
        if self.keep is None or value is None or (self._best.step and not self.keep.better(value, self._best.valid)):
            return False
        self._best, self._waited = FitResult(value, epoch, 0.0), 0
        self._state = copy.deepcopy(self.module.state_dict())
        return True

    def finish(self) -> FitResult:
        """Load the best checkpoint, where one is chosen; after checks the module is in evaluation mode."""
        self._wait()
        if self.check is not None:
            self.module.eval()
        if self._state is not None:
            self.module.load_state_dict(self._state)
        return FitResult(self._best.valid, self._best.step, self._seconds)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Draw from this training's own random state, if it has one."""
        if self._random is None:
            yield
            return
        set_random_state(self._random)
        yield
        self._random = random_state()

    def _wait(self) -> None:
        """Wait for a GPU, so that its time counts."""
        start = time.perf_counter()
        synchronize(device_of(self.module))
        self._seconds += time.perf_counter() - start


def train(
    training: Training[Batch],
    batches: Callable[[int], Iterable[Batch]],
    epochs: int = 1,
    *,
    eval_every: int = 1,
    progress: Progress = NO_PROGRESS,
    label: str = "training",
) -> FitResult:
    """Train a network in place, and load the checkpoint that is chosen.

    Dropout draws from torch's global generators; :func:`~graphdistill.core.randomness.scoped` seeds them.

    Args:
        training: the network, its optimizer, loss and checks.
        batches: batches of an epoch, a function of its number, from 1.
        epochs: number of epochs. (default: 1)
        eval_every: epochs between validation checks; the last epoch always has one. (default: 1)
        progress: shows a bar. (default: silent)
        label: what the bar shows.

    Returns:
        Value and epoch of the checkpoint, and the seconds of training.

    Example:
        >>> linear, x = nn.Linear(1, 1), torch.tensor([[1.0], [2.0]])
        >>> optimizer = torch.optim.SGD(linear.parameters(), lr=0.1)
        >>> training = Training(linear, optimizer, lambda batch: (linear(batch) - 3 * batch).square().mean())
        >>> _ = train(training, lambda epoch: [x], epochs=300)
        >>> round(linear(torch.ones(1)).item(), 1)
        3.0
    """
    (result,) = train_together([training], batches, epochs, eval_every=eval_every, progress=progress, label=label)
    return result


def train_together(
    trainings: Sequence[Training[Batch]],
    batches: Callable[[int], Iterable[Batch]],
    epochs: int = 1,
    *,
    eval_every: int = 1,
    progress: Progress = NO_PROGRESS,
    label: str = "training",
) -> list[FitResult]:
    """Train several networks on shared batches, each with the same result as by :func:`train`.

    Arguments are those of :func:`train`; each of ``trainings`` draws from a random state of its own.

    Returns:
        The result of :func:`train` for each network; its seconds include the making of the batches.
    """
    for training in trainings:
        training.start(own_random_state=len(trainings) > 1)
    for epoch in progress.track(range(1, epochs + 1), label):
        active = [training for training in trainings if not training.stopped]
        start = time.perf_counter()
        for batch in batches(epoch):
            seconds = time.perf_counter() - start
            for training in active:
                training.step(batch, seconds)
            start = time.perf_counter()
        if epoch % eval_every == 0 or epoch == epochs:
            for training in active:
                training.validate(epoch, last=epoch == epochs)
        if all(training.stopped for training in trainings):
            break
    return [training.finish() for training in trainings]
