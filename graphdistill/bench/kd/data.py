"""Choosing data and questions: RAD-like, DDK, prefix conditioning and UniversalNER-like against simple choices.

RAD-like: the teacher predicts other classes on 30 % of the entries of all splits, on any, or on those that it is least
sure of; a student asks it about a few of the training entries. DDK: one small student of three domains, whose
worst domain counts, on images and on texts. Prefix conditioning: two sources of opinions with opposite frequencies of
the two labels. UniversalNER-like: which spans of a sentence are of one type, with a quarter of the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from graphdistill.bench.kd import _ner
from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load, load_domains
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.evaluate import build, domain_scores
from graphdistill.kd.methods import ddk, kd, prefix_conditioning, rad
from graphdistill.kd.selectors.margin import margin

UNRELIABLE: dict[str, dict[str, Any]] = {
    "cora": {"queries": 0.05, "teacher": "GCN", "student": "MLP", "steps": 100},
    "digits/usps": {"queries": 0.02, "teacher": "MLP", "student": "MLP", "steps": 150},
}
"""Data sets of the questions, their number, and the training."""
DOMAINS = ("digits", "digits/usps", "digits/mnist")
TEACHER, STUDENT = KDConfig(steps=1000), KDConfig(steps=600)
"""Training on the domains."""
SHARES = {
    "KD, shares by size": kd.Config(temperature=1.0, weight=0.2, label_weight=1.0),
    "equal shares": ddk.Config(shares="equal"),
    "DDK": ddk.Config(),
}
SOURCES = ("text/reviews_films", "text/reviews_products")
OPINIONS = (*SOURCES, "text/opinions")
"""Domains of texts, of which a student knows as much as its teacher."""
RARE = 0.25
"""Share that is kept of bad opinions on films and of good ones on products."""
WRONG = 0.3
"""Share of wrong answers of the teacher."""
QUESTIONS = {
    "random": rad.Config(choice="random"),
    "margin": rad.Config(choice="margin"),
    "RS2": rad.Config(choice="rs2"),
    "RAD, all errors, harmful": rad.Config(wrong=WRONG, harm=True),
    "RAD": rad.Config(),
    "all answers": kd.Config(),
}


def measure(bench: Bench) -> None:
    """The claim of each method."""
    for name, task in UNRELIABLE.items():
        found = run_seeds(bench, _ask, (bench, name), name)
        title = (
            f"{name}, a teacher wrong on {WRONG:.0%}, {task['queries']:.0%} of the entries asked, test accuracy in %"
        )
        show(title, found, "random")
    found = run_seeds(bench, _domains, bench, "domains of digits")
    show("three domains of digits, dense, width 512 to 16, test accuracy in %", found, "equal shares")
    found = run_seeds(bench, _opinions, bench, "domains of opinions")
    show("three domains of opinions, NGrams to NGrams, test accuracy in %", found, "equal shares")
    found = run_seeds(bench, _sources, bench, "sources of opinions")
    show("opinions, 80 % good on films and 20 % on products, NGrams, test accuracy in %", found, "no prefix")
    _ner.measure(bench)


class Unreliable(nn.Module):
    """A network that predicts other classes on some inputs, always the same ones.

    Args:
        network: the network.
        share: share of the inputs that it is wrong on, whichever these are.
        limit: margin below which it is wrong, too.
    """

    def __init__(self, network: nn.Module, share: float, limit: float = 0.0):
        super().__init__()
        self.network, self.share, self.limit = network, share, limit

    def forward(self, x: Tensor, edge_index: Tensor | None = None) -> Tensor:
        """Logits of images, or of nodes; where they are wrong, the classes are rotated by a number of places."""
        logits: Tensor = self.network(x) if edge_index is None else self.network(x, edge_index)
        flat, classes = x.flatten(1).double(), logits.shape[1]
        # The fraction of a random projection is as good as random, but the same for the same input.
        draw = (flat @ torch.arange(1, 1 + flat.shape[1], dtype=torch.double).sqrt() * 1000) % 1
        wrong = (draw < self.share) | (margin(logits) < self.limit)
        places = torch.where(wrong, 1 + (draw * 997 % 1 * (classes - 1)).long(), 0)
        return logits.gather(1, (torch.arange(classes) - places[:, None]) % classes)


def _ask(context: tuple[Bench, str], seed: int) -> Scores:
    """All choices of questions on one split, with one network of the teachers and one initial student."""
    bench, name = context
    task = UNRELIABLE[name]
    view, config = view_of(load(name, bench.root, seed=seed)), KDConfig(steps=bench.steps or task["steps"])
    network = fit_labels(build(view, task["teacher"], "teacher", seed), view, config, seed=seed)
    limit = float(margin(view.predict(network, view.train).logits).quantile(WRONG))
    teachers = {"wrong anywhere": Unreliable(network, WRONG), "wrong where unsure": Unreliable(network, 0.0, limit)}
    found: dict[str, dict[str, float]] = {"teacher": {}, **{row: {} for row in QUESTIONS}}
    for column, teacher in teachers.items():
        found["teacher"][column] = 100 * view.score(teacher, "test")
        for row, method in QUESTIONS.items():
            student = build(view, task["student"], "student", seed)
            asked = {"queries": task["queries"]} if isinstance(method, rad.Config) else {}
            fit_kd(student, teacher, view, replace(method, label_weight=0.0, **asked), config, seed=seed)
            found[row][column] = 100 * view.score(student, "test")
    return found


def _domains(bench: Bench, seed: int) -> Scores:
    """All shares of domains with one wide teacher and one initial narrow student."""
    data, domain = load_domains(DOMAINS, bench.root, seed=seed)
    view = ImageView(data)
    view.set_domain(domain)
    networks: dict[str, nn.Module] = {"teacher": _dense(view, 512, seed)}
    fit_labels(networks["teacher"], view, _steps(bench, TEACHER), seed=seed)
    for row, method in SHARES.items():
        networks[row] = _dense(view, 16, seed)
        fit_kd(networks[row], networks["teacher"], view, method, _steps(bench, STUDENT), seed=seed)
    return _of_domains(view, networks, DOMAINS)


def _opinions(bench: Bench, seed: int) -> Scores:
    """All shares of domains of texts with a teacher of the student's size."""
    data, domain = load_domains(OPINIONS, bench.root, seed=seed)
    view, config = view_of(data, domain=domain), KDConfig(steps=bench.steps)
    networks = {"teacher": fit_labels(build(view, "NGrams", "teacher", seed), view, config, seed=seed)}
    for row, method in SHARES.items():
        networks[row] = build(view, "NGrams", "student", seed)
        fit_kd(networks[row], networks["teacher"], view, method, config, seed=seed)
    return _of_domains(view, networks, OPINIONS)


