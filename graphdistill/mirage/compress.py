r"""Distillation by budget: a dictionary of the most useful trees, and as many graphs as then fit.

Every graph is written as counts over a dictionary of K trees. A node whose tree is not in the dictionary takes the
most frequent dictionary tree that agrees with it to the greatest depth, so a graph keeps all its nodes. The worth of a
tree t counts its own nodes, exact at full depth, and, if it is the most frequent tree with the same cut, all nodes that
agree with it at that depth,

.. math:: \mathrm{worth}(t) = n_t + \sum_{k < L} [t = \arg\max_{s : s_k = t_k} n_s] \; 2^{L - k - 1} n_{t_k}

with :math:`n` the number of nodes and :math:`t_k` the tree cut at depth k.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import largest_that_fits, tensor_bytes
from graphdistill.core.trees.forest import Forest, from_counts
from graphdistill.core.trees.raw_bytes import raw_bytes
from graphdistill.core.trees.raw_forest import raw_forest
from graphdistill.mirage.draws import MOST_GRAPHS


def tree_order(forest: Forest) -> Tensor:
    """Deepest trees by falling worth in a dictionary, long ``[n_L]``.

    Args:
        forest: training graphs, ordered by frequency (:meth:`~graphdistill.core.trees.forest.Forest.by_frequency`).

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.graphs import Graphs
        >>> from graphdistill.core.trees.build import build_forest
        >>> atoms = [Data(x=torch.tensor([[a]]), edge_index=torch.empty(2, 0).long()) for a in (6, 6, 8)]
        >>> tree_order(build_forest(Graphs.from_data_list(atoms), 1).by_frequency()).tolist()
        [0, 1]
    """
    trees = forest.trees
    nodes = forest.multiplicity(torch.double)
    worth = nodes[-1].clone()
    rows = cut = torch.arange(trees.sizes[-1])
    for steps, level in enumerate(reversed(trees.levels)):
        cut = level.truncated[cut]
        below = nodes[trees.depth - 1 - steps]
        first = torch.full((len(below),), len(rows)).scatter_reduce_(0, cut, rows, "amin")
        first = first[first < len(rows)]
        worth[first] += 2**steps * below[cut[first]]
    return worth.sort(descending=True, stable=True).indices


def stand_in(forest: Forest, keep: Tensor) -> Tensor:
    """The dictionary tree that replaces each deepest tree, long ``[n_L]``.

    Args:
        forest: training graphs, ordered by frequency.
        keep: the dictionary, rows of the deepest level.

    Returns:
        For each tree a member of ``keep``: itself, else the most frequent one with the same cut at the greatest
        depth, else the most frequent one of all.
    """
    trees = forest.trees
    cut = torch.arange(trees.sizes[-1])
    nobody = len(cut)
    chosen = torch.full_like(cut, nobody)
    for depth in range(trees.depth, -1, -1):
        # Rows ascend by falling frequency, so the most frequent tree is the least row.
        least = torch.full((trees.sizes[depth],), nobody).scatter_reduce_(0, cut[keep], keep, "amin")
        chosen = torch.where(chosen == nobody, least[cut], chosen)
        if depth:
            cut = trees.levels[depth - 1].truncated[cut]
    return torch.where(chosen == nobody, keep.min(), chosen)


def rewrite(forest: Forest, keep: Tensor) -> Forest:
    """The same graphs counted over the dictionary ``keep``, by frequency."""
    tree = stand_in(forest, keep)[forest.tree]
    synthetic = from_counts(forest.trees, forest.graph, tree, forest.count, len(forest))
    return synthetic.subset(torch.arange(len(synthetic))).by_frequency()


def compress(
    forest: Forest,
    order: Tensor,
    budget: int,
    extra_bytes: int,
    at_least: int,
    reorder: Callable[[Forest, int], Tensor] | None = None,
    dictionary_share: float = 1 / 2,
) -> tuple[Forest, Tensor]:
    """The longest prefix of graphs over a dictionary that fits a budget of bytes.

    The dictionary gets ``dictionary_share`` of the budget, graphs the rest. If all graphs fit, the dictionary takes the
    remaining bytes, up to all trees, which is lossless.

    Args:
        forest: training graphs, ordered by frequency.
        order: order in which graphs are added, long ``[G]``.
        budget: bytes of payload.
        extra_bytes: bytes of each graph's label.
        at_least: minimum number of graphs.
        reorder: returns a better order for the rewritten graphs and their number, for sets of at most 500 graphs.
            (default: ``order`` stays)
        dictionary_share: share of the budget for the dictionary. (default: 1/2)

    Returns:
        The graphs over their dictionary and their indices in ``forest``, long ``[n]``.

    Raises:
        ValueError: ``at_least`` graphs over a single tree do not fit; the message has the smallest possible budget.
    """
    worth, num_trees = tree_order(forest), forest.trees.sizes[-1]

    def cost(synthetic: Forest) -> int:
        return synthetic.nbytes + extra_bytes * len(synthetic)

    def dictionary_bytes(num_kept: int) -> int:
        return tensor_bytes(*forest.trees.restrict(worth[:num_kept])[0].payload().values())

    # A tree takes at least two bytes.
    most = min(num_trees, 1 + int(dictionary_share * budget) // 2)
    kept = largest_that_fits(1, most, lambda k: dictionary_bytes(k) <= dictionary_share * budget)
    rewritten = rewrite(forest, worth[:kept])
    synthetic, index = _longest_prefix(rewritten, order, budget, extra_bytes)
    while len(index) < at_least and kept > 1:
        kept //= 2
        rewritten = rewrite(forest, worth[:kept])
        synthetic, index = _longest_prefix(rewritten, order, budget, extra_bytes)
    if len(index) < at_least:
        least = cost(rewrite(forest, worth[:1]).subset(order[:at_least]).by_frequency())
        raise ValueError(
            f"the budget of {budget} bytes is below the smallest set, {at_least} graphs over one tree, of {least} "
            f"bytes; give --bytes {least} or more"
        )
    if len(index) == len(forest):
        if kept < num_trees:
            kept = largest_that_fits(kept, num_trees, lambda k: cost(rewrite(forest, worth[:k])) <= budget)
            synthetic = rewrite(forest, worth[:kept]).subset(index).by_frequency()
    elif reorder is not None and len(index) <= MOST_GRAPHS:
        other = _longest_prefix(rewritten, reorder(rewritten, len(index)), budget, extra_bytes)
        synthetic, index = other if len(other[1]) >= at_least else (synthetic, index)
    return synthetic, index


def raw_prefix(
    forest: Forest,
    graphs: Graphs,
    order: Tensor,
    budget: int,
    extra_bytes: int,
    reorder: Callable[[Forest, int], Tensor],
) -> tuple[Forest, Tensor]:
    """The longest prefix of graphs that fits a budget when stored as plain graphs.

    Args:
        forest: training graphs.
        graphs: the same graphs.
        order: order in which graphs are added, long ``[G]``.
        budget: bytes of payload.
        extra_bytes: bytes of each graph's label.
        reorder: returns a better order for sets of at most 500 graphs.

    Returns:
        The graphs, stored as plain graphs, and their indices in ``forest``, long ``[n]``; empty if none fits.
    """
    sizes = raw_bytes(graphs)

    def longest(order: Tensor) -> Tensor:
        def fits(count: int) -> bool:
            return raw_forest(graphs.subset(order[:count]), 0).nbytes + extra_bytes * count <= budget

        most = int((sizes[order].cumsum(0) <= 2 * budget).sum())
        count = largest_that_fits(1, max(1, most), fits)
        return order[:count] if fits(count) else order[:0]

    index = longest(order)
    if 0 < len(index) <= MOST_GRAPHS:
        index = longest(reorder(forest, len(index)))
    return (raw_forest(graphs.subset(index), forest.trees.depth) if len(index) else forest.subset(index)), index


def _longest_prefix(synthetic: Forest, order: Tensor, budget: int, extra_bytes: int) -> tuple[Forest, Tensor]:
    """As many graphs as fit, over the part of the dictionary that they need."""
    per_graph = synthetic.pair_bytes[order] + extra_bytes
    spent = per_graph.cumsum(0)
    used, count, best = synthetic.nbytes - int(synthetic.pair_bytes.sum()), 0, synthetic.subset(order[:0])
    # Fewer graphs need fewer trees; the bytes saved in the dictionary are used for more graphs, until none fits.
    limit = len(order)
    for _ in range(12):
        more = min(limit, int((spent <= budget - used).sum()))
        if more <= count:
            break
        trial = synthetic.subset(order[:more]).by_frequency()
        total = trial.nbytes + extra_bytes * more
        if total > budget:
            limit = (count + more) // 2
        else:
            count, best, used = more, trial, total - int(spent[more - 1])
    return best, order[:count]
