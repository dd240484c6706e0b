"""Condense images, nodes, graphs or rows of a table into a synthetic set by the method of a config."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.data.training_data import TrainingData
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import MethodContext, Recipe
from graphdistill.condense.methods import FAMILY
from graphdistill.core import randomness
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.evaluation.precision import in_fewest_bits, valid_scores
from graphdistill.core.evaluation.protocol import SetProtocol, valid_score
from graphdistill.core.methods import options_of
from graphdistill.core.sets.quantized import Precision, roundable
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.datasets import as_dataset


def check_per_class(real: TrainingData, config: CondenseConfig) -> None:
    """Refuse more entries of a class than it has, unless the method draws new ones.

    Raises:
        ValueError: it has fewer.
    """
    if not getattr(FAMILY.module(config.method), "ANY_NUMBER", False):
        real.check_per_class(config.per_class)


def without_labels(config: CondenseConfig) -> bool:
    """Whether the method of a config learns from images without labels."""
    return "unlabelled images" in FAMILY.kinds(FAMILY.name_of(config.method))


def distill_condense(
    data: Dataset | Data | Sequence[Data],
    config: CondenseConfig = CondenseConfig(),
    *,
    generator: torch.Generator | None = None,
    progress: Progress = NO_PROGRESS,
    checkpoint: Path | None = None,
    resume: bool = False,
    protocol: SetProtocol[Any] | None = None,
    device: torch.device | str | None = None,
) -> SyntheticSet:
    """Condense a data set into a few synthetic images, nodes, graphs or rows of each class by a method.

    Args:
        data: the real data, of this library or PyG graphs that :func:`graphdistill.datasets.load` reads. The training
            split is condensed; validation selects the best set.
        config: method, entries of each class, steps, validation checks, bits.
        generator: source of all randomness. (default: seed 0)
        progress: shows a bar with the loss.
        checkpoint: file that the state is written to at every validation check. (default: none is written)
        resume: whether to continue from that file, if it exists. (default: no)
        protocol: of ``data``, if several sets are made of it; its device is used. (default: made here)
        device: device of the networks, of the training data and of the set while it is learnt. (default: the CPU)

    Returns:
        The set, on the CPU, in the bits of the config; ``meta`` has the method, its options, the seconds, the bits and,
        for methods that learn, the validation checks.

    Raises:
        ValueError: data that :func:`graphdistill.datasets.load` refuses, an unknown method or one for other data, a
            class without enough entries, steps or checks for a method that only selects, or a checkpoint of another
            run.
        Diverged: the loss is not finite; the checkpoint is that of the last validation check, with half the step size.

    Example:
        >>> from graphdistill import datasets
        >>> config = CondenseConfig(method="herding", per_class=1, bits="full")
        >>> synthetic = distill_condense(datasets.load("digits"), config)
        >>> len(synthetic), synthetic.nbytes
        (10, 252)

        What can be tuned in a method are the fields of its config.

        >>> from graphdistill.condense.methods import mtt
        >>> config = CondenseConfig(method=mtt.Config(experts=1, student_steps=2), per_class=1, steps=1, bits=4)
        >>> distill_condense(datasets.load("digits"), config).meta["options"]["experts"]
        1
    """
    generator = randomness.generator(0, "condense") if generator is None else generator
    if protocol is None:
        protocol = protocol_of(
            as_dataset(data), unlabelled=without_labels(config), device="cpu" if device is None else device
        )
    elif device is not None:
        raise ValueError("device is that of the protocol; give it to protocol_of")
    elif protocol.data is not data:
        raise ValueError(f"protocol is of {protocol.data.name}, not of this data; make it by protocol_of(data)")
    data = protocol.data
    real = training_data_of(protocol)
    FAMILY.check(config.method, real.KIND)
    method, options = FAMILY.module(config.method), FAMILY.config(config.method)
    check_per_class(real, config)
    facts = {
        "method": options.name,
        "options": options_of(options),
        "dataset": data.name,
        "data_digest": data.digest,
        "per_class": config.per_class,
    }
    start = time.perf_counter()
    seed = int(torch.randint(2**62, (), generator=generator))
    context = MethodContext(real, config.per_class, protocol, seed, progress)
    if hasattr(method, "select"):
        for name in ("steps", "checks", "patience"):
            if getattr(config, name) != getattr(CondenseConfig, name):
                raise ValueError(f"--{name} is for methods that learn, but {options.name} only selects; leave it out")
        synthetic: SyntheticSet = method.select(context, options)
        meta = {**facts, **synthetic.meta, "seconds": time.perf_counter() - start}
        return _stored(synthetic.with_meta(meta), config, partial(valid_scores, protocol))
    recipe: Recipe = method.recipe(context, options)
    recipe = replace(recipe, steps=config.steps or recipe.steps)
    synthetic = distill(
        real,
        config.per_class,
        recipe,
        validate=recipe.validate or partial(valid_score, protocol),
        generator=generator,
        checks=config.checks,
        patience=config.patience,
        facts=facts,
        progress=progress,
        checkpoint=checkpoint,
        resume=resume,
        spent=time.perf_counter() - start,
    )
    own = recipe.validate
    return _stored(synthetic, config, partial(valid_scores, protocol) if own is None else lambda made: [own(made)])


def _stored(
    synthetic: SyntheticSet, config: CondenseConfig, validate: Callable[[SyntheticSet], Sequence[float]]
) -> SyntheticSet:
    """The set in the bits of the config."""
    if config.bits == "full":
        return synthetic
    start = time.perf_counter()
    if config.bits == "auto":
        out = in_fewest_bits(synthetic, validate, config.tolerance)
    elif roundable(synthetic):
        out = Precision(config.bits).of(synthetic)
    else:
        raise ValueError(f"--bits {config.bits} is for images, nodes and rows that are stored one by one; use full")
    seconds = float(str(out.meta["seconds"])) + time.perf_counter() - start
    return out.with_meta({**out.meta, "seconds": seconds})
