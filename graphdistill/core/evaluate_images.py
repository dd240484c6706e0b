"""The one protocol for images: what does a network trained on this set reach on real test images?

As :mod:`graphdistill.core.evaluate` for graphs: every row uses the same network, steps, augmentation and seeds;
checkpoints are chosen on validation; test is read once, with that checkpoint.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from graphdistill.core.convnet import ConvNet
from graphdistill.core.data import ImageDataset
from graphdistill.core.fit import FitConfig, Fitted, fit, predict
from graphdistill.core.metrics import score
from graphdistill.core.randomness import generator, in_turn, scoped
from graphdistill.core.report import NO_PROGRESS, Progress, Row
from graphdistill.core.synthetic import SyntheticSet, class_weights, eight_bits

NETWORK = "ConvNet"
CHOOSER = 1 << 40
"""Seed of the network that validation chooses sets with; rows have small ones."""
Augmentation = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class ImageProtocol:
    """Data, networks and seeds that all rows of one report share.

    Attributes:
        data: the real images.
        networks: trainings on every set; their seeds are 0 to ``networks`` - 1, apart from distilling's.
        fit: how networks are trained. Small sets are used whole, in a step each.
        augment: changes the images of a training step; the same for every row. (default: they stay)
        progress: shows a bar per row.
    """

    data: ImageDataset
    networks: int = 3
    fit: FitConfig = field(default_factory=lambda: FitConfig(steps=300, batch_size=128, eval_every=50, patience=3))
    augment: Augmentation | None = None
    progress: Progress = NO_PROGRESS

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return int(self.data.y.max()) + 1

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Images and classes of one split."""
        index: Tensor = getattr(self.data, name)
        return self.data.images[index], self.data.y[index]

    def network(self, seed: int) -> ConvNet:
        """A fresh network; its weights depend on the seed alone."""
        channels, height, width = self.data.images.shape[1:]
        with scoped(seed, "weights", NETWORK):
            return ConvNet((channels, height, width), self.num_classes)

    def train(self, small: SyntheticSet, seed: int, config: FitConfig | None = None) -> tuple[ConvNet, Fitted]:
        """Train a fresh network on a set."""
        assert isinstance(small.data, Tensor)
        net = self.network(seed)
        fitted = fit(
            net,
            small.data,
            small.y,
            valid=self.split("valid"),
            metric="accuracy",
            task="multiclass",
            weight=small.weight,
            config=config or self.fit,
            augment=self.augment,
            seed=seed,
        )
        return net, fitted

    def score(self, logits: Callable[[Tensor], Tensor], split: str) -> float:
        """Accuracy on a split."""
        x, y = self.split(split)
        return score(logits(x), y, "accuracy")


