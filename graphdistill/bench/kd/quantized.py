"""Quantised distillation against rounding and labels alone, with all labels and with few; bits, levels, bytes.

The network of width 8 is small, so that two bits by rounding are too few for it. With few labels the float network
still was trained on all of them; the others are unlabelled in the compression.
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
        found = run_seeds(bench, _seed, (bench, methods, None), f"{bits} bits")
        show(f"digits, {NETWORK}, {bits} bits, test accuracy in %", _columns(found, "accuracy"), "rounding")
        show(f"digits, {NETWORK}, {bits} bits, cost", _columns(found, "bytes", "ms"))
    found = run_seeds(bench, _seed, (bench, _methods(Config(bits=min(BITS))), FEW), "few labels")
    title = f"digits, {NETWORK}, {min(BITS)} bits, {FEW} labels a class, test accuracy in %"
    show(title, _columns(found, "accuracy"), "labels alone")


def _methods(config: Config) -> dict[str, MethodConfig]:
    return {**baselines(config), "distillation": config}


def _columns(found: Mapping[str, Mapping[str, list[float]]], *names: str) -> dict[str, dict[str, list[float]]]:
    return {row: {name: values[name] for name in names} for row, values in found.items()}


def _seed(context: tuple[Bench, Mapping[str, MethodConfig], int | None], seed: int) -> Scores:
    """All rows on one split, from one trained network."""
    bench, methods, labels = context
    data = load("digits", bench.root, seed=seed)
    whole = view_of(data)
    view = whole if labels is None else view_of(data, "cpu", few_labels(data, labels, seed))
    rows = score_seed(view, methods, KDConfig(steps=bench.steps), network=NETWORK, whole=whole, seed=seed)
    return {name: {"accuracy": 100 * s.test, "bytes": s.coded, "ms": s.latency} for name, s in rows.items()}
