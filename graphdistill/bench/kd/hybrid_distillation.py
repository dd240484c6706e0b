"""Hybrid-Distillation-like on few labels: both teachers, and each alone, against labels alone."""

from __future__ import annotations

from graphdistill.bench.kd._few_labels import LABELS, score_methods
from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.kd.methods import hybrid_distillation

METHODS = {
    "relations alone": hybrid_distillation.Config(feature_weight=0),
    "features alone": hybrid_distillation.Config(relation_weight=0),
    "hybrid-distillation": hybrid_distillation.Config(),
}
"""Methods by row."""


def measure(bench: Bench) -> None:
    """Test accuracy on digits."""
    found = run_seeds(bench, _seed, bench, "digits")
    show(f"digits, {LABELS} labels a class, test accuracy in %", found, "labels")


def _seed(bench: Bench, seed: int) -> Scores:
    return score_methods(bench, METHODS, seed)
