"""Distillation by thresholds: every closed frequent set of trees of a class becomes one synthetic graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.data.tensors import segment_ptr
from graphdistill.core.trees.dictionary import Trees
from graphdistill.core.trees.forest import Forest
from graphdistill.mirage.mining import Itemset, closed_itemsets


@dataclass(frozen=True)
class Pattern:
    """A set of trees that ``support`` graphs of class ``label`` contain."""

    label: int
    trees: tuple[int, ...]
    support: int


def mine_patterns(forest: Forest, y: Tensor, thresholds: Sequence[int]) -> list[Pattern]:
    """Closed frequent tree sets of each class, each kept in one class only.

    A set that is frequent in several classes goes to the class in which the larger share of graphs has it
    (the smaller class number on a tie), because the same graph with different labels is not informative.

    Args:
        forest: training graphs.
        y: their classes, long ``[G]``.
        thresholds: minimum support of each class.

    Returns:
        Patterns by class, by falling support.

    Raises:
        ValueError: there is not one threshold for each class, or no tree of a class reaches its threshold.

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.graphs import Graphs
        >>> from graphdistill.core.trees.build import build_forest
        >>> atoms = [Data(x=torch.tensor([[a]]), edge_index=torch.empty(2, 0).long()) for a in (6, 6, 8)]
        >>> forest = build_forest(Graphs.from_data_list(atoms), 0)
        >>> [p.support for p in mine_patterns(forest, torch.tensor([0, 0, 1]), (2, 1))]
        [2, 1]
    """
    classes = int(y.max()) + 1
    if len(thresholds) != classes:
        raise ValueError(
            f"--thresholds has {len(thresholds)} values {tuple(thresholds)} but the data have {classes} classes; "
            f"give one support for each class, class 0 first"
        )
    found: list[list[Itemset]] = []
    for label, threshold in enumerate(thresholds):
        mine = forest.subset((y == label).nonzero().view(-1), shrink=False)
        found.append(closed_itemsets(mine.ptr, mine.tree, threshold, max_itemsets=100_000))
        if not found[-1]:
            most = int(torch.bincount(mine.tree).max()) if len(mine.tree) else 0
            raise ValueError(
                f"--thresholds: no tree of class {label} reaches support {threshold}; its most frequent tree has "
                f"support {most}, give that or less"
            )
    return one_class_each(found, torch.bincount(y, minlength=classes).tolist())


def one_class_each(found: Sequence[Sequence[Itemset]], sizes: Sequence[int]) -> list[Pattern]:
    """Frequent tree sets of each class, each kept in the class in which the larger share of graphs has it.

    Args:
        found: tree sets of each class with supports.
        sizes: number of graphs of each class.

    Example:
        >>> one_class_each([[Itemset((1,), 2)], [Itemset((1,), 2), Itemset((2,), 1)]], [4, 2])
        [Pattern(label=1, trees=(1,), support=2), Pattern(label=1, trees=(2,), support=1)]
    """
    share: dict[tuple[int, ...], tuple[float, int]] = {}
    for label, itemsets in enumerate(found):
        for itemset in itemsets:
            here = (itemset.support / sizes[label], -label)
            share[itemset.items] = max(here, share.get(itemset.items, here))
    return [
        Pattern(label, itemset.items, itemset.support)
        for label, itemsets in enumerate(found)
        for itemset in itemsets
        if -share[itemset.items][1] == label
    ]


def pattern_forest(forest: Forest, y: Tensor, patterns: Sequence[Pattern]) -> tuple[Forest, Tensor, Tensor]:
    """Write each pattern as a graph with the size and proportions of the real graphs that contain it.

    A tree's count is its mean count over the supporting graphs, scaled so that the graph has as many nodes as
    they have on average, so that mean and sum readouts have the real scale.

    Args:
        forest: training graphs.
        y: their classes, long ``[G]``.
        patterns: the patterns.

    Returns:
        The forest of patterns, their labels (long ``[n]``) and their weights: supports, summing to 1 per class.
    """
    totals, mean_sizes = [], []
    size = forest.num_nodes
    for pattern in patterns:
        items = torch.tensor(pattern.trees)
        wanted = torch.zeros(forest.trees.sizes[-1], dtype=torch.bool)
        wanted[items] = True
        pairs = (wanted[forest.tree] & (y[forest.graph] == pattern.label)).nonzero().view(-1)
        hits = torch.bincount(forest.graph[pairs], minlength=len(forest))
        pairs = pairs[hits[forest.graph[pairs]] == len(items)]
        total = torch.zeros(len(wanted), dtype=torch.long).index_add_(0, forest.tree[pairs], forest.count[pairs].long())
        totals.append(total[items].float())
        mean_sizes.append(size[hits == len(items)].float().mean())
    return write_patterns(forest.trees, patterns, totals, mean_sizes)


def write_patterns(
    dictionary: Trees, patterns: Sequence[Pattern], totals: Sequence[Tensor], mean_sizes: Sequence[Tensor]
) -> tuple[Forest, Tensor, Tensor]:
    """Write patterns as graphs from statistics of the graphs that contain them.

    Args:
        dictionary: the trees of the patterns are rows of its deepest level.
        patterns: the patterns.
        totals: for each pattern the number of nodes with each of its trees in all supporting graphs, float ``[trees]``.
        mean_sizes: for each pattern the mean number of nodes of a supporting graph, float.

    Returns:
        As :func:`pattern_forest`.
    """
    counts = []
    for total, mean_size in zip(totals, mean_sizes, strict=True):
        share = total / total.sum()
        counts.append((share * mean_size).round().clamp(min=1).long())
    trees = torch.cat([torch.tensor(p.trees) for p in patterns])
    restricted, row = dictionary.restrict(trees)
    ptr = segment_ptr(torch.tensor([len(p.trees) for p in patterns]))
    synthetic = Forest(restricted, ptr, row[trees], torch.cat(counts))
    label = torch.tensor([p.label for p in patterns])
    support = torch.tensor([float(p.support) for p in patterns])
    return synthetic, label, support / torch.zeros(int(label.max()) + 1).index_add_(0, label, support)[label]
