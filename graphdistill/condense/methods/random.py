"""Random: a random sample of the real data of each class, the baseline that every other method has to beat.

It has no options, for nothing but the seed decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "no paper: the baseline of all"
RESULT = Result(
    paper="none: it is the baseline of all",
    ours=(
        "digits, 1 image a class: 0.777 ± 0.061; mnist5k, 1: 0.583 ± 0.075; planetoid-cora, 10 nodes a class: "
        "0.762 ± 0.033"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits mnist5k planetoid-cora --methods "
        "random"
    ),
    differs="Nothing.",
    instead="With few entries a class herding costs nothing more and is better: digits 0.916 ± 0.017.",
)
FOR: tuple[Kind, ...] = ("images", "nodes", "graphs", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """Random entries of each class, classes one after another."""
    draws = generator(context.seed, "select")
    return context.real.select(context.real.sample_indices(context.per_class, draws))
