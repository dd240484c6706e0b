"""Narrow questions about named entities: UniversalNER-like against labels alone and other choices of questions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.data.tagged import TaggedTextDataset
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.tagged import TaggedView
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.evaluate import build
from graphdistill.kd.methods import kd, universal_ner

DATASET = "text/wnut17"
METHODS: dict[str, Any] = {
    "labels, drawn questions": universal_ner.Config(labelled=1.0, weight=0.0),
    "KD, all questions": kd.Config(),
    "no negatives": universal_ner.Config(labelled=1.0, negatives=0.0),
    "types alike": universal_ner.Config(labelled=1.0, negative_types="uniform"),
    "probabilities as answers": universal_ner.Config(labelled=1.0, answers="probabilities"),
    "UniversalNER": universal_ner.Config(labelled=1.0),
}
"""Methods of the students, whose views have a quarter of the labels already."""


def measure(bench: Bench) -> None:
    """F1 of exact spans, of students that see a quarter of the labels."""
    found = run_seeds(bench, _seed, bench, "named entities")
    title = f"{DATASET}, Tagger to Tagger-16, a quarter of the labels, F1 of spans in %"
    show(title, found, ("labels", "KD, all questions"))


def _seed(bench: Bench, seed: int) -> Scores:
    """F1 of the teacher, of a student on a quarter of the labels, and of one student by each method."""
    data = load(DATASET, bench.root, seed=seed)
    assert isinstance(data, TaggedTextDataset)
    full, config = TaggedView(data), KDConfig(steps=bench.steps)
    few = universal_ner.student_view(full, universal_ner.Config(), seed)
    quarter = TaggedView(replace(data, train=few.labelled_sentences))
    teacher = fit_labels(build(full, "", "teacher", seed), full, config, seed=seed)
    networks: dict[str, nn.Module] = {"teacher, all labels": teacher}
    for name, method in {"labels": None, **METHODS}.items():
        networks[name] = build(full, "", "student", seed)
        if method is None:
            fit_labels(networks[name], quarter, config, seed=seed)
        else:
            seen = quarter if name.startswith("labels") else few
            fit_kd(networks[name], teacher, seen, method, config, seed=seed)
    return {
        name: {split: 100 * full.score(network, split) for split in ("test", "valid")}
        for name, network in networks.items()
    }
