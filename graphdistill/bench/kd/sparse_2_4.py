"""Adaptive sparse training against one-shot pruning and training on labels alone, with masks that change and that stay.

The sparse character model is trained in a tenth of the steps of the float one: the papers, too, train sparse networks
in a small share of the steps of the dense ones. The other networks have their usual steps for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from graphdistill.bench.kd._tables import Scores, run_seeds, show, trained_network
from graphdistill.bench.options import KDBench as Bench
from graphdistill.compress.evaluate import FLOAT, score_seed
from graphdistill.compress.methods.sparse_2_4 import Config, baselines
from graphdistill.core.methods import MethodConfig

NETWORKS: Mapping[str, tuple[str, int | None]] = {
    "text/shakespeare": ("Transformer-32", 200),
    "cora": ("GCN-16", None),
    "pains": ("GIN-16", None),
    "digits": ("ConvNet-8", None),
}
"""Network of each data set, and steps of the sparse one, where they are not those of the float one."""
SPARSITIES: tuple[Literal["2:4", "50", "75"], ...] = ("2:4", "50", "75")


def measure(bench: Bench) -> None:
    """Accuracy and coded bytes on each data set, by the share of zeros."""
    for dataset, (network, _) in NETWORKS.items():
        found = run_seeds(bench, _seed, (bench, dataset), dataset)
        for sparsity in SPARSITIES:
            rows = {FLOAT: found[FLOAT]}
            rows |= {
                name.removeprefix(f"{sparsity} "): v for name, v in found.items() if name.startswith(f"{sparsity} ")
            }
            title = f"{dataset}, {network}, {sparsity}"
            accuracy = {row: {"accuracy": values["accuracy"]} for row, values in rows.items()}
            show(f"{title}, test metric in %", accuracy, ["one-shot pruning", "labels alone"])
            show(f"{title}, bytes", {row: {"bytes": values["bytes"]} for row, values in rows.items()}, digits=0)


def _methods(sparsity: Literal["2:4", "50", "75"], kind: str) -> dict[str, MethodConfig]:
    config = Config(sparsity=sparsity)
    alone = baselines(config)["labels alone"]
    rows: dict[str, MethodConfig] = {
        **baselines(config),
        "labels alone, first masks": replace(alone, mask_every=0, decay=0.0),
    }
    if sparsity == "2:4":
        rows |= {
            "first masks": replace(config, mask_every=0, decay=0.0),
            "masks by activations": replace(config, criterion="activations"),
            "with SLoRB": replace(config, slorb=16),
        }
        if kind != "graphs":
            rows["with SquareHead"] = replace(config, feature_weight=0.3)
    return {**rows, "sparse-2-4": config}


def _seed(context: tuple[Bench, str], seed: int) -> Scores:
    """All rows of all shares of zeros on one split, from one trained network."""
    bench, dataset = context
    view, model, training = trained_network(bench, dataset, *NETWORKS[dataset], seed)
    found: dict[str, Mapping[str, float]] = {}
    for sparsity in SPARSITIES:
        rows = score_seed(view, _methods(sparsity, view.KIND), training, model=model, seed=seed)
        for row, scored in rows.items():
            found[row if row == FLOAT else f"{sparsity} {row}"] = {"accuracy": 100 * scored.test, "bytes": scored.coded}
    return found
