"""Networks of four other data sets, of which one is relevant, as teachers of a student with three labels a class.

The task is digits of 8 x 8 pixels. One source knows handwritten digits of the post (USPS); the others were trained on
small photographs, on digits whose pixels are shuffled, and on digits with random labels. All are seen at 8 x 8 pixels.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from graphdistill.bench.kd._tables import Scores, console, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.data.images import in_shape
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.kinds import few_labels
from graphdistill.kd.distill import context_of, fit_kd, fit_labels
from graphdistill.kd.methods import distill_nearest, distill_weighted
from graphdistill.kd.teachers.ensemble import MeanTeachers

LABELS, STEPS = 3, 200
RELEVANT = "USPS"
SOURCES = {
    RELEVANT: "digits/usps",
    "photographs": "cifar10_subset",
    "shuffled pixels": "digits/mnist",
    "random labels": "digits/mnist",
}
METHODS = {
    "uniform": distill_weighted.Config(power=0.0),
    "nearest": distill_nearest.Config(),
    "weighted": distill_weighted.Config(),
}


def measure(bench: Bench) -> None:
    """Relevance of the sources and accuracy of the students."""
    found = run_seeds(bench, score_sources, bench, "sources")
    title = f"digits, {LABELS} labels a class, to ConvNet-8, test accuracy in % and PARC"
    show(title, found, "uniform")
    relevance = {name: found[f"source {name}"]["PARC"] for name in SOURCES}
    first = sum(e == max(row) for e, *row in zip(relevance[RELEVANT], *relevance.values(), strict=True))
    console.print(f"PARC ranks {RELEVANT} first on {first} of {bench.seeds} seeds")


def score_sources(bench: Bench, seed: int, split: str = "test") -> Scores:
    """Sources with their relevance, and a student of each method."""
    data = load("digits", bench.root, seed=seed)
    assert isinstance(data, ImageDataset)
    view = ImageView(data, labelled=few_labels(data, LABELS, seed))
    config = KDConfig(steps=bench.steps or STEPS)
    members = []
    for name in SOURCES:
        source = ImageView(source_data(name, data, bench, seed))
        with scoped(seed, "source", name):
            members.append(ImageView.TEACHERS["ConvNet"](source))
        fit_labels(members[-1], source, config, seed=seed)
    teacher = MeanTeachers(members).eval()
    context = context_of(_student(view, seed), teacher, view, config, seed=seed, progress=NO_PROGRESS)
    headed, relevance = distill_nearest.relevant_sources(context, distill_nearest.Config())
    found = {
        f"source {name}": {"accuracy": 100 * view.score(network, split), "PARC": e}
        for name, network, e in zip(SOURCES, headed, relevance, strict=True)
    }
    students: dict[str, nn.Module] = {"labels alone": _student(view, seed)}
    fit_labels(students["labels alone"], ImageView(replace(data, train=view.labelled)), config, seed=seed)
    for name, method in METHODS.items():
        students[name] = _student(view, seed)
        fit_kd(students[name], teacher, view, method, config, seed=seed)
    return found | {name: {"accuracy": 100 * view.score(network, split)} for name, network in students.items()}


def source_data(name: str, target: ImageDataset, bench: Bench, seed: int) -> ImageDataset:
    """Images of a source as large as those of the target."""
    data = load(SOURCES[name], bench.root, seed=seed)
    assert isinstance(data, ImageDataset)
    images, y, draws = in_shape(data.images, target.images.shape[1:]), data.y, generator(seed, name)
    if name == "shuffled pixels":
        order = torch.randperm(images[0].numel(), generator=draws)
        images = images.flatten(1)[:, order].view_as(images)
    if name == "random labels":
        y = y[torch.randperm(len(y), generator=draws)]
    return replace(data, images=images, y=y)


def _student(view: ImageView, seed: int) -> nn.Module:
    with scoped(seed, "student"):
        return ImageView.STUDENTS["ConvNet-8"](view)
