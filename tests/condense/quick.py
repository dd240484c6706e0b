"""A context whose networks are trained in no time: how teachers are used is tested, not their accuracy."""

from __future__ import annotations

from dataclasses import replace

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.core.training.fit import FitConfig
from tests.condense.samples import context_of


def quick(kind: Kind = "images", *, per_class: int = 2, seed: int = 0) -> MethodContext:
    here = context_of(per_class, seed, kind)
    return replace(here, protocol=replace(here.protocol, fit=FitConfig(steps=10, batch_size=64, eval_every=5, lr=0.01)))
