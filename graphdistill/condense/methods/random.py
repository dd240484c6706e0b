"""Random: a random sample of the real data of each class, the baseline that every other method has to beat.

It has no options, for nothing but the seed decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "no paper: the baseline of all"
FOR: tuple[Kind, ...] = ("images", "nodes", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """Random entries of each class, classes one after another."""
    draws = generator(context.seed, "select")
    return context.real.select(context.real.sample_indices(context.per_class, draws))
