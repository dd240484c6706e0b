"""Mirage: distil labelled graphs into a small set of counted computation trees, without training a network."""

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
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import stratify_labels
from graphdistill.core.randomness import class_balanced_order
from graphdistill.core.randomness import generator as seeded
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights, soft_labels
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.raw_forest import raw_forest
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.core.trees.wl import group
from graphdistill.datasets import load_graphs
from graphdistill.mirage.compress import compress, raw_prefix
from graphdistill.mirage.config import MirageConfig
from graphdistill.mirage.draws import best_order, draw_scorer
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

    A GNN of depth L sees a graph as the multiset of its nodes' depth-L computation trees, and these repeat: the set
    keeps distinct trees once and graphs as counts :math:`G \mapsto \{(t, n_t(G))\}` over them. With thresholds the
    graphs are the closed frequent tree sets of each class; with a budget they are real graphs rewritten over a
    dictionary that fits the budget (or plain graphs, if trees hardly repeat), with the soft labels of a
    logistic regression on tree counts; lossless keeps everything. No network is trained.

    Args:
        data: graphs with splits, or PyG graphs that :func:`graphdistill.datasets.load_graphs` reads; only the training
            split is read.
        config: size of the set and depth of the trees. (default: one percent of the raw bytes at two hops)
        generator: draws the graphs of a budgeted set. (default: seed 0)
        progress: shows bars. (default: silent)
        split: the training split of ``data`` with trees of ``hops``, to share it among several sets. (default: built
            here)

    Returns:
        The set; ``meta`` has the config, the cost and the automatic choices.

    Raises:
        ValueError: a class of the training split is empty, the budget is below the smallest set, there is not one
            threshold per class, or ``split`` is of other data.

    Example:
        >>> from graphdistill.datasets import load
        >>> from torch_geometric.data import Data
        >>> pair = torch.tensor([[0, 1], [1, 0]])
        >>> graphs = [Data(x=torch.tensor([[6], [a]]), edge_index=pair, y=torch.tensor([a % 2])) for a in (7, 8) * 20]
        >>> synthetic = distill_mirage(load(graphs), MirageConfig(bytes=60, hops=1))
        >>> len(synthetic) >= 2, synthetic.nbytes <= 60
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
    graphs, y = split.graphs, split.y
    if not config.lossless:  # a shard may lack a class
        _check_classes(data, y)
    if config.thresholds is not None and data.task == "multilabel":
        raise ValueError(f"--thresholds need one label per graph, but {data.name} has many tasks; give --fraction")
    with progress.step("building computation trees", 1) as advance:
        forest = split.forest
        advance(1)
    raw = int(split.raw.sum())
    budget = config.bytes
    if budget is None and config.thresholds is None and not config.lossless:
        budget = int(raw * (0.01 if config.fraction is None else config.fraction))
    start, parts = time.perf_counter(), ["counted", "forest", "raw"]
    chosen: dict[str, object] = {}
    if config.thresholds is not None:
        with progress.step("mining closed tree sets", 1) as advance:
            patterns = mine_patterns(forest, y, config.thresholds)
            synthetic, label, weight = pattern_forest(forest, y, patterns)
            advance(1)
        chosen["supports"] = [[p.support for p in patterns if p.label == c] for c in range(data.num_outputs)]
        out = (synthetic.by_frequency(), label, weight)
    else:
        trees_hardly_repeat = forest.nbytes > raw
        best = raw_forest(graphs, config.hops) if trees_hardly_repeat else forest
        whole = SyntheticSet(best, y, class_weights(y, data.task), data.task)
        if budget is None or whole.nbytes <= budget:
            out = (best, y, whole.weight)
        else:
            with progress.step("fitting the budget", 1) as advance:
                teacher, start = split.teacher, time.perf_counter()
                parts.append("teacher")
                out = _fit_budget(forest, graphs, data, teacher, budget, trees_hardly_repeat, config, generator)
                advance(1)
            chosen["threshold"] = _least_support(forest, out[0])
    synthetic, label, weight = out
    facts = {
        "method": "mirage",
        "config": asdict(config),
        "seed": generator.initial_seed(),
        "versions": versions(),
        "source": data.name,
        "source_sha256": split.sha256,
        "budget": budget,
        "trees": list(synthetic.trees.sizes),
        "graphs": len(synthetic),
        "graphs_in_training_split": len(forest),
        "raw_bytes": raw,
        "seconds": sum(split.seconds[part] for part in parts) + time.perf_counter() - start,
        **chosen,
    }
    return SyntheticSet(synthetic, label, weight, data.task, data.features, facts)


def _fit_budget(
    forest: Forest,
    graphs: Graphs,
    data: GraphDataset,
    logits: Tensor,
    budget: int,
    trees_hardly_repeat: bool,
    config: MirageConfig,
    generator: torch.Generator,
) -> tuple[Forest, Tensor, Tensor]:
    """As many graphs with soft labels as fit the budget, over a dictionary or, if trees hardly repeat, plain graphs."""
    y = data.y[data.train]
    multiclass = data.task == "multiclass"
    label = stratify_labels(y)
    soft = soft_labels(logits.softmax(dim=1) if multiclass else logits.sigmoid(), data.task)
    order, columns = class_balanced_order(label, generator), logits.shape[1] - multiclass

    def reorder(rewritten: Forest, count: int) -> Tensor:
        orders = [order, *(class_balanced_order(label, generator) for _ in range(config.draws - 1))]
        return best_order(rewritten, orders, count, draw_scorer(forest, logits, generator))

    least, index = len(label.unique()), order[:0]
    if trees_hardly_repeat:
        synthetic, index = raw_prefix(forest, graphs, order, budget, columns, reorder)
    if len(index) < least:
        synthetic, index = compress(forest, order, budget, columns, least, reorder, config.dictionary_share)
    return synthetic, soft[index], class_weights(soft[index], data.task)


def _least_support(forest: Forest, synthetic: Forest) -> int:
    """Smallest number of training graphs that contain a tree of the set's dictionary."""
    kept = synthetic.trees.ids()[-1]
    _, row, _ = group(torch.cat([kept, forest.trees.ids()[-1]]))
    support = torch.zeros(int(row.max()) + 1, dtype=torch.long)
    support[row[len(kept) :]] = torch.bincount(forest.tree, minlength=len(row) - len(kept))
    return int(support[row[: len(kept)]].min())


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
