"""The loss of reconstructing a graph's edges from codes, exact without an N x N matrix."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from graphdistill.core.scatter import Segments, gather_segment, sort_by

Link = Literal["sigmoid", "minmax"]


def edge_loss(rows: Tensor, code: Tensor, edge_index: Tensor, *, num_codes: int, link: Link = "sigmoid") -> Tensor:
    r"""Mean squared error between a graph's adjacency matrix and the similarities of its nodes' codes.

    .. math:: \frac{1}{N^2} \sum_{ij} \bigl(A_{ij} - f(q_i \cdot q_j)\bigr)^2
        = \frac{1}{N^2} \Bigl(\sum_{ab} n_a n_b \, f(\bar q_a \cdot \bar q_b)^2
        + \sum_{(i, j) \in E} \bigl(1 - 2 f(q_i \cdot q_j)\bigr)\Bigr)

    (VQGraph: Yang et al., ICLR 2024, https://openreview.net/forum?id=h6Tz85BqRI.) Nodes with the same code have equal
    rows, so all pairs are pairs of codes: :math:`O(K^2 d + |E| d)` time and :math:`O(K^2 + |E|)` memory instead of
    :math:`O(N^2)`. Value and gradient, including that of each node's row, equal those of the dense matrix.

    Args:
        rows: row of each node, equal for nodes with the same code, ``[N, d]``.
        code: code of each node, long ``[N]``.
        edge_index: non-zero entries of the adjacency matrix, without duplicates, long ``[2, E]``.
        num_codes: number K of codes.
        link: ``sigmoid``, or ``minmax`` to rescale all similarities to 0 .. 1; equal ones become 0.
            (default: ``sigmoid``)

    Returns:
        A scalar.

    Raises:
        ValueError: the link is unknown, or a code or an edge's end is out of range.

    Example:
        >>> rows, code = torch.zeros(2, 1), torch.tensor([0, 0])
        >>> float(edge_loss(rows, code, torch.tensor([[0, 1], [1, 0]]), num_codes=1))
        0.25
    """
    if link not in get_args(Link):
        raise ValueError(f"link must be one of {', '.join(get_args(Link))}, got {link!r}")
    order, ptr = sort_by(code, num_codes)
    count = ptr.diff()
    used = count > 0
    mean = gather_segment(rows, ptr, order, reduce="mean")[used]
    pairs = mean @ mean.T
    # This operator does not materialize the E x d gathered rows, and its result does not depend on threads.
    order, ptr = sort_by(edge_index[1], len(rows))
    ends = Segments(ptr, edge_index[0][order], len(rows))
    edges = torch.ops.graphdistill.gather_dot(rows, rows, ends.ptr, ends.index)
    if link == "sigmoid":
        pairs, edges = pairs.sigmoid(), edges.sigmoid()
    else:
        low, high = pairs.min(), pairs.max()
        span = high - low
        span = span.where(span > 1e-6, 1.0)  # differences of equal similarities are rounding errors
        pairs, edges = (pairs - low) / span, (edges - low) / span
    number = count[used].to(rows.dtype)
    out: Tensor = (number @ pairs.square() @ number + (1 - 2 * edges).sum()) / len(rows) ** 2
    return out
