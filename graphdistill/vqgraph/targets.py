"""What the student is trained: the teacher's soft labels, spread over the graph and over nodes with like features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.networks.node_gcn import without_loops
from graphdistill.core.scatter import Segments, segment_sum, sort_by

ENTRIES = 1 << 24
"""Similarities that are held at a time."""


def feature_neighbours(x: Tensor, k: int) -> Tensor:
    """Edges from every node to the k nodes of most similar features (cosine) and back, none twice, long ``[2, E]``.

    Features that have nothing in common, such as one-hot numbers of nodes or rows of zeros, join no nodes.

    Args:
        x: features ``[N, F]``.
        k: neighbours of a node; only those of a cosine above 0 are taken.

    Example:
        >>> feature_neighbours(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), 1).tolist()
        [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    x, n = F.normalize(x.float(), dim=1), len(x)
    k = min(k, n - 1)
    if k < 1:
        return torch.empty(2, 0, dtype=torch.long)
    sources, targets = [], []
    for rows in torch.arange(n).split(max(1, ENTRIES // n)):
        similar = x[rows] @ x.T
        similar[torch.arange(len(rows)), rows] = 0
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
    r"""Spread soft labels over a graph and over nodes with like features, and make them sharp again.

    .. math:: Z_0 = P, \quad Z_{t+1} = (1 - \alpha) \, D^{-1/2} (A + I + w B) D^{-1/2} Z_t + \alpha P, \quad
        T_{ic} \propto Z_{ic}^s

    Label spreading (Zhou et al., NeurIPS 2003) from the teacher's answers: A holds the edges, B joins each node to its
    ``neighbours`` nearest in features. An MLP can hold what its features tell it, so targets that vary little between
    like features are the ones it can learn, and averaging takes away the teacher's noise.

    Args:
        soft: the teacher's probabilities, ``[N, C]``.
        edge_index: as a rule both directions of every edge, long ``[2, E]``; self-loops count once, there or not.
        x: features ``[N, F]``.
        steps: rounds of spreading; 0 leaves the labels where they are. (default: 10)
        restart: share :math:`\alpha` of the teacher's own answer in each round. (default: 0.2)
        neighbours: nearest in features; 0 for none. (default: 5)
        weight: of their edges beside the graph's, w. (default: 0.3)
        sharpen: exponent s; 1 leaves the labels as they are. (default: 3)

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
        n, loops = len(soft), torch.arange(len(soft))
        similar = feature_neighbours(x, neighbours if weight else 0)
        source, target = torch.cat([without_loops(edge_index), loops.expand(2, -1), similar], dim=1)
        value = torch.ones(len(source))
        value[len(source) - similar.shape[1] :] = weight
        order, ptr = sort_by(target, n)
        source, value = source[order], value[order]
        scale = segment_sum(value, ptr).rsqrt()
        graph = Segments(ptr, source, n, value * scale[source] * scale[target[order]])
        start = soft
        for _ in range(steps):
            soft = (1 - restart) * graph.sum(soft) + restart * start
    # Powers by way of logarithms, which do not underflow.
    return (sharpen * soft.log()).softmax(dim=1)
