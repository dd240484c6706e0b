"""Impossible Distillation-like: what critics keep of a weak generator's texts and molecules against as many others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import nn

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.data.datasets import GraphDataset, TextDataset
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.smiles import END, SmilesView, smiles_texts
from graphdistill.kd.data.text import LanguageModelView
from graphdistill.kd.distill import context_of, fit_kd, fit_labels
from graphdistill.kd.methods import impossible_distillation
from graphdistill.kd.selectors.molecule_critics import canonical

TEACHER_STEPS, STEPS, WINDOWS = 400, 400, 600
"""Steps of the weak generator and of the student in each round, and windows of each of validation and test."""
MOLECULE_STEPS, MOLECULES, PROMPTS, SAMPLES = 600, 300, 256, 256
"""Steps of each network of molecules in each round, held-out molecules, and prompts and molecules that each network
generates."""
ROWS: Mapping[str, Mapping[str, Any]] = {"unfiltered": {"critics": False}, "filtered": {}}
SETS: Mapping[str, Mapping[str, Any]] = {"one round": {"rounds": 1}, "two rounds": {"rounds": 2}}
TEMPERATURE = 0.7
"""Temperature of generators of molecules, that of the paper's text; at 1 a fiftieth of what an unfiltered student
generates is valid, on validation."""


def measure(bench: Bench) -> None:
    """Accuracy of the next character on real texts, and generated molecules, of students that saw generated ones."""
    found = run_seeds(bench, _seed, bench, "continuations")
    show("text/shakespeare, next character, test accuracy in %, student on generated texts", found, "unfiltered")
    molecules = run_seeds(bench, _molecules, bench, "molecules")
    for name in SETS:
        rows = {row.partition(",")[0]: of for row, of in molecules.items() if row == "generator" or row.endswith(name)}
        show(f"pains, SMILES: valid ones, new ones and bits per character, {name}", rows, "unfiltered")


def _seed(bench: Bench, seed: int) -> Scores:
    """Both sets of one generator, in one round and in two."""
    data = load("text/shakespeare", bench.root, seed=seed)
    assert isinstance(data, TextDataset)
    view = LanguageModelView(replace(data, valid=data.valid[:WINDOWS], test=data.test[:WINDOWS]))
    teacher = _teacher(view, bench.steps or TEACHER_STEPS, seed)
    found: dict[str, dict[str, float]] = {"teacher": {name: 100 * view.score(teacher, "test") for name in SETS}}
    for (row, name), method in _methods().items():
        steps = method.rounds * (bench.steps or STEPS)
        student = _student(view, "Transformer-32", teacher, method, steps, seed)
        found.setdefault(row, {})[name] = 100 * view.score(student, "test")
    return found


def _molecules(bench: Bench, seed: int) -> Scores:
    """Both sets of one generator of molecules, in one round and in two, with students of its size."""
    data = load("pains", bench.root, seed=seed)
    assert isinstance(data, GraphDataset)
    texts = smiles_texts(data)
    view = SmilesView(replace(texts, valid=texts.valid[:MOLECULES], test=texts.test[:MOLECULES]))
    steps = bench.steps or MOLECULE_STEPS
    teacher = _teacher(view, steps, seed)
    found = {"generator": scores(view, teacher, seed)}
    for (row, name), method in _methods(temperature=TEMPERATURE, prompts=PROMPTS).items():
        student = _student(view, "Transformer", teacher, method, method.rounds * steps, seed)
        found[f"{row}, {name}"] = scores(view, student, seed)
    return found


def _methods(**options: Any) -> dict[tuple[str, str], impossible_distillation.Config]:
    """Filtered or not, and the number of rounds."""
    sets = itertools.product(ROWS.items(), SETS.items())
    return {
        (row, name): impossible_distillation.Config(**critics, **rounds, **options)
        for (row, critics), (name, rounds) in sets
    }


def _teacher(view: LanguageModelView, steps: int, seed: int) -> nn.Module:
    with scoped(seed, "teacher"):
        teacher = view.TEACHERS["Transformer"](view)
    return fit_labels(teacher, view, KDConfig(steps=steps), seed=seed)


def _student(
    view: LanguageModelView, name: str, teacher: nn.Module, method: MethodConfig, steps: int, seed: int
) -> nn.Module:
    with scoped(seed, "student"):
        student = {**view.TEACHERS, **view.STUDENTS}[name](view)
    fit_kd(student, teacher, view, method, KDConfig(steps=steps), seed=seed)
    return student


def scores(
    view: SmilesView, network: nn.Module, seed: int, split: Literal["valid", "test"] = "test"
) -> dict[str, float]:
    """How good the molecules of a network are, and how likely held-out ones are to it.

    Args:
        view: the molecules.
        network: the language model.
        seed: seed of the molecules that are generated.
        split: split that the classes that are asked for are drawn from, and the held-out molecules. (default: test)

    Returns:
        Percentages of the generated molecules that are valid, and of those that are new: valid, distinct and not in
        the training split; and the bits per character of the held-out molecules, their first end included.
    """
    data, held_out = view.data, getattr(view.data, split)
    context = context_of(network, network, view, KDConfig(), seed=seed, progress=NO_PROGRESS)
    draws = generator(seed, "bench", "molecules")
    rows = held_out[torch.randint(len(held_out), (SAMPLES,), generator=draws)]
    prompts = torch.cat([data.tokens[rows], data.y[rows, -1:]], dim=1)
    made = canonical(data.smiles_of(impossible_distillation.generate(context, network, prompts, 1, 1.0, draws)))
    known = torch.cat([data.tokens[data.train], data.y[data.train, -1:]], dim=1)
    valid = [text for text in made if text is not None]
    new = {*valid} - {*canonical(data.smiles_of(known))}
    y = data.y[held_out]
    nats = F.cross_entropy(view.logits(network, split), y.reshape(-1), reduction="none").view(y.shape)
    # The first end belongs to the molecule, the others fill the row.
    counted = (y != END).long().cumprod(dim=1).roll(1, dims=1)
    counted[:, 0] = 1
    return {
        "valid": 100 * len(valid) / SAMPLES,
        "new": 100 * len(new) / SAMPLES,
        "bits": float((nats * counted).sum() / counted.sum()) / math.log(2),
    }