def valid_score(protocol: ImageProtocol, small: SyntheticSet) -> float:
    """Validation accuracy of one network trained on a set, for choosing among sets; test is not read.

    It takes half the steps of a row's training; its seed is the same for every set, and none that rows are made with.
    """
    short = replace(protocol.fit, steps=max(1, protocol.fit.steps // 2))
    return protocol.train(small, CHOOSER, short)[1].valid


def train_rows(
    protocol: ImageProtocol, name: str, sets: Sequence[SyntheticSet], distill_seconds: float | None = None
) -> Row:
    """Train every network on every set.

    Args:
        protocol: data, networks, seeds.
        name: name of the row.
        sets: one for each draw.
        distill_seconds: time it took to make one of them. (default: none was made)

    Returns:
        A row with a score of each draw and network, draw by draw.
    """
    jobs = [(small, seed) for small in sets for seed in range(protocol.networks)]
    tests, valids, seconds = [], [], []
    for small, seed in protocol.progress.track(jobs, f"training on {name}"):
        net, fitted = protocol.train(small, seed)
        tests.append(protocol.score(partial(predict, net), "test"))
        valids.append(fitted.valid)
        seconds.append(fitted.seconds)
    return Row(
        name=name,
        network=NETWORK,
        test=tuple(tests),
        valid=tuple(valids),
        nbytes=round(statistics.fmean(s.nbytes for s in sets)),
        graphs=round(statistics.fmean(len(s) for s in sets)),
        distill_seconds=distill_seconds,
        train_seconds=statistics.fmean(seconds),
    )


def random_sets(protocol: ImageProtocol, budget: int, draws: int) -> list[SyntheticSet]:
    """Random real training images of at most ``budget`` bytes, classes in turn; labels are counted.

    Returns:
        One set per draw, of one image per class at the least, even where that is over the budget.
    """
    x, y = protocol.split("train")
    one = real_set(x[:1], y[:1]).nbytes
    count = min(len(y), max(protocol.num_classes, budget // one))
    orders = [in_turn(y, generator(draw, "random images"))[:count] for draw in range(draws)]
    return [real_set(x[rows], y[rows]) for rows in orders]


def full_set(protocol: ImageProtocol) -> SyntheticSet:
    """The whole training split."""
    return real_set(*protocol.split("train"))


def real_set(x: Tensor, y: Tensor) -> SyntheticSet:
    """Real images as a set, in 8 bits a pixel like any other."""
    return SyntheticSet(eight_bits(x), y, class_weights(y))


def baseline_rows(protocol: ImageProtocol, sets: Sequence[SyntheticSet]) -> list[Row]:
    """What needs no distilling or no network.

    Args:
        protocol: data, networks, seeds.
        sets: what the distilled row was trained on, for a linear model on the same.

    Returns:
        The untrained network, logistic regression on the pixels of the same sets, and the largest class.
    """
    nets = [protocol.network(seed) for seed in range(protocol.networks)]
    tests = tuple(protocol.score(partial(predict, net), "test") for net in nets)
    rows = [Row(name="untrained network", network=NETWORK, test=tests, valid=(), nbytes=None, graphs=None)]
    start = time.perf_counter()
    models = [_linear(small, protocol.num_classes) for small in sets]
    seconds = (time.perf_counter() - start) / len(sets)
    _, y = protocol.split("train")
    major = torch.nn.functional.one_hot(torch.bincount(y).argmax(), protocol.num_classes).float()
    scorers = [
        ("logistic regression on the same set", models, seconds),
        ("majority class", [lambda x: major.expand(len(x), -1)], None),
    ]
    for name, scored, learnt in scorers:
        valid, test = (tuple(protocol.score(logits, split) for logits in scored) for split in ("valid", "test"))
        rows.append(
            Row(name=name, network=None, test=test, valid=valid, nbytes=None, graphs=None, train_seconds=learnt)
        )
    return rows


def _linear(small: SyntheticSet, num_classes: int) -> Callable[[Tensor], Tensor]:
    """Logits of a logistic regression on pixels; a soft label counts for its likeliest class."""
    assert isinstance(small.data, Tensor)
    label = small.y if small.y.dim() == 1 else small.y.argmax(dim=1)
    model = LogisticRegression(max_iter=5000).fit(small.data.flatten(1).numpy(), label.numpy())
    seen = torch.from_numpy(model.classes_)

    def logits(x: Tensor) -> Tensor:
        out = torch.full((len(x), num_classes), -torch.inf, dtype=torch.float64)
        out[:, seen] = torch.from_numpy(model.predict_log_proba(x.flatten(1).double().numpy()))
        return out

    return logits


def break_even(distilled: Row, full: Row) -> float:
    """Trainings until distilling has paid for itself: its seconds over those that each training saves.

    Infinite where a training on the distilled set takes as long as one on all the data.

    Example:
        >>> row = dict(network="ConvNet", test=(0.9,), valid=(), nbytes=9, graphs=1)
        >>> small = Row(name="small", distill_seconds=60.0, train_seconds=2.0, **row)
        >>> break_even(small, Row(name="all", train_seconds=14.0, **row))
        5.0
    """
    assert distilled.distill_seconds is not None
    assert distilled.train_seconds is not None
    assert full.train_seconds is not None
    saved = full.train_seconds - distilled.train_seconds
    return distilled.distill_seconds / saved if saved > 0 else math.inf
