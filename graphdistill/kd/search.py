r"""Search of distillation pipelines, and the recommendation of one for new data from those tried on other data.

A pipeline is an augmentation, a layer map, a loss on hidden layers and a loss on the output (Distiller, He et al.,
2021, https://arxiv.org/abs/2109.08359). AutoDistiller predicts the ratio of the scores of student and teacher from
properties of the data and the pipeline, by a regressor that is fitted to the pipelines of other data sets.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import Augment
from graphdistill.core.training.loop import FitResult
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import context_of, fit
from graphdistill.kd.features.mutual_information import MutualInformation
from graphdistill.kd.features.pooling import pooled
from graphdistill.kd.inputs import Inputs
from graphdistill.kd.layers import LayerMap, check_entries, layer_pairs, width_of
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import kd, mi_alpha
from graphdistill.kd.objective import Batch, Context, Objective

Intermediate = Literal["none", "mse", "cosine", "mi-alpha"]
Output = Literal["kd", "mse"]

MASKED = 0.1
"""Share of the features of nodes and graphs that the augmentation sets to zero."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One way to distil."""

    augment: bool = False
    """Augment the inputs of both networks: images by random operations, features of nodes by random zeros."""
    layers: LayerMap = "last"
    """Layers that are matched."""
    intermediate: Intermediate = "none"
    """Loss on the matched layers, through linear projections."""
    output: Output = "kd"
    """Loss on logits: KL of softened probabilities, or the mean squared difference."""

    def __str__(self) -> str:
        layers = "" if self.intermediate == "none" else f" on {self.layers}"
        return f"{self.output} + {self.intermediate}{layers}{', augmented' if self.augment else ''}"


def grid(layers: Sequence[LayerMap] = ("last", "skip")) -> list[Pipeline]:
    """All pipelines, those without an intermediate loss once.

    Example:
        >>> len(grid()), str(grid()[1])
        (28, 'kd + mse on last')
    """
    parts: list[tuple[LayerMap, Intermediate]] = [("last", "none")]
    losses: tuple[Intermediate, ...] = ("mse", "cosine", "mi-alpha")
    parts += itertools.product(layers, losses)
    outputs: tuple[Output, ...] = ("kd", "mse")
    return [
        Pipeline(augment=augment, layers=where, intermediate=loss, output=output)
        for augment, output, (where, loss) in itertools.product((False, True), outputs, parts)
    ]


