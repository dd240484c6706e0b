"""Choosing data and questions: RAD-like against other choices of questions, DDK against other shares of domains.

RAD-like: the teacher predicts other classes on 30 % of the entries of all splits, on any, or on those that it is least
sure of; a student asks it about a few of the training entries. DDK: one student of several domains, whose worst domain
counts.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.datasets import load, load_domains
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.evaluate import build, domain_scores
from graphdistill.kd.methods import ddk, kd, rad
from graphdistill.kd.selectors.margin import margin

DOMAINS = {
    "digits, UCI, USPS and MNIST": (("digits", "digits/usps", "digits/mnist"), "MLP", "MLP"),
    "opinions on films, products and others": (
        ("text/reviews_films", "text/reviews_products", "text/opinions"),
        "Transformer",
        "NGrams",
    ),
}
"""Data sets of the domains, teacher and student."""
SHARES = {
    "KD, shares by size": kd.Config(temperature=1.0, weight=0.2, label_weight=1.0),
    "equal shares": ddk.Config(shares="equal"),
    "DDK": ddk.Config(),
}
WRONG = 0.3
"""Share of wrong answers of the teacher."""
QUESTIONS = {
    "random": rad.Config(choice="random"),
    "margin": rad.Config(choice="margin"),
    "RS2": rad.Config(choice="rs2"),
    "RAD": rad.Config(),
    "all answers": kd.Config(),
}


def measure(bench: Bench) -> None:
    """The claim of each method."""
    for name, queries, networks in (("cora", 0.05, ("GCN", "MLP")), ("digits", 0.05, ("MLP", "MLP"))):
        found = run_seeds(bench, _ask, (bench, name, queries, networks), name)
        show(
            f"{name}, a teacher wrong on {WRONG:.0%}, {queries:.0%} of the entries asked, test accuracy in %",
            found,
            "random",
        )
    for title, context in DOMAINS.items():
        found = run_seeds(bench, _domains, (bench, *context), title)
        show(f"{title}, test accuracy of domains in %", found, "equal shares")


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


def _ask(context: tuple[Bench, str, float, tuple[str, str]], seed: int) -> Scores:
    """All choices of questions on one split, with one network of the teachers and one initial student."""
    bench, name, queries, (above, below) = context
    view, config = view_of(load(name, bench.root, seed=seed)), KDConfig(steps=bench.steps)
    network = fit_labels(build(view, above, "teacher", seed), view, config, seed=seed)
    limit = float(margin(view.predict(network, view.train).logits).quantile(WRONG))
    teachers = {"wrong anywhere": Unreliable(network, WRONG), "wrong where unsure": Unreliable(network, 0.0, limit)}
    found: dict[str, dict[str, float]] = {"teacher": {}, **{row: {} for row in QUESTIONS}}
    for column, teacher in teachers.items():
        found["teacher"][column] = 100 * view.score(teacher, "test")
        for row, method in QUESTIONS.items():
            student = build(view, below, "student", seed)
            asked = {"queries": queries} if isinstance(method, rad.Config) else {}
            fit_kd(student, teacher, view, replace(method, label_weight=0.0, **asked), config, seed=seed)
            found[row][column] = 100 * view.score(student, "test")
    return found


def _domains(context: tuple[Bench, tuple[str, ...], str, str], seed: int) -> Scores:
    """All shares of domains with one teacher and one initial student."""
    bench, names, above, below = context
    data, domain = load_domains(names, bench.root, seed=seed)
    view, config = view_of(data, domain=domain), KDConfig(steps=bench.steps)
    teacher = fit_labels(build(view, above, "teacher", seed), view, config, seed=seed)
    networks = {"teacher": teacher}
    for row, method in SHARES.items():
        networks[row] = build(view, below, "student", seed)
        fit_kd(networks[row], teacher, view, method, config, seed=seed)
    found = {}
    for row, network in networks.items():
        scores = [100 * value for value in domain_scores(view, view.logits(network, "test"))]
        found[row] = {**dict(zip(names, scores, strict=True)), "worst": min(scores), "mean": sum(scores) / len(scores)}
    return found
