"""BD-KD: two networks that learn together, the student's calibration against plain KL in either direction.

The claim is a lower expected calibration error than KD's at equal accuracy. Teacher and student start untrained, and
all rows have the same first weights, batches and teacher's loss; they differ in the student's divergence alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.randomness import scoped
from graphdistill.core.training.metrics import calibration_error, score
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.distill import context_of, fit, labels_alone
from graphdistill.kd.losses import KD, BalancedKD, ReverseKL
from graphdistill.kd.methods import bd_kd

DATASETS = ("digits", "mnist5k")
STUDENT = "ConvNet-8"

Divergence = Callable[[Tensor, Tensor], Tensor]


def divergences(config: bd_kd.Config) -> Mapping[str, Divergence]:
    """The student's divergence of each row that learns with a teacher.

    ``kl + rkl`` has the two directions of BD-KD without their balance.
    """
    return {
        "kd": KD(config.temperature),
        "rkd": ReverseKL(config.temperature),
        "kl + rkl": BalancedKD(1.0, config.temperature),
        "bd-kd": BalancedKD(config.delta, config.temperature),
    }


def measure(bench: Bench) -> None:
    """Test accuracy and expected calibration error of the student, in percent."""
    for name in DATASETS:
        found = run_seeds(bench, _seed, (bench, name, "test"), name)
        show(f"{name}, ConvNet and {STUDENT} learn together, test, in %", found, "kd")


def _seed(context: tuple[Bench, str, str], seed: int) -> Scores:
    """Scores of one seed on a split."""
    bench, name, split = context
    view, config = view_of(load(name, bench.root, seed=seed)), KDConfig(steps=bench.steps)
    y = view.labels(getattr(view.data, split))
    found: dict[str, dict[str, float]] = {}
    options = bd_kd.Config()
    for row in ("labels", *divergences(options)):
        with scoped(seed, "teacher"):
            teacher = view.TEACHERS["ConvNet"](view)
        with scoped(seed, "student"):
            student = view.STUDENTS[STUDENT](view)
        here = context_of(student, teacher, view, config, seed=seed, progress=NO_PROGRESS)
        if row == "labels":
            fit(here, labels_alone(here), config)
        else:
            fit(here, bd_kd.online(here, options, divergences(options)[row]), config)
        logits = view.logits(student, split)
        found[row] = {"accuracy": 100 * score(logits, y, "accuracy"), "ECE": 100 * calibration_error(logits, y)}
    return found
