"""Contexts and configs whose networks are trained in no time: how they are used is tested, not their accuracy."""

from __future__ import annotations

from dataclasses import fields, replace

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.methods import FAMILY
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.fit import FitConfig
from tests.condense.samples import context_of

FIT = FitConfig(steps=10, batch_size=64, eval_every=5, lr=0.01)
SHORT = {
    "experts": 2,
    "expert_epochs": 5,
    "passes": 2,
    "max_start_epoch": 3,
    "first_max_start_epoch": 2,
    "student_steps": 4,
    "teacher_steps": 4,
    "scoring_networks": 2,
    "ascent_steps": 2,
    "compensator_steps": 2,
    "projector_steps": 20,
    "teachers": 1,
    "views": 3,
    "edge_width": 16,
    "edge_steps": 1,
    "feature_steps": 1,
    "time_limit": 1e-9,
    "validations": 1,
}
"""Values of all fields of these names."""


def quick(kind: Kind = "images", *, per_class: int = 2, seed: int = 0) -> MethodContext:
    here = context_of(per_class, seed, kind)
    protocol = replace(here.protocol, fit=FIT)
    if "encoder" in vars(here.protocol):
        vars(protocol)["encoder"] = vars(here.protocol)["encoder"]
    return replace(here, protocol=protocol)


def quick_config(name: str) -> MethodConfig:
    """The config of a method with few and short trainings of networks."""
    config: MethodConfig = FAMILY.module(name).Config()
    short = {field.name: SHORT[field.name] for field in fields(config) if field.name in SHORT}
    return replace(config, **short)
