"""Make a synthetic set of images, nodes or graphs by the method that a config names."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of, real_of
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import Recipe, Setting
from graphdistill.condense.methods import FAMILY
from graphdistill.core import randomness
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.evaluation.protocol import SetProtocol, valid_score
from graphdistill.core.methods import options_of
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.datasets import as_dataset


def distill_condense(
    data: Dataset | Data | Sequence[Data],
    config: CondenseConfig = CondenseConfig(),
    *,
    generator: torch.Generator | None = None,
    progress: Progress = NO_PROGRESS,
    checkpoint: Path | None = None,
    resume: bool = False,
    protocol: SetProtocol[Any] | None = None,
) -> SyntheticSet:
    """Make a few images, nodes or graphs out of many, by the method that the config names.

    Args:
        data: the real data, of this library or PyG graphs that :func:`graphdistill.datasets.load` reads. What is for
            training is condensed; validation chooses among what was learnt.
        config: method, entries of each class, steps.
        generator: for all that is drawn. (default: seed 0)
        progress: shows a bar with the loss.
        checkpoint: file to write the state to at every look. (default: none is written)
        resume: whether to go on from that file, where it is there. (default: no)
        protocol: of ``data``, where several sets are made of it. (default: made here)

    Returns:
        The set; ``meta`` has the method, the seconds and, of methods that learn, the looks at validation.

    Raises:
        ValueError: data that :func:`graphdistill.datasets.load` refuses, an unknown method or one for other data, a
            class without enough entries, steps where nothing is learnt, or a checkpoint that does not belong to this
            run.
        Diverged: the loss was not finite; the checkpoint stands at the last look, with half the step size.

    Example:
        >>> from graphdistill import datasets
        >>> small = distill_condense(datasets.load("digits"), CondenseConfig(method="herding", per_class=1))
        >>> len(small), small.nbytes
        (10, 650)
    """
    generator = randomness.generator(0, "condense") if generator is None else generator
    if protocol is None:
        protocol = protocol_of(as_dataset(data))
    elif protocol.data is not data:
        raise ValueError(f"protocol is of {protocol.data.name}, not of this data; make it by protocol_of(data)")
    data = protocol.data
    real = real_of(protocol)
    FAMILY.check(config.method, real.KIND)
    method, options = FAMILY.module(config.method), FAMILY.config(config.method)
    real.check_per_class(config.per_class)
    facts = {
        "method": options.name,
        "options": options_of(options),
        "dataset": data.name,
        "data_digest": data.digest,
        "per_class": config.per_class,
    }
    start = time.perf_counter()
    seed = int(torch.randint(2**62, (), generator=generator))
    setting = Setting(real, config.per_class, protocol, seed, progress)
    if hasattr(method, "select"):
        if config.steps is not None:
            raise ValueError(f"--steps is for methods that learn, but {options.name} only selects; leave it out")
        small: SyntheticSet = method.select(setting, options)
        return replace(small, meta={**facts, **small.meta, "seconds": time.perf_counter() - start})
    recipe: Recipe = method.recipe(setting, options)
    recipe = replace(recipe, steps=config.steps or recipe.steps)
    return distill(
        real,
        config.per_class,
        recipe,
        validate=lambda small: valid_score(protocol, small),
        generator=generator,
        facts=facts,
        progress=progress,
        checkpoint=checkpoint,
        resume=resume,
        spent=time.perf_counter() - start,
    )
