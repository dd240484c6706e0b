"""Logits of a tree-count network from tensors of graphs or from SMILES, compiled for one core.

Features are hashed once, known trees are found in a hash table, and their weights are added up, graph by graph: no
dictionary, no forest and no call of torch in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.compiled import compiled
from graphdistill.core.networks.tree_counts import TreeCountNet
from graphdistill.core.trees.lookup import (
    DEPTH_WORD,
    GraphArrays,
    check_status,
    find,
    graph_arrays,
    hash_nodes,
    make_table,
)

Array = np.ndarray[Any, Any]

_LOG_COUNT = np.log1p(np.arange(1024, dtype=np.float32))


class _Network(NamedTuple):
    """Table of known trees, and weights; no head without a hidden layer."""

    shift: Array
    entries: Array
    weight: Array
    bias: Array
    head: Array
    head_bias: Array
    log_count: Array


class TreeScorer:
    """A :class:`~graphdistill.core.networks.tree_counts.TreeCountNet` that scores batches of graphs, or single ones.

    Functions are compiled at the first call, for the types of its tensors, and kept for later processes.

    Args:
        net: the network, whose weights are copied.

    Example:
        >>> net = TreeCountNet(torch.tensor([1, 2]), 1, 3)
        >>> scorer = TreeScorer(net)
        >>> scorer(torch.tensor([[6]]), torch.empty(2, 0).long(), torch.tensor([0, 1])).tolist()
        [[0.0, 0.0, 0.0]]
    """

    def __init__(self, net: TreeCountNet):
        self.depth = int(net.depth)
        none = torch.zeros(0, 0)
        head, head_bias = (none, none.view(-1)) if net.head is None else (net.head.weight, net.head.bias)
        self.channels = len(head_bias) or len(net.bias)
        # Unknown trees have a last row of zeros.
        weight = torch.cat([net.weight, net.weight.new_zeros(1, len(net.bias))])
        self._network = _Network(
            *make_table(net.keys), _array(weight), _array(net.bias), _array(head), _array(head_bias), _LOG_COUNT
        )

    def __call__(self, x: Tensor, edge_index: Tensor, ptr: Tensor, edge_attr: Tensor | None = None) -> Tensor:
        """Logits of each graph of a PyG batch, float ``[G, C]``.

        Args:
            x: node features ``[N, F]``, of the same kind as in training: integers or floats.
            edge_index: source and target of each edge as indices of nodes of the batch, ``[2, E]``.
            ptr: first node of each graph and N at the end, ``[G + 1]``.
            edge_attr: edge features ``[E, D]``, if the network was trained with some. (default: none)

        Raises:
            ValueError: the tensors do not fit together.
        """
        graphs = graph_arrays(x, edge_index, ptr, edge_attr)
        out = np.empty((len(graphs.ptr) - 1, self.channels), np.float32)
        check_status(_score(graphs, self._network, self.depth, out), graphs)
        return torch.from_numpy(out)

    def smiles(self, smiles: Sequence[str]) -> Tensor:
        """Logits of molecules with OGB's features, float ``[n, C]``, NaN for those that rdkit cannot read.

        Args:
            smiles: a molecule each.
        """
        # rdkit is imported only by those who have SMILES.
        from graphdistill.core.molecules.featurise import CHUNK, featurise

        out = torch.full((len(smiles), self.channels), torch.nan)
        for first in range(0, len(smiles), CHUNK):
            molecules = featurise(smiles[first : first + CHUNK])
            graphs = molecules.narrow_graphs
            scores = self(graphs.x, graphs.edge_index, graphs.node_ptr, graphs.edge_attr)
            out[first : first + CHUNK][molecules.valid] = scores
        return out


def _array(part: Tensor) -> Array:
    return part.detach().cpu().float().numpy().copy()


@compiled
def _log_count(count: Any, log_count: Array) -> Any:
    return log_count[count] if count < len(log_count) else np.float32(np.log1p(count))


@compiled
def _score(graphs: GraphArrays, network: _Network, depth: int, out: Array) -> int:
    """Write the logits of each graph; returns the status of :func:`hash_nodes`."""
    ptr, weight, bias, log_count = graphs.ptr, network.weight, network.bias, network.log_count
    ids = np.empty((depth + 1, len(graphs.x)), np.uint64)
    status = hash_nodes(graphs, ids)
    if status != 0:
        return status
    width = weight.shape[1]
    # A tree's count in a graph is its number here minus the graph's first node, if that is positive: none is cleared.
    seen = np.zeros(len(weight), np.int64)
    found = np.empty(len(weight) + 1, np.int64)
    unknown = len(weight) - 1
    hidden = np.empty(width, np.float32)
    for g in range(len(out)):
        first = ptr[g]
        distinct = 0
        for k in range(depth + 1):
            for i in range(first, ptr[g + 1]):
                key = ids[k, i] + np.uint64(k) * DEPTH_WORD
                place = find(key, network.shift, network.entries, unknown)
                before = seen[place]
                found[distinct] = place
                distinct += before <= first
                seen[place] = max(before, first) + 1
        if width == 2:  # without a loop over columns this is twice as fast
            one, two = bias[0], bias[1]
            for number in range(distinct):
                value = _log_count(seen[found[number]] - first, log_count)
                one += value * weight[found[number], 0]
                two += value * weight[found[number], 1]
            hidden[0], hidden[1] = one, two
        else:
            for j in range(width):
                hidden[j] = bias[j]
            for number in range(distinct):
                value = _log_count(seen[found[number]] - first, log_count)
                for j in range(width):
                    hidden[j] += value * weight[found[number], j]
        if len(network.head_bias):
            for c in range(out.shape[1]):
                total = network.head_bias[c]
                for j in range(width):
                    total += network.head[c, j] * max(hidden[j], np.float32(0))
                out[g, c] = total
        else:
            for j in range(width):
                out[g, j] = hidden[j]
    return status
