"""DMAE on few labels: against labels alone, and against a masked autoencoder without a teacher."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from graphdistill.bench.kd._few_labels import LABELS, score_methods
from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.randomness import class_balanced_order, generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import dmae

METHODS = {"masked autoencoder": dmae.Config(weight=0), "dmae": dmae.Config()}
"""Methods by row."""
GRAPH, NODE_LABELS, NODE_STEPS = "digits-knn", 2, 200
"""Data set of nodes, labels of each class, and steps of each training."""


def measure(bench: Bench) -> None:
    """Test accuracy on images of digits, and on nodes."""
    found = run_seeds(bench, on_images, bench, "digits")
    show(f"digits, {LABELS} labels a class, test accuracy in %", found, ("labels", "masked autoencoder"))
    found = run_seeds(bench, on_nodes, bench, GRAPH)
    show(f"{GRAPH}, {NODE_LABELS} labels a class, test accuracy in %", found, ("labels", "masked autoencoder"))


def on_images(bench: Bench, seed: int) -> Scores:
    """Vision transformers on images."""
    return score_methods(bench, METHODS, seed)


def on_nodes(bench: Bench, seed: int) -> Scores:
    """Graph networks on nodes; the teacher has all labels of the training split."""
    data, steps = load(GRAPH, bench.root, seed=seed), bench.steps or NODE_STEPS
    assert isinstance(data, NodeDataset)
    full, config = NodeView(data), KDConfig(steps=steps)
    order = data.train[class_balanced_order(data.y[data.train], generator(seed, "labels"))]
    view = NodeView(data, labelled=order[: NODE_LABELS * full.num_classes])
    with scoped(seed, "teacher"):
        teacher = NodeView.TEACHERS["GCN"](full)
    networks: dict[str, nn.Module] = {"teacher, all labels": fit_labels(teacher, full, config, seed=seed)}
    for name, method in {"labels": None, **METHODS}.items():
        with scoped(seed, "student"):
            networks[name] = NodeView.STUDENTS["GCN-16"](full)
        if method is None:
            fit_labels(networks[name], view, config, seed=seed)
        else:
            fit_kd(networks[name], teacher, view, replace(method, pretraining_steps=steps), config, seed=seed)
    return {name: {"accuracy": 100 * full.score(network, "test")} for name, network in networks.items()}
