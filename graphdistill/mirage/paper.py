"""The published protocol of Mirage: its patterns and its selection of scores.

All frequent tree sets at hand-set thresholds, each tree once, unweighted, without single nodes. Ten restarts of thirty
one-step epochs; the best epoch on validation, with the untrained network among the candidates, and the mean of the five
restarts that are best on validation. It is not used elsewhere, because selecting among so many candidates on validation
accounts for most of the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from graphdistill.core.command.report import Row
from graphdistill.core.config_checks import check_positive
from graphdistill.core.data.tensors import segment_ptr, to_device
from graphdistill.core.device import device_of
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.parallel import parallel_map
from graphdistill.core.randomness import scoped
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.loop import Training, train
from graphdistill.core.training.metrics import per_sample_loss
from graphdistill.core.trees.forest import Forest
from graphdistill.mirage.mining import Itemset, closed_itemsets
from graphdistill.mirage.patterns import Pattern

HOPS = 3
"""Depth of the published trees."""

THRESHOLDS = {"ogbg-molhiv": (1800, 115), "ogbg-molbace": (150, 104)}
"""Published supports for class 0 and class 1 at three hops."""


@dataclass(frozen=True, kw_only=True)
class PaperConfig:
    """The published training and selection; the defaults are the paper's."""

    restarts: int = 10
    """Trainings of each network, with seeds from 0."""
    kept: int = 5
    """Restarts that are best on validation, whose mean is reported."""
    epochs: int = 30
    """Epochs of one step on the whole set; a checkpoint is a candidate after each, and before the first."""
    lr: float = 1e-3
    """Learning rate of Adam."""

    def __post_init__(self) -> None:
        check_positive(self, "restarts", "kept", "epochs")
        if self.kept > self.restarts:
            raise ValueError(f"kept must be at most the {self.restarts} restarts, got {self.kept}")
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")


def frequent_itemsets(closed: Sequence[Itemset], most: int = 100_000) -> list[Itemset]:
    """All frequent itemsets from the closed ones: a set's support is that of its smallest closed superset.

    Args:
        closed: closed frequent itemsets with supports.
        most: largest number of itemsets. (default: 100,000)

    Raises:
        ValueError: there are more than ``most``.

    Example:
        >>> [(s.items, s.support) for s in frequent_itemsets([Itemset((1, 2), 3), Itemset((2,), 5)])]
        [((2,), 5), ((1,), 3), ((1, 2), 3)]
    """
    support: dict[tuple[int, ...], int] = {}
    for itemset in sorted(closed, key=lambda s: -s.support):
        if 2 ** len(itemset.items) > most:
            raise ValueError(f"--thresholds admit a set of {len(itemset.items)} trees, too many subsets; raise them")
        for size in range(1, len(itemset.items) + 1):
            for items in combinations(itemset.items, size):
                support.setdefault(items, itemset.support)
    return [Itemset(*pair) for pair in sorted(support.items(), key=lambda pair: (-pair[1], pair[0]))]


def paper_patterns(forest: Forest, y: Tensor, thresholds: Sequence[int]) -> list[Pattern]:
    """All frequent tree sets of each class, including those that are frequent in several.

    Args:
        forest: training graphs at three hops.
        y: their classes, long ``[G]``.
        thresholds: least support of each class.
    """
    out = []
    for label, threshold in enumerate(thresholds):
        mine = forest.subset((y == label).nonzero().view(-1), shrink=False)
        frequent = frequent_itemsets(closed_itemsets(mine.ptr, mine.tree, threshold))
        out += [Pattern(label, itemset.items, itemset.support) for itemset in frequent]
    return out


def paper_set(forest: Forest, patterns: Sequence[Pattern], protocol: TreeProtocol) -> SyntheticSet:
    """The published distilled set: each pattern's trees once, all patterns with equal weight.

    Raises:
        ValueError: every tree of every pattern is a single node.
    """
    has_children = forest.trees.levels[-1].ptr.diff() > 0
    kept = [(p.label, [t for t in p.trees if has_children[t]]) for p in patterns]
    kept = [(label, trees) for label, trees in kept if trees]
    if not kept:
        raise ValueError("--thresholds leave only single nodes, which the published method drops; lower them")
    tree = torch.tensor([t for _, trees in kept for t in trees])
    dictionary, row = forest.trees.restrict(tree)
    ptr = segment_ptr(torch.tensor([len(trees) for _, trees in kept]))
    synthetic = Forest(dictionary, ptr, row[tree], torch.ones_like(tree))
    y, weight = torch.tensor([label for label, _ in kept]), torch.ones(len(kept))
    meta = {"method": "mirage, published setting", "source": protocol.data.name, "graphs": len(kept)}
    return SyntheticSet(synthetic, y, weight, protocol.data.task, protocol.data.features, meta).as_stored()


def paper_rows(protocol: TreeProtocol, synthetic: SyntheticSet, config: PaperConfig = PaperConfig()) -> list[Row]:
    """The published evaluation: the reported score, the last epochs, and untrained networks, for each network.

    Args:
        protocol: data and networks.
        synthetic: the set.
        config: training and selection.
    """
    rows = []
    restarts = [(network, seed) for network in protocol.networks for seed in range(config.restarts)]
    runs: dict[str, list[list[tuple[float, float]]]] = {network: [] for network in protocol.networks}
    results = parallel_map(_restart, (protocol, synthetic, config), restarts, jobs=protocol.jobs)
    bar = protocol.progress.track(results, "training as published", len(restarts))
    for (network, _), scores in zip(restarts, bar, strict=True):
        runs[network].append(scores)
    for network, found in runs.items():
        best = [max(epochs, key=lambda pair: pair[0]) for epochs in found]
        top = sorted(best, reverse=True)[: config.kept]
        untrained = sorted((epochs[0] for epochs in found), reverse=True)[:1]
        for name, chosen in (
            (f"paper: top {config.kept} of {config.restarts} restarts, best epoch", top),
            (f"paper: all {config.restarts} restarts, last epoch", [epochs[-1] for epochs in found]),
            (f"untrained, best of {config.restarts} by validation", untrained),
        ):
            valid, test = zip(*chosen, strict=True)
            rows.append(
                Row(name=name, group=network, test=test, valid=valid, nbytes=synthetic.nbytes, entries=len(synthetic))
            )
    return rows


def _restart(
    context: tuple[TreeProtocol, SyntheticSet, PaperConfig], run: tuple[str, int]
) -> list[tuple[float, float]]:
    """Validation and test score of the untrained network and after each epoch."""
    protocol, synthetic, config = context
    network, seed = run
    model = protocol.network(network, seed)
    forest, y = to_device((synthetic.forest, synthetic.y), device_of(model))

    def loss(batch: Forest) -> Tensor:
        return per_sample_loss(model(batch), y, synthetic.task).mean()

    def scores() -> tuple[float, float]:
        return protocol.score(model, "valid"), protocol.score(model, "test")

    training, found = Training(model, torch.optim.Adam(model.parameters(), lr=config.lr), loss), [scores()]
    with scoped(seed, "published"):
        for _ in range(config.epochs):
            train(training, lambda epoch: [forest])
            found.append(scores())
    return found
