"""Random: real data of each class, drawn without any thought; what every other method has to beat.

No parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Setting
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "no paper: the baseline of all"
FOR: tuple[Kind, ...] = ("images", "nodes", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def select(setting: Setting, config: Config) -> SyntheticSet:
    """So many random entries of each class, classes one after another."""
    draws = generator(setting.seed, "select")
    return setting.real.select(setting.real.pick(setting.per_class, draws))
