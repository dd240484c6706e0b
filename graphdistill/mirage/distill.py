"""Mirage: distil labelled graphs into a small coded set, without training a network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.command.report import versions
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.randomness import generator as seeded
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.datasets import load_graphs
from graphdistill.mirage.config import MirageConfig
from graphdistill.mirage.patterns import mine_patterns, pattern_forest


def distill_mirage(
    data: GraphDataset | Sequence[Data],
    config: MirageConfig | None = None,
    *,
    generator: torch.Generator | None = None,
    progress: Progress = NO_PROGRESS,
    split: TrainingSplit | None = None,
) -> SyntheticSet:
    r"""Distil the training split of a graph data set (Mirage, Gupta et al., ICLR 2024, arXiv:2310.09486).

    A GNN of depth L sees a graph as the multiset of its nodes' depth-L computation trees,
    :math:`G \mapsto \{(t, n_t(G))\}`. With thresholds the graphs of the set are the closed frequent tree sets of each
    class. With a budget they are real graphs, as many as fit when coded, whose soft labels are the probabilities of a
    logistic regression on tree counts: it has read the whole training split, so that few graphs carry what many would.
    Soft targets of regression are means of a graph's own and of the prediction of a ridge regression on tree counts,
    whose strength is the best on validation. Lossless keeps all graphs. No network is trained.

    Args:
        data: graphs with splits, or PyG graphs that :func:`graphdistill.datasets.load_graphs` reads; only the training
            split is read, and of regression the validation split for the strength.
        config: size of the set and depth of the trees. (default: a tenth of the coded bytes at two hops)
        generator: draws the graphs of a budgeted set. (default: seed 0)
        progress: shows bars. (default: silent)
        split: the training split of ``data`` with trees of ``hops``, to share it among several sets. (default: built
            here)

    Returns:
        The set as it will be loaded; ``meta`` has the config, the cost and the automatic choices.

    Raises:
        ValueError: a class of the training split is empty, the budget is below one graph a class or quantile of the
            target, there is not one threshold per class, or ``split`` is of other data.

    Example:
        >>> from graphdistill.datasets import load
        >>> from torch_geometric.data import Data
        >>> pair = torch.tensor([[0, 1], [1, 0]])
        >>> graphs = [Data(x=torch.tensor([[6], [a]]), edge_index=pair, y=torch.tensor([a % 2])) for a in (7, 8) * 20]
        >>> synthetic = distill_mirage(load(graphs), MirageConfig(bytes=40, hops=1))
        >>> len(synthetic) >= 2, synthetic.nbytes <= 40
        (True, True)
    """
    config = MirageConfig() if config is None else config
    generator = seeded(0, "mirage") if generator is None else generator
    if not isinstance(data, GraphDataset):
        data = load_graphs(data)
    split = TrainingSplit(data, config.hops, config.verify) if split is None else split
    if split.data is not data or (split.depth, split.verify) != (config.hops, config.verify):
        raise ValueError(
            f"split is of {split.data.name} with trees of depth {split.depth}, not of this {data.name} with "
            f"{config.hops}; make it by TrainingSplit(data, config.hops, config.verify)"
        )
    if not config.lossless:  # a shard may lack a class
        _check_classes(data, split.y)
    if config.thresholds is not None and data.task != "multiclass":
        what = "many tasks" if data.task == "multilabel" else "targets of regression and no classes"
        raise ValueError(
            f"--thresholds need one label per graph, but {data.name} has {what}; give --fraction or --bytes"
        )
    with progress.step("building computation trees", 1) as advance:
        assert len(split.forest)
        advance(1)
    shared, start, parts = sum(split.seconds.values()), time.perf_counter(), ["counted", "forest"]
    chosen: dict[str, object] = {}
    budget = config.bytes
    if config.thresholds is not None:
        with progress.step("mining closed tree sets", 1) as advance:
            patterns = mine_patterns(split.forest, split.y, config.thresholds)
            forest, label, weight = pattern_forest(split.forest, split.y, patterns)
            synthetic = SyntheticSet(forest, label, weight, data.task, data.features).as_stored()
            advance(1)
        chosen["supports"] = [[p.support for p in patterns if p.label == c] for c in range(data.num_outputs)]
    elif config.lossless:
        with progress.step("coding all graphs", 1) as advance:
            synthetic = split.whole
            parts.append("whole")
            advance(1)
    else:
        with progress.step("fitting the budget", 1) as advance:
            if budget is None:
                budget = int(split.whole.nbytes * config.share)
                parts.append("whole")
            synthetic = _within(split, budget, config, generator)
            parts.append("teacher")
            advance(1)
        chosen["label_bits"] = config.label_bits
    # Parts of the split are computed once for all sets, and are part of the time of each set that needs them.
    own = time.perf_counter() - start - (sum(split.seconds.values()) - shared)
    facts = {
        "method": "mirage",
        "config": asdict(config),
        "seed": generator.initial_seed(),
        "versions": versions(),
        "source": data.name,
        "source_sha256": split.sha256,
        "budget": budget,
        "trees": list(synthetic.forest.trees.sizes),
        "graphs": len(synthetic),
        "graphs_in_training_split": len(split.graphs),
        "seconds": sum(split.seconds[part] for part in parts) + own,
        **chosen,
    }
    return synthetic.with_meta(facts)


def _within(split: TrainingSplit, budget: int, config: MirageConfig, generator: torch.Generator) -> SyntheticSet:
    """Random real graphs with soft labels, classes or quantiles in turn, as many as fit."""
    synthetic = split.within(split.random_order(generator), budget, soft=True, bits=config.label_bits)
    if synthetic.nbytes > budget:
        each = "quantile of the targets" if split.data.task == "regression" else "class"
        raise ValueError(
            f"the budget of {budget} bytes is below one graph of each {each}, {len(synthetic)} graphs of "
            f"{synthetic.nbytes} bytes; give --bytes {synthetic.nbytes} or more"
        )
    return synthetic


def _check_classes(data: GraphDataset, y: Tensor) -> None:
    """Reject a training split in which a class has no graph."""
    if not len(y):
        raise ValueError(f"the training split of {data.name} is empty; give at least one graph of each class")
    if data.task == "multiclass":
        missing = [c for c, n in enumerate(torch.bincount(y, minlength=data.num_outputs).tolist()) if not n]
        if missing:
            raise ValueError(
                f"the training split of {data.name} has no graph of class {missing[0]}; add graphs of that class, "
                f"number classes without gaps, or choose another split"
            )
