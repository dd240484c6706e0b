"""Weisfeiler-Lehman hashing: a 128-bit content id for the computation tree of every node.

The depth-k computation tree of node v is its unfolding T_k(v) = (f(v), {(b(u, v), T_{k-1}(u)) : u -> v}) with
label f and edge label b. Two nodes have the same tree exactly if k rounds of colour refinement give them the
same colour, and the sum over a multiset of hashed children is a colour that is the same on every machine, process and
shard. Mirage (Gupta et al., ICLR 2024, https://arxiv.org/abs/2310.09486) builds on these trees.

Ids live on two independent 64-bit lanes with wrap-around arithmetic: among n trees the odds of any collision are
below n^2 / 2^129, and `graphdistill.core.trees.build.build_forest` can verify the classes exactly.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.scatter import sort_by, tree_hash_step
from graphdistill.core.splitmix64 import mix, signed, word


def hash_rows(values: Tensor, salt: int) -> Tensor:
    """Hash each row of a feature matrix by its content.

    Integers hash by value whatever their dtype; floats hash by their float64 value, so 1 and 1.0 differ.

    Args:
        values: integers, booleans or floats ``[n, F]``.
        salt: a number below 1,000 that separates kinds of rows.

    Returns:
        Two 64-bit lanes, long ``[n, 2]``.

    Example:
        >>> a = hash_rows(torch.tensor([[1, 2]], dtype=torch.uint8), 0)
        >>> torch.equal(a, hash_rows(torch.tensor([[1, 2]]), 0))
        True
    """
    if values.is_floating_point():
        # Adding zero turns -0.0 into 0.0, which compares equal and so must hash equal.
        values = (values.double() + 0.0).contiguous().view(torch.long)
        salt += 1000
    lanes = torch.empty(2, len(values), dtype=torch.long, device=values.device)
    for lane in range(2):
        lanes[lane] = word(3 + lane + 2 * salt)
    for number in range(values.shape[1]):
        column = values[:, number].long()
        # High bits are folded down, or numbers that share many trailing zeros would use few bits of the product.
        column = column ^ ((column >> 32) & 0xFFFFFFFF)
        for lane in range(2):
            lanes[lane].add_(column, alpha=word(1 + lane + 2 * (salt + 2000 * (number + 1))))
    lanes = lanes.T.contiguous()
    return mix(lanes)


def edge_factor(lanes: Tensor) -> Tensor:
    """The odd factor :math:`b_{uv}` of each edge from the hashed rows of its features, long ``[E, 1]``.

    Example:
        >>> edge_factor(torch.tensor([[4, 5]])).tolist()
        [[5]]
    """
    return lanes[:, :1] | 1


def hash_labels(x: Tensor, degree: Tensor | None) -> Tensor:
    """Ids of depth-0 trees: the features of a node and, unless ``None``, its in-degree; long ``[n, 2]``.

    Example:
        >>> x = torch.tensor([[6]])
        >>> torch.equal(hash_labels(x, None), hash_labels(x, torch.tensor([1])))
        False
    """
    lanes = hash_rows(x, salt=1)
    return lanes if degree is None else mix(lanes + hash_rows(degree[:, None], salt=3))


def tree_ids(graphs: Graphs, depth: int, *, degrees: bool = False) -> Tensor:
    """Content id of the depth-``depth`` computation tree of every node (Mirage, ICLR 2024).

    The children of a node are its in-neighbours; parallel edges count repeatedly and self-loops as edges.

    Args:
        graphs: the graphs; features of any integer or float type, edge features or none.
        depth: number of refinement rounds, 0 or more.
        degrees: include a node's in-degree in its label, which exact GCNs need.

    Returns:
        Two 64-bit lanes, long ``[N, 2]``: equal rows mean equal trees, on every machine.

    Raises:
        ValueError: ``depth`` is negative.

    Example:
        >>> from torch_geometric.data import Data
        >>> ring = Data(x=torch.ones(3, 1).long(), edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]))
        >>> len(tree_ids(Graphs.from_data_list([ring]), 2).unique(dim=0))
        1
    """
    for ids in refined_ids(graphs, depth, degrees=degrees):
        last = ids  # the ids of lower depths are freed
    return last


def refined_ids(graphs: Graphs, depth: int, *, degrees: bool = False) -> Iterator[Tensor]:
    """Content ids of the trees of depths 0 to ``depth``, one depth after the other; as :func:`tree_ids`.

    Args:
        graphs: as of :func:`tree_ids`.
        depth: the last depth.
        degrees: as of :func:`tree_ids`.

    Raises:
        ValueError: ``depth`` is negative.

    Example:
        >>> from torch_geometric.data import Data
        >>> dot = Graphs.from_data_list([Data(x=torch.tensor([[6]]), edge_index=torch.empty(2, 0).long())])
        >>> [list(ids.shape) for ids in refined_ids(dot, 1)]
        [[1, 2], [1, 2]]
    """
    if depth < 0:
        raise ValueError(f"depth must be 0 or more, got {depth}")
    label = ids = hash_labels(graphs.x, graphs.in_degree if degrees else None)
    yield ids
    if not depth:
        return
    source, target = graphs.edge_index
    slots, ptr = sort_by(target, graphs.num_nodes)
    factor = None if graphs.edge_attr is None else edge_factor(hash_rows(graphs.edge_attr, salt=2))[slots]
    neighbour = source[slots]
    for _ in range(depth):
        ids = tree_hash_step(label, ids, ptr, neighbour, factor)
        yield ids


DEPTH = word(12)
"""What is added to a tree's key for each level of its depth."""


def tree_keys(ids: Tensor, depth: int) -> Tensor:
    """One word for each tree of a depth: the first lane of its content id, with its depth.

    A node without in-neighbours has the same id at every depth above 0, but its trees are counted apart. That a tree is
    taken for one of K others has the odds :math:`K / 2^{64}`.

    Args:
        ids: content ids, long ``[n, 2]``.
        depth: depth of the trees.

    Returns:
        Long ``[n]``.

    Example:
        >>> ids = torch.tensor([[5, 7]])
        >>> tree_keys(ids, 0).tolist(), bool((tree_keys(ids, 1) != tree_keys(ids, 2)).all())
        ([5], True)
    """
    return ids[:, 0] + signed(depth * DEPTH)


def group(ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number the distinct rows of two-lane ids in ascending order.

    Args:
        ids: long ``[n, 2]``.

    Returns:
        The distinct ids (long ``[k, 2]``, ascending), for each row the number of its id (long ``[n]``) and for
        each id the first row that has it (long ``[k]``).

    Example:
        >>> distinct, inverse, first = group(torch.tensor([[5, 0], [2, 0], [5, 0]]))
        >>> distinct[:, 0].tolist(), inverse.tolist(), first.tolist()
        ([2, 5], [1, 0, 1], [1, 0])
    """
    order = ids[:, 0].sort(stable=True).indices
    rows = ids.index_select(0, order)
    new = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
    new[1:] = rows[1:, 0] != rows[:-1, 0]
    if bool(((rows[1:, 1] != rows[:-1, 1]) & ~new[1:]).any()):
        # A collision on the first lane: sort by both (stable sorts, minor key first).
        minor = ids[:, 1].sort(stable=True).indices
        order = minor[ids[minor, 0].sort(stable=True).indices]
        rows = ids.index_select(0, order)
        new[1:] = (rows[1:] != rows[:-1]).any(dim=1)
    inverse = torch.empty_like(order)
    inverse[order] = new.cumsum(0) - 1
    return rows[new], inverse, order[new]
