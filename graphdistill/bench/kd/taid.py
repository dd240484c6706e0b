"""TAID against KD from an overconfident teacher to a student of width 8, at equal steps.

The teacher is a dense network of digits that is trained, without weight decay, on labels of which 30 % are wrong, until
it knows them by heart: it is far surer than it is right. Both methods have its targets alone, without labels, at
temperature 1.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from graphdistill.bench.kd._tables import Scores, fit_students, run_seeds, show
from graphdistill.bench.kd.swing import mislabelled
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.methods import kd, taid

WRONG = 0.3
"""Share of wrong labels of the teacher."""
TEACHER = KDConfig(steps=1500, lr=0.01, weight_decay=0.0, eval_every=1500)
"""The last checkpoint, which is the most confident."""
STUDENT = KDConfig(steps=400, lr=0.01)
METHODS = {
    "KD": kd.Config(temperature=1.0, label_weight=0.0),
    "TAID, share from 0.4": taid.Config(label_weight=0.0),
    "TAID, share from 0": taid.Config(label_weight=0.0, start=0.0),
    "TAID, from 0, linear": taid.Config(label_weight=0.0, start=0.0, adaptive=False),
}
"""The released code begins at 0.4, for students that can speak already; from 0 was better on validation (seeds 200 to
203)."""


def measure(bench: Bench) -> None:
    """Accuracy of all methods, and how confident the networks are."""
    found = run_seeds(bench, _seed, bench, "digits")
    show("digits, test accuracy and confidence on test images in %, dense, width 512 to 8", found, "KD")


def _seed(bench: Bench, seed: int) -> Scores:
    """All methods on one split, with one teacher and one initial student."""
    data = load("digits", bench.root, seed=seed)
    view = ImageView(data)
    wrong = mislabelled(data.y, generator(seed, "labels"), WRONG)
    wrong[data.valid] = data.y[data.valid]
    with scoped(seed, "teacher"):
        teacher = _dense(view, 512)
    fit_labels(teacher, ImageView(replace(data, y=wrong)), _steps(bench, TEACHER), seed=seed)
    networks: dict[str, nn.Module] = {"teacher": teacher}
    networks |= fit_students(METHODS, lambda: _dense(view, 8), teacher, view, _steps(bench, STUDENT), seed)
    found = {}
    for name, network in networks.items():
        confidence = view.predict(network, data.test).logits.softmax(dim=1).amax(dim=1).mean()
        found[name] = {"accuracy": 100 * view.score(network, "test"), "confidence": 100 * float(confidence)}
    return found


def _dense(view: ImageView, width: int) -> nn.Module:
    """A network with one hidden layer; with GELU, whose few units cannot die."""
    channels, height, side = view.shape
    hidden = nn.Linear(channels * height * side, width)
    return nn.Sequential(nn.Flatten(), hidden, nn.GELU(), nn.Linear(width, view.num_classes))


def _steps(bench: Bench, config: KDConfig) -> KDConfig:
    """The config with the bench's steps, if it has any."""
    return config if bench.steps is None else replace(config, steps=bench.steps, eval_every=None)
