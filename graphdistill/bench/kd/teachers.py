"""Several teachers: the mean of three networks against the best of them and their vote; other data and other domains.

On graphs GCN, GraphSAGE and GAT are the teachers of an MLP, which is trained on all nodes without labels. The
best single teacher is chosen on validation; the vote is the class that most of the three predict.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphdistill.bench.kd import _sources, _unlabelled
from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.inputs import BatchModule, Inputs, call
from graphdistill.kd.methods import meal_v2, ssld
from graphdistill.kd.teachers.ensemble import MeanTeachers

GRAPHS = ("digits-knn", "cora")
NETWORKS = ("GCN", "GraphSAGE", "GAT")


class Vote(BatchModule):
    """Logits that are sure of the class that most members predict; among equals the one of highest mean probability."""

    def forward(self, inputs: Inputs) -> Tensor:
        """Logits of 0 and 10,000."""
        logits = torch.stack([call(member, inputs) for member in self.members])
        votes = F.one_hot(logits.argmax(-1), logits.shape[-1]).sum(0) + logits.softmax(-1).mean(0) / 2
        return 1e4 * F.one_hot(votes.argmax(1), logits.shape[-1]).float()


def measure(bench: Bench) -> None:
    """Test accuracy of teachers and students."""
    for name in GRAPHS:
        found = run_seeds(bench, _graph, (bench, name), name)
        show(f"{name}, to MLP, test accuracy in %", found, ("best single", "vote"))
    _sources.measure(bench)
    _unlabelled.measure(bench)


def _graph(context: tuple[Bench, str], seed: int) -> Scores:
    """Three teachers, their mean and vote, and a student of each."""
    bench, name = context
    view = view_of(load(name, bench.root, seed=seed))
    config = KDConfig(steps=bench.steps)
    members = []
    for network in NETWORKS:
        with scoped(seed, network):
            members.append(view.TEACHERS[network](view))
        fit_labels(members[-1], view, config, seed=seed)
    best = max(members, key=lambda member: view.score(member, "valid"))
    teachers = {"best single": best, "vote": Vote(members), "mean": MeanTeachers(members)}
    networks: dict[str, nn.Module] = {f"teacher {n}": m for n, m in zip(NETWORKS, members, strict=True)}
    networks |= {f"teachers, {n}": teachers[n] for n in ("vote", "mean")}
    students: dict[str, tuple[nn.Module, MethodConfig]] = {
        "best single": (best, meal_v2.Config()),
        "vote": (teachers["vote"], meal_v2.Config()),
        "MEAL V2": (teachers["mean"], meal_v2.Config()),
        "MEAL V2, discriminator": (teachers["mean"], meal_v2.Config(discriminator=0.1)),
        "SSLD": (teachers["mean"], ssld.Config()),
        "SSLD, true JS": (teachers["mean"], ssld.Config(divergence="js")),
    }
    for row, (teacher, method) in students.items():
        with scoped(seed, "student"):
            networks[row] = view.STUDENTS["MLP"](view)
        fit_kd(networks[row], teacher, view, method, config, seed=seed)
    return {row: {"accuracy": 100 * view.score(network, "test")} for row, network in networks.items()}