def _of_domains(view: View, networks: Mapping[str, nn.Module], names: Sequence[str]) -> Scores:
    """Test accuracy of networks by domain, the worst and the mean."""
    found = {}
    for row, network in networks.items():
        scores = [100 * value for value in domain_scores(view, view.logits(network, "test"))]
        found[row] = {**dict(zip(names, scores, strict=True)), "worst": min(scores), "mean": fmean(scores)}
    return found


def _sources(bench: Bench, seed: int) -> Scores:
    """A student without a prefix, and one with the prefix of each source, on data of opposite frequencies of labels."""
    joint, domain = load_domains(SOURCES, bench.root, seed=seed)
    keep = (joint.y == 1 - domain) | (torch.rand(len(domain), generator=generator(seed, "labels")) < RARE)
    splits: Any = {split: index[keep[index]] for split, index in joint.splits.items()}
    data = replace(joint, **splits)
    view, config = view_of(data, domain=domain), KDConfig(steps=bench.steps)
    teacher = fit_labels(build(view, "NGrams", "teacher", seed), view, config, seed=seed)
    methods = [kd.Config(), *(prefix_conditioning.Config(source=source) for source in range(len(SOURCES)))]
    scores = []
    for method in methods:
        student = build(view, "NGrams", "student", seed)
        fit_kd(student, teacher, view, method, config, seed=seed)
        scores.append([100 * value for value in domain_scores(view, view.logits(student, "test"))])
    plain, *prefixed = scores
    rows = {
        "teacher": [100 * value for value in domain_scores(view, view.logits(teacher, "test"))],
        "no prefix": plain,
        "prefix of the source": [prefixed[source][source] for source in range(len(SOURCES))],
        "prefix of the other source": [prefixed[1 - source][source] for source in range(len(SOURCES))],
    }
    return {row: {**dict(zip(SOURCES, each, strict=True)), "mean": fmean(each)} for row, each in rows.items()}


def _dense(view: ImageView, width: int, seed: int) -> nn.Module:
    """A network with two hidden layers."""
    with scoped(seed, "width", width):
        return MLP(view.shape, view.num_classes, width=width)


def _steps(bench: Bench, config: KDConfig) -> KDConfig:
    """The config with the bench's steps, if it has any."""
    return config if bench.steps is None else replace(config, steps=bench.steps)
