"""OFA-KD: a teacher of another architecture, against a hint loss on hidden features.

The hint is the mean squared error of FitNets (Romero et al., ICLR 2015) between a linear projection of the student's
middle layer and the teacher's, both averaged over positions. It is added to labels alone, and to KD.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from torch import Tensor, nn

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.networks.vit import ViT
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import context_of, fit, fit_labels, labels_alone
from graphdistill.kd.features.pooling import pooled
from graphdistill.kd.methods import kd, ofa_kd
from graphdistill.kd.methods.ofa_kd import stages
from graphdistill.kd.objective import Batch, Context, Objective

PAIRS: tuple[tuple[str, str, str], ...] = (
    ("cora", "GCN", "MLP"),
    ("digits", "ConvNet", "ViT"),
    ("digits", "ConvNet", "MLP"),
)
"""Data set, teacher and student."""
OTHERS: Mapping[str, Callable[..., nn.Module]] = {"ViT": ViT, "MLP": MLP}
"""Students on images that share nothing with a convolutional teacher."""
HINT_WEIGHT = 1.0
"""Weight of the hint, on features of unit variance."""


def measure(bench: Bench) -> None:
    """Test accuracy of the student, in percent."""
    for name, teacher, student in PAIRS:
        found = run_seeds(bench, _seed, (bench, name, teacher, student, "test"), f"{name}, {student}")
        show(f"{name}, {teacher} to {student}, test accuracy in %", found, ("hint", "kd + hint", "kd"))


def methods() -> Mapping[str, Callable[[Context], Objective]]:
    """The objective of each row, a function of the context."""
    plain, options = kd.Config(), ofa_kd.Config()
    return {
        "labels": labels_alone,
        "kd": partial(kd.objective, config=plain),
        "hint": partial(hint, config=replace(plain, weight=0.0, label_weight=1.0)),
        "kd + hint": partial(hint, config=plain),
        "ofa-kd": partial(ofa_kd.objective, config=options),
        "ofa-kd, no heads": partial(ofa_kd.objective, config=replace(options, head_weight=0.0)),
    }


def hint(context: Context, config: kd.Config) -> Objective:
    """KD with the hint; a weight of 0 leaves labels and hint."""
    mine, theirs = (
        layers[(len(layers) - 1) // 2]
        for layers in (stages(context), stages(replace(context, student=context.teacher)))
    )
    few_s, few_t = context.probe([mine], [theirs])
    s, t = (pooled(few.features[path], len(few.logits)) for few, path in ((few_s, mine), (few_t, theirs)))
    with scoped(context.seed, "hint"):
        project = nn.Linear(s.shape[1], t.shape[1])
    of_logits = kd.objective(context, config).loss
    target = context.teacher_outputs([theirs])
    scale = pooled(target.features[theirs], len(target.logits)).std()

    def loss(batch: Batch) -> Tensor:
        rows = len(batch.y)
        student, teacher = pooled(batch.student.features[mine], rows), pooled(batch.teacher.features[theirs], rows)
        gap: Tensor = ((project(student) - teacher) / scale).square().mean(1)
        return of_logits(batch) + HINT_WEIGHT * gap

    return Objective(loss=loss, student_layers=[mine], teacher_layers=[theirs], module=project)


def _student(view: View, name: str) -> nn.Module:
    if isinstance(view, ImageView):
        return OTHERS[name](view.shape, view.num_classes)
    return view.STUDENTS[name](view)


def _seed(context: tuple[Bench, str, str, str, str], seed: int) -> Scores:
    """Scores of one seed on a split."""
    bench, name, teacher_name, student_name, split = context
    view, config = view_of(load(name, bench.root, seed=seed)), KDConfig(steps=bench.steps)
    with scoped(seed, "teacher"):
        teacher = view.TEACHERS[teacher_name](view)
    fit_labels(teacher, view, config, seed=seed)
    found = {"teacher": {"accuracy": 100 * view.score(teacher, split)}}
    for row, objective in methods().items():
        with scoped(seed, "student"):
            student = _student(view, student_name)
        here = context_of(student, teacher, view, config, seed=seed, progress=NO_PROGRESS)
        fit(here, objective(here), config)
        found[row] = {"accuracy": 100 * view.score(student, split)}
    return found
