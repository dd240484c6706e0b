"""TAID against KD from an overconfident teacher to a student of width 8, at equal steps.

The teacher is a dense network of digits that is trained without weight decay, until it is as good as sure of every
training image. Both methods have its targets alone, without labels, at temperature 1.
"""

from __future__ import annotations

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.kd.kd_plus_plus import dense_student
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import kd, taid

TEACHER = KDConfig(steps=1500, weight_decay=0.0, eval_every=1500)
"""The last checkpoint, which is the most confident."""
STUDENT = KDConfig(steps=600, lr=0.01)
"""A learning rate at which so narrow a student gets as far as it can in 600 steps (seeds 200 to 202, validation)."""
METHODS = {
    "KD": kd.Config(temperature=1.0, label_weight=0.0),
    "TAID, share from 0.4": taid.Config(label_weight=0.0),
    "TAID, share from 0": taid.Config(label_weight=0.0, start=0.0),
    "TAID, from 0, linear": taid.Config(label_weight=0.0, start=0.0, adaptive=False),
}
"""The released code begins at 0.4, for a student that can speak already; from 0 was better on validation."""


def measure(bench: Bench) -> None:
    """Accuracy of all methods, and how confident the teacher is."""
    found = run_seeds(bench, _seed, bench, "digits")
    show("digits, test accuracy and confidence on training images in %, dense, width 256 to 8", found, "KD")


def _seed(bench: Bench, seed: int) -> Scores:
    """All methods on one split, with one teacher and one initial student."""
    view = ImageView(load("digits", bench.root, seed=seed))
    with scoped(seed, "teacher"):
        teacher = dense_student(view, 256)
    fit_labels(teacher, view, _steps(bench, TEACHER), seed=seed)
    networks = {"teacher": teacher}
    for name, method in METHODS.items():
        with scoped(seed, "student"):
            networks[name] = dense_student(view, 8)
        fit_kd(networks[name], teacher, view, method, _steps(bench, STUDENT), seed=seed)
    found = {}
    for name, network in networks.items():
        confidence = view.predict(network, view.train).logits.softmax(dim=1).amax(dim=1).mean()
        found[name] = {"accuracy": 100 * view.score(network, "test"), "confidence": 100 * float(confidence)}
    return found


def _steps(bench: Bench, config: KDConfig) -> KDConfig:
    """The config with the bench's steps, if it has any."""
    return config if bench.steps is None else KDConfig(steps=bench.steps, lr=config.lr)
