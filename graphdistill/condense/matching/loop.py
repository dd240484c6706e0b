"""Learning a set with validation checks: the best set is returned, a run can be resumed, and it stops early."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path

import torch
from torch import Tensor

from graphdistill import __version__
from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.training_data import TrainingData
from graphdistill.condense.matching.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from graphdistill.condense.matching.objective import Recipe
from graphdistill.condense.matching.optimizer import SetOptimizer
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.condense.matching.steps import NotFinite, learn
from graphdistill.core import randomness
from graphdistill.core.command.paths import expanded
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.digest import digest
from graphdistill.core.sets.synthetic import SyntheticSet


class Diverged(NotFinite):
    """The loss or a value of the set is not finite; the best set until then is kept.

    Attributes:
        good: the best set on validation until then.
        good_step: step of that set.
    """

    def __init__(self, step: int, loss: float, good: SyntheticSet, good_step: int):
        super().__init__(step, loss)
        self.good, self.good_step = good, good_step


def distill(
    real: TrainingData,
    per_class: int,
    recipe: Recipe,
    *,
    validate: Callable[[SyntheticSet], float],
    generator: torch.Generator,
    checks: int = 5,
    patience: int = 3,
    facts: Mapping[str, object] | None = None,
    progress: Progress = NO_PROGRESS,
    checkpoint: Path | None = None,
    resume: bool = False,
    spent: float = 0.0,
) -> SyntheticSet:
    """Learn a set by a recipe on the device of the training data, and return the best one on validation.

    The initial set, random real data by default, is a candidate, too: it is returned if learning does not help.
    Randomness is seeded by the step, so an interrupted and resumed run gives the same bytes on the same number of
    threads of the same kind of processor; others round products and sums differently.

    Args:
        real: the training data.
        per_class: entries of each class.
        recipe: objective, networks, augmentation, steps.
        validate: score of a set on validation, larger is better; called at the start and at every validation check.
        generator: one number is sampled from it, the seed of everything else.
        checks: validation checks after the one at the start. (default: 5)
        patience: validation checks without improvement after which a run stops. (default: 3)
        facts: entries of ``meta``. Except for ``dataset``, they must be the same where a run is resumed, as must the
            content of the data, the recipe and the versions. (default: none)
        progress: shows a bar with the loss.
        checkpoint: file that the state is written to at every validation check. (default: none is written)
        resume: whether to continue from that file, if it exists. (default: no)
        spent: seconds spent before, such as on experts. (default: 0)

    Raises:
        ValueError: there are no checks or no patience, or the checkpoint is of other data, another recipe or another
            version.
        Diverged: as in :func:`distill_condense`.
    """
    for name, value in (("checks", checks), ("patience", patience)):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")
    started = time.perf_counter() - spent
    seed = int(torch.randint(2**62, (), generator=generator))
    checkpoint = None if checkpoint is None else expanded(checkpoint)
    facts = {**(facts or {}), "steps": recipe.steps, "seed": seed}
    synthetic = recipe.initial_set(real.init_random(per_class, randomness.generator(seed, "start"))).to(real.device)
    schedule = recipe.schedule or Schedule()
    # Checks are at steps with a fresh network, so that a checkpoint need not hold one.
    every = math.ceil(recipe.steps / checks / schedule.outer) * schedule.outer
    identity = (
        {}
        if checkpoint is None
        else _identity(real, recipe, {**facts, "validation_checks": checks, "patience": patience})
    )
    state = Checkpoint.initial(synthetic.parameters(), identity)
    if resume and checkpoint is not None and checkpoint.is_file():
        state = read_checkpoint(checkpoint, identity, synthetic.parameters())
        _load(synthetic, state.now)
        started -= state.seconds
    set_optimizer, step = SetOptimizer(recipe, synthetic.parameters(), state.scale), state.step
    set_optimizer.load(state.memory)
    steps = learn(synthetic, real, recipe, seed, optimizer=set_optimizer, first=step)
    with progress.step(f"distilling by {facts.get('method', 'a recipe')}", recipe.steps) as advance:
        advance(step)
        while True:
            due = step % every == 0 or step == recipe.steps
            if due and step not in dict(state.checks):
                now = _copies(synthetic.parameters())
                shown = _copies(set_optimizer.averages) if recipe.average else now
                _load(synthetic, shown)
                score = validate(synthetic.freeze())
                _load(synthetic, now)
                seconds = time.perf_counter() - started
                state = state.after_check(
                    score, shown, step=step, now=now, memory=set_optimizer.state(), seconds=seconds
                )
                if checkpoint is not None:
                    write_checkpoint(checkpoint, state)
            if step == recipe.steps or state.checks_since_best >= patience:
                break
            try:
                loss = next(steps)
            except NotFinite as error:
                if checkpoint is not None:
                    write_checkpoint(checkpoint, state.slower())
                _load(synthetic, state.best)
                raise Diverged(step, error.loss, synthetic.freeze(facts), state.best_check[0]) from error
            step += 1
            advance(1, f"loss {loss:.4g}")
    _load(synthetic, state.best)
    chosen, valid = state.best_check
    outcome = {"chosen_step": chosen, "valid": valid, "checks": [list(check) for check in state.checks]}
    lrs = dict(recipe.lr) if isinstance(recipe.lr, Mapping) else recipe.lr
    settings = {"lr": lrs, "optimizer": recipe.optimizer, "schedule": asdict(schedule)}
    return synthetic.freeze({**facts, **settings, **outcome, "seconds": time.perf_counter() - started})


def _identity(real: TrainingData, recipe: Recipe, facts: Mapping[str, object]) -> dict[str, object]:
    """Identity of a run: the content of data and recipe, never a name or a path."""
    parts = {
        f.name: getattr(recipe, f.name) for f in fields(recipe) if f.name not in ("objective", "start", "validate")
    }
    parts["objective"] = type(recipe.objective).__qualname__
    if isinstance(recipe.start, LearnableSet):
        parts["start"] = recipe.start.parameters()
    return {
        "data_digest": facts.get("data_digest") or digest((real.y, real.flat())),
        "recipe_digest": digest(parts),
        "graphdistill": __version__,
        "torch": str(torch.__version__),
        **{name: value for name, value in facts.items() if name != "dataset"},
    }


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU."""
    return {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}


@torch.no_grad()
def _load(synthetic: LearnableSet, tensors: Mapping[str, Tensor]) -> None:
    for name, value in synthetic.parameters().items():
        value.copy_(tensors[name])
