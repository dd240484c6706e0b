"""KD++ makes the student's embeddings longer and turns them to the teacher's class means; accuracy as that of KD.

A dense student of digits has embeddings as wide as its ConvNet teacher's, so that both can be compared with the
teacher's class means.
"""

from __future__ import annotations

from torch import nn

from graphdistill.bench.kd._tables import Scores, fit_students, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.features.norm_direction import class_means, norm_and_cosine
from graphdistill.kd.methods import kd, kd_plus_plus
from graphdistill.kd.outputs import PENULTIMATE

METHODS = {"KD": kd.Config(temperature=4.0), "KD++": kd_plus_plus.Config()}
"""Both at KD++'s temperature."""


def measure(bench: Bench) -> None:
    """Norms, cosines and accuracies of both methods."""
    found = run_seeds(bench, _seed, bench, "digits")
    show("digits, test images, ConvNet to MLP", found, "KD")


def _seed(bench: Bench, seed: int) -> Scores:
    """Both methods on one split, with one teacher and one initial student."""
    view, config = ImageView(load("digits", bench.root, seed=seed)), KDConfig(steps=bench.steps)
    with scoped(seed, "teacher"):
        teacher = fit_labels(ImageView.TEACHERS["ConvNet"](view), view, config, seed=seed)
    known = view.predict(teacher, view.data.train, (PENULTIMATE,)).features[PENULTIMATE]
    means = class_means(known, view.labels(view.data.train), view.num_classes)
    networks: dict[str, nn.Module] = {"teacher": teacher}
    networks |= fit_students(METHODS, lambda: dense_student(view, known.shape[1]), teacher, view, config, seed)
    truth, found = view.labels(view.data.test), {}
    for name, network in networks.items():
        features = view.predict(network, view.data.test, (PENULTIMATE,)).features[PENULTIMATE]
        norm, cosine = norm_and_cosine(features, means, truth)
        found[name] = {"accuracy in %": 100 * view.score(network, "test"), "norm": norm, "cosine": cosine}
    return found


def dense_student(view: ImageView, width: int) -> nn.Module:
    """A perceptron with one hidden layer.

    Args:
        view: images.
        width: width of the hidden layer.
    """
    channels, height, side = view.shape
    return nn.Sequential(
        nn.Flatten(), nn.Linear(channels * height * side, width), nn.ReLU(), nn.Linear(width, view.num_classes)
    )
