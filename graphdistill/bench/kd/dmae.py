"""DMAE on few labels: against labels alone, and against a masked autoencoder without a teacher."""

from __future__ import annotations

from graphdistill.bench.kd._few_labels import LABELS, score_methods
from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.kd.methods import dmae

METHODS = {"masked autoencoder": dmae.Config(weight=0), "dmae": dmae.Config()}
"""Methods by row."""


def measure(bench: Bench) -> None:
    """Test accuracy on digits."""
    found = run_seeds(bench, _seed, bench, "digits")
    show(f"digits, {LABELS} labels a class, test accuracy in %", found, ("labels", "masked autoencoder"))


def _seed(bench: Bench, seed: int) -> Scores:
    return score_methods(bench, METHODS, seed)
