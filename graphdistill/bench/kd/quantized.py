"""Quantised distillation against rounding and labels alone, with all labels and with few; bits, levels, bytes.

The network of width 8 is small, so that two bits by rounding are too few for it. With few labels the float network
still was trained on all of them; the others are unlabelled in the compression. Nodes, graphs and texts have two bits.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.compress.evaluate import score_seed
from graphdistill.compress.methods.quantized import Config, baselines
from graphdistill.core.methods import MethodConfig
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import few_labels, view_of

NETWORK, FEW = "ConvNet-8", 2
"""Network of the images, and labels of each class where they are few."""
BITS = (2, 3, 4)
OTHERS = {"cora": "GCN-16", "pains": "GIN-16", "text/trec": "Transformer-16"}
"""Network of each further data set."""


def measure(bench: Bench) -> None:
    """Accuracy and coded bytes on digits by bits and, with two of them, by what is trained and with few labels."""
    for bits in BITS:
        methods = _methods(Config(bits=bits))
        if bits == min(BITS):
            methods |= {
                "levels alone": Config(bits=bits, trained="levels"),
                "levels by gradient": Config(bits=bits, allocation="gradient"),
                "random rounding": Config(bits=bits, stochastic=True),
            }
        found = run_seeds(bench, _seed, (bench, "digits", NETWORK, methods, None), f"{bits} bits")
        show(f"digits, {NETWORK}, {bits} bits, test accuracy in %", _columns(found, "accuracy"), "rounding")
        show(f"digits, {NETWORK}, {bits} bits, cost", _columns(found, "bytes", "ms"))
    methods = _methods(Config(bits=min(BITS)))
    found = run_seeds(bench, _seed, (bench, "digits", NETWORK, methods, FEW), "few labels")
    title = f"digits, {NETWORK}, {min(BITS)} bits, {FEW} labels a class, test accuracy in %"
    show(title, _columns(found, "accuracy"), "labels alone")
    for name, network in OTHERS.items():
        found = run_seeds(bench, _seed, (bench, name, network, methods, None), name)
        title = f"{name}, {network}, {min(BITS)} bits, test metric in %"
        show(title, _columns(found, "accuracy", "bytes"), ("rounding", "labels alone"))


def _methods(config: Config) -> dict[str, MethodConfig]:
    return {**baselines(config), "distillation": config}


def _columns(found: Mapping[str, Mapping[str, list[float]]], *names: str) -> dict[str, dict[str, list[float]]]:
    return {row: {name: values[name] for name in names} for row, values in found.items()}


def _seed(context: tuple[Bench, str, str, Mapping[str, MethodConfig], int | None], seed: int) -> Scores:
    """All rows on one split, from one trained network."""
    bench, name, network, methods, labels = context
    data = load(name, bench.root, seed=seed)
    whole = view_of(data)
    view = whole if labels is None else view_of(data, "cpu", few_labels(data, labels, seed))
    rows = score_seed(view, methods, KDConfig(steps=bench.steps), network=network, whole=whole, seed=seed)
    return {row: {"accuracy": 100 * s.test, "bytes": s.coded, "ms": s.latency} for row, s in rows.items()}