class ProjectedLoss(nn.Module):
    """Squared or cosine distance of hidden features, through a linear projection to the teacher's width.

    Args:
        student_width: width of the student's features.
        teacher_width: width of the teacher's features.
        cosine: compare directions alone.

    Example:
        >>> ProjectedLoss(3, 5, cosine=False)(torch.rand(4, 3), torch.rand(4, 5)).shape
        torch.Size([4])
    """

    def __init__(self, student_width: int, teacher_width: int, *, cosine: bool):
        super().__init__()
        self.project, self.cosine = nn.Linear(student_width, teacher_width), cosine

    def forward(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The distance of each row."""
        ours, theirs = self.project(pooled(student, len(student))), pooled(teacher, len(teacher))
        if self.cosine:
            return 1 - F.cosine_similarity(ours, theirs, dim=1)
        distance: Tensor = (ours - theirs).square().mean(1)
        return distance


def pipeline_objective(context: Context, pipeline: Pipeline) -> Objective:
    """The objective of a pipeline: both losses with weight 1, and cross-entropy on labels."""
    used = pipeline.intermediate != "none"
    pairs = layer_pairs(context.student, context.teacher, pipeline.layers) if used else []
    ours, theirs = [s for s, _ in pairs], [t for _, t in pairs]
    student, teacher = context.probe(ours, theirs)
    for found in (student, teacher):
        check_entries(found.features, len(context.data.train[:2]))
    with scoped(context.seed, "kd", "pipeline"):
        losses = nn.ModuleList(
            _intermediate(pipeline, width_of(student.features[s]), width_of(teacher.features[t])) for s, t in pairs
        ).to(context.device)
    divergence = KD(2.0)

    def output(batch: Batch) -> Tensor:
        if pipeline.output == "kd":
            return divergence(batch.student.logits, batch.teacher.logits)
        return (batch.student.logits - batch.teacher.logits).square().mean(1)

    logits_and_labels = kd.with_labels(context, kd.Config(), output)

    def loss(batch: Batch) -> Tensor:
        value = logits_and_labels(batch)
        # Time of MI-alpha grows with the square of the rows, which are all nodes of a graph.
        few = pipeline.intermediate == "mi-alpha"
        rows = mi_alpha.compared_rows(batch, ours[0], mi_alpha.Config().pairs) if few else slice(None)
        for distance, (s, t) in zip(losses, pairs, strict=True):
            value = value + distance(batch.student.features[s][rows], batch.teacher.features[t][rows]).mean()
        return value

    return Objective(
        loss=loss,
        student_layers=ours,
        teacher_layers=theirs,
        module=losses,
        augment=augmentation(context.data) if pipeline.augment else None,
    )


def _intermediate(pipeline: Pipeline, student_width: int, teacher_width: int) -> nn.Module:
    if pipeline.intermediate == "mi-alpha":
        return MutualInformation(student_width, teacher_width)
    return ProjectedLoss(student_width, teacher_width, cosine=pipeline.intermediate == "cosine")


def augmentation(view: View) -> Callable[[Inputs, Tensor, torch.Generator], Inputs]:
    """The augmentation of a kind of data.

    Raises:
        ValueError: there is none for graphs and text.
    """
    if view.KIND not in ("images", "nodes"):
        raise ValueError(f"pipelines augment images and nodes, but {view.name} holds {view.KIND}; leave augment out")

    def augmented(inputs: Inputs, index: Tensor, generator: torch.Generator) -> Inputs:
        x = inputs.main
        if view.KIND == "images":
            return inputs.replaced(Augment().each(x, generator))
        return inputs.replaced(x * (torch.rand(x.shape, generator=generator) >= MASKED).to(x))

    return augmented


def fit_pipeline(
    student: nn.Module, teacher: nn.Module, view: View, pipeline: Pipeline, config: KDConfig = KDConfig(), *, seed: int
) -> FitResult:
    """Train a student in place by a pipeline, and return its validation score.

    Args:
        student: the network that is trained.
        teacher: the trained network.
        view: the data.
        pipeline: the losses.
        config: training of the student. (default: by the kind of data)
        seed: seed of batches, augmentations and projections.
    """
    teacher.eval()
    context = context_of(student, teacher, view, config, seed=seed, progress=NO_PROGRESS)
    return fit(context, pipeline_objective(context, pipeline), config)


def describe(view: View, student: nn.Module, teacher: nn.Module) -> dict[str, float]:
    """Properties of data and networks that AutoDistiller reads, without training a student.

    Args:
        view: the data.
        student: the student.
        teacher: the trained teacher.

    Returns:
        Logarithms of numbers of entries, labels, classes, inputs and weights, and the teacher's validation score.
    """
    teacher.eval()
    inputs = view.inputs(view.train[:2]).main
    sizes = [sum(p.numel() for p in network.parameters()) for network in (student, teacher)]
    return {
        "nodes": float(view.KIND == "nodes"),
        "entries": math.log(len(view.train)),
        "labels": math.log(len(view.labelled)),
        "classes": math.log(view.num_classes),
        "inputs": math.log(inputs[0].numel()) if isinstance(inputs, Tensor) else 0.0,
        "student": math.log(sizes[0]),
        "shrinkage": math.log(sizes[1] / sizes[0]),
        "teacher": view.score(teacher, "valid"),
    }


@dataclass(frozen=True)
class Trial:
    """A pipeline that was tried.

    Attributes:
        data: properties of data and networks, as of :func:`describe`.
        pipeline: the pipeline.
        ratio: validation score of the student, divided by the teacher's.
    """

    data: Mapping[str, float]
    pipeline: Pipeline
    ratio: float


class AutoDistiller:
    """Predicts how much of the teacher's score a pipeline keeps on new data (AutoDistiller of Distiller).

    A forest of regression trees is fitted to the ratios of the pipelines that were tried on other data.

    Args:
        trials: pipelines that were tried.
        seed: seed of the forest. (default: 0)

    Raises:
        ValueError: there are no trials, or they have different properties.

    Example:
        >>> pair = Pipeline(), Pipeline(intermediate="mse")
        >>> trials = [Trial({"entries": n}, p, 0.9 + 0.1 * (p is pair[1])) for n in (3.0, 4.0) for p in pair]
        >>> str(AutoDistiller(trials).recommend({"entries": 5.0}, pair))
        'kd + mse on last'
    """

    def __init__(self, trials: Sequence[Trial], seed: int = 0):
        from sklearn.ensemble import RandomForestRegressor

        if not trials:
            raise ValueError("trials is empty; try pipelines on other data first")
        self.names = sorted(trials[0].data)
        for trial in trials:
            if sorted(trial.data) != self.names:
                raise ValueError(
                    f"trials must have the same properties of data, got {self.names} and {sorted(trial.data)}"
                )
        self.forest = RandomForestRegressor(200, min_samples_leaf=2, random_state=seed, n_jobs=1)
        self.forest.fit([self._row(t.data, t.pipeline) for t in trials], [t.ratio for t in trials])

    def predict(self, data: Mapping[str, float], pipelines: Sequence[Pipeline]) -> list[float]:
        """Predicted ratio of each pipeline."""
        return [float(v) for v in self.forest.predict([self._row(data, pipeline) for pipeline in pipelines])]

    def recommend(self, data: Mapping[str, float], pipelines: Sequence[Pipeline]) -> Pipeline:
        """The pipeline with the highest predicted ratio, the first of equal ones."""
        return pipelines[int(np.argmax(self.predict(data, pipelines)))]

    def _row(self, data: Mapping[str, float], pipeline: Pipeline) -> list[float]:
        choices = [pipeline.intermediate == name for name in ("none", "mse", "cosine", "mi-alpha")]
        where = [pipeline.layers == name for name in ("last", "last-k", "skip")]
        return [*(data[name] for name in self.names), pipeline.augment, pipeline.output == "kd", *choices, *where]
