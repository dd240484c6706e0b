"""Targets of the student: the teacher's soft labels after label spreading over the graph and similar features."""

from __future__ import annotations

from collections.abc import Callable

import scipy.sparse
import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.networks.node_gcn import without_loops
from graphdistill.core.scatter import Segments, segment_sum, sort_by

ENTRIES = 1 << 24
"""Largest number of similarities in memory at a time."""
SPARSE_ENTRIES = 1 << 23
"""Number of entries of features above which those that are mostly zeros are multiplied as sparse ones."""


def feature_neighbours(x: Tensor, k: int) -> Tensor:
    """Edges between every node and its k nearest nodes in features (cosine), in both directions, long ``[2, E]``.

    Orthogonal features, such as one-hot indices or rows of zeros, have no edges.

    Args:
        x: features ``[N, F]``.
        k: neighbours of a node; only those with a cosine above 0 count.

    Example:
        >>> feature_neighbours(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), 1).tolist()
        [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    x, n = F.normalize(x.float(), dim=1), len(x)
    k = min(k, n - 1)
    if k < 1:
        return torch.empty(2, 0, dtype=torch.long, device=x.device)
    sources, targets, similarity = [], [], _similarity(x)
    for rows in torch.arange(n, device=x.device).split(max(1, ENTRIES // n)):
        similar = similarity(rows)
        similar[torch.arange(len(rows), device=x.device), rows] = 0
        most, which = similar.topk(k)
        like = most > 0
        sources.append(rows[:, None].expand_as(which)[like])
        targets.append(which[like])
    source, target = torch.cat(sources), torch.cat(targets)
    both = torch.cat([source * n + target, target * n + source]).unique()
    return torch.stack([both // n, both % n])


def label_spreading(
    soft: Tensor,
    edge_index: Tensor,
    x: Tensor,
    *,
    steps: int = 10,
    restart: float = 0.2,
    neighbours: int = 5,
    weight: float = 0.3,
    sharpen: float = 3.0,
) -> Tensor:
    r"""Label spreading of soft labels over a graph and over nodes with similar features, followed by sharpening.

    .. math:: Z_0 = P, \quad Z_{t+1} = (1 - \alpha) \, D^{-1/2} (A + I + w B) D^{-1/2} Z_t + \alpha P, \quad
        T_{ic} \propto Z_{ic}^s

    Label spreading (Zhou et al., NeurIPS 2003) from the teacher's soft labels: A holds the edges, B joins each node to
    its ``neighbours`` nearest in features. An MLP has features alone, so it learns targets best that vary little
    between similar features, and averaging reduces the teacher's noise.

    Args:
        soft: the teacher's probabilities, ``[N, C]``.
        edge_index: edges, usually in both directions, long ``[2, E]``; every node has one self-loop, present or not.
        x: features ``[N, F]``.
        steps: rounds of spreading; 0 for none. (default: 10)
        restart: share :math:`\alpha` of the teacher's soft label in each round. (default: 0.2)
        neighbours: number of nearest nodes in features; 0 for none. (default: 5)
        weight: weight w of their edges; edges of the graph have weight 1. (default: 0.3)
        sharpen: exponent s; 1 for no sharpening. (default: 3)

    Returns:
        Probabilities ``[N, C]``.

    Example:
        >>> soft = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
        >>> path = torch.tensor([[0, 1], [1, 0]])
        >>> out = label_spreading(soft, path, torch.eye(3), neighbours=0, sharpen=1)
        >>> bool(out[1, 0] > soft[1, 0]), torch.allclose(out[2], soft[2])
        (True, True)
    """
    if steps:
        graph = spreading_graph(edge_index, len(soft), feature_neighbours(x, neighbours if weight else 0), weight)
        soft = spread_soft_labels(soft, graph, steps, restart)
    # Powers are computed by logarithms, which do not underflow.
    return (sharpen * soft.log()).softmax(dim=1)


def spreading_graph(edge_index: Tensor, num_nodes: int, similar: Tensor, weight: float) -> Segments:
    """The normalized propagation of label spreading, over edges, self-loops and edges between like features.

    Args:
        edge_index: edges, long ``[2, E]``.
        num_nodes: number of nodes.
        similar: edges between like features, long ``[2, S]``.
        weight: their weight; that of other edges is 1.
    """
    loops = torch.arange(num_nodes, device=edge_index.device)
    source, target = torch.cat([without_loops(edge_index), loops.expand(2, -1), similar], dim=1)
    value = torch.ones(len(source), device=edge_index.device)
    value[len(source) - similar.shape[1] :] = weight
    order, ptr = sort_by(target, num_nodes)
    source, value = source[order], value[order]
    scale = segment_sum(value, ptr).rsqrt()
    return Segments(ptr, source, num_nodes, value * scale[source] * scale[target[order]])


def spread_soft_labels(soft: Tensor, graph: Segments, steps: int, restart: float) -> Tensor:
    """Rounds of label spreading of soft labels ``[N, C]``; rows need not sum to 1."""
    start = soft
    for _ in range(steps):
        soft = (1 - restart) * graph.sum(soft) + restart * start
    return soft


def _similarity(x: Tensor) -> Callable[[Tensor], Tensor]:
    """Scalar products of some rows (consecutive indices) with all, dense ``[r, N]``; sparse rows are multiplied so."""
    if x.device.type != "cpu" or x.numel() < SPARSE_ENTRIES or int(x.count_nonzero()) > 0.05 * x.numel():
        return lambda rows: x[rows] @ x.T
    sparse = scipy.sparse.csr_matrix(x.numpy())
    columns = sparse.T.tocsr()
    return lambda rows: torch.from_numpy((sparse[int(rows[0]) : int(rows[-1]) + 1] @ columns).toarray())
