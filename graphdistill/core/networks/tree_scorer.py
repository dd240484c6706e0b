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
    ids = np.empty((depth + 1, len(graphs.x)), np.uint64)
    status = hash_nodes(graphs, ids)
    if status != 0:
        return status
    # Trees of a node are side by side, so that those of a graph are one range.
    places = np.empty((len(graphs.x), depth + 1), np.uint32)
    for k in range(depth + 1):
        find(ids[k], np.uint64(k) * DEPTH_WORD, network.shift, network.entries, places[:, k], len(network.weight) - 1)
    first = (graphs.ptr * (depth + 1)).astype(np.uint64)
    if not len(network.head_bias):
        _add_weights(places.reshape(-1), first, network.weight, network.bias, network.log_count, out)
        return status
    hidden = np.empty((len(out), len(network.bias)), np.float32)
    _add_weights(places.reshape(-1), first, network.weight, network.bias, network.log_count, hidden)
    for g in range(len(out)):
        for c in range(out.shape[1]):
            total = network.head_bias[c]
            for j in range(hidden.shape[1]):
                total += network.head[c, j] * max(hidden[g, j], np.float32(0))
            out[g, c] = total
    return status


@compiled
def _add_weights(places: Array, first: Array, weight: Array, bias: Array, log_count: Array, out: Array) -> None:
    """Write the bias and the weighted log counts of each graph's trees, places ``first[g]`` to ``first[g + 1]``."""
    width = len(bias)
    seen = np.zeros(len(weight), np.int32)
    found = np.empty(len(weight) + 1, np.uint32)
    for g in range(len(out)):
        distinct = np.uint64(0)
        for i in range(first[g], first[g + 1]):
            place = places[i]
            before = seen[place]
            found[distinct] = place
            distinct += np.uint64(before == 0)
            seen[place] = before + 1
        if width == 2:  # without a loop over columns this is twice as fast
            one, two = bias[0], bias[1]
            for number in range(distinct):
                place = found[number]
                value = _log_count(seen[place], log_count)
                seen[place] = 0
                one += value * weight[place, 0]
                two += value * weight[place, 1]
            out[g, 0], out[g, 1] = one, two
        else:
            for j in range(width):
                out[g, j] = bias[j]
            for number in range(distinct):
                place = found[number]
                value = _log_count(seen[place], log_count)
                seen[place] = 0
                for j in range(width):
                    out[g, j] += value * weight[place, j]
