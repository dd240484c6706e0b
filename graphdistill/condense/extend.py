"""What a method of your own needs: an objective, a recipe, and the loop that all methods of this family run on.

Example:
    A method compares a set with real data on a network; everything else is its recipe.

    >>> from dataclasses import dataclass
    >>> from graphdistill import load
    >>> @dataclass(frozen=True)
    ... class MeanMatch:
    ...     def accumulate(self, step: Step) -> float:
    ...         x, y = step.real.sample(16, step.generator)
    ...         wanted = class_moments(x.flatten(1), y, step.real.num_classes).mean
    ...         found = step.synthetic.inputs().flatten(1)
    ...         return step.synthetic.backward((found - wanted).square().mean())
    >>> recipe = Recipe(objective=MeanMatch(), schedule=Schedule(), steps=5, lr=10.0)
    >>> len(distill_by(recipe, load("digits"), per_class=1))
    10
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch_geometric.data import Data

from graphdistill.condense.data.images import TrainingImages
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import Objective, Recipe, Step, gradient, row_distance
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.condense.matching.steps import NotFinite, learn
from graphdistill.condense.methods.dm import MomentMatch
from graphdistill.core import randomness
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.evaluation.protocol import valid_score
from graphdistill.core.scatter import class_moments
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.augment import Augment
from graphdistill.datasets import as_dataset

__all__ = [
    "Augment",
    "LearnableSet",
    "MomentMatch",
    "NotFinite",
    "Objective",
    "Recipe",
    "Schedule",
    "Step",
    "TrainingImages",
    "class_moments",
    "distill_by",
    "gradient",
    "learn",
    "row_distance",
]


def distill_by(
    recipe: Recipe,
    data: Dataset | Data | Sequence[Data],
    per_class: int = 10,
    *,
    generator: torch.Generator | None = None,
    checks: int = 5,
    patience: int = 3,
    progress: Progress = NO_PROGRESS,
    checkpoint: Path | None = None,
    resume: bool = False,
    device: torch.device | str = "cpu",
) -> SyntheticSet:
    """Learn a set by a recipe of your own; validation chooses among its states, the initial one included.

    Args:
        recipe: objective, networks, augmentation, steps.
        data: as :func:`graphdistill.distill_condense` takes it.
        per_class: images, nodes, graphs or rows of each class. (default: 10)
        generator: source of all randomness. (default: seed 0)
        checks: validation checks after the one at the start. (default: 5)
        patience: validation checks without improvement after which learning stops. (default: 3)
        progress: shows a bar with the loss.
        checkpoint: file that the state is written to at every validation check. (default: none is written)
        resume: whether to continue from that file, if it exists. (default: no)
        device: device of the networks, of the training data and of the set while it is learnt. (default: the CPU)

    Returns:
        The set, on the CPU; ``meta`` has the validation checks and the seconds.

    Raises:
        ValueError: data that cannot be used, a class with too few entries, or a checkpoint of another run.
    """
    protocol = protocol_of(as_dataset(data), device=device)
    training = training_data_of(protocol)
    training.check_per_class(per_class)
    return distill(
        training,
        per_class,
        recipe,
        validate=recipe.validate or (lambda synthetic: valid_score(protocol, synthetic)),
        generator=randomness.generator(0, "condense") if generator is None else generator,
        checks=checks,
        patience=patience,
        progress=progress,
        checkpoint=checkpoint,
        resume=resume,
    )
