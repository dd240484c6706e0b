"""Weisfeiler-Lehman hashing: a 128-bit content id for the computation tree of every node.

The depth-k computation tree of node v is its unfolding T_k(v) = (f(v), {(b(u, v), T_{k-1}(u)) : u -> v}) with
label f and edge label b. Two nodes have the same tree exactly if k rounds of colour refinement give them the
same colour, and the sum over a multiset of hashed children is a colour that no machine, process or shard has to
agree on. Mirage (Gupta et al., ICLR 2024, https://arxiv.org/abs/2310.09486) builds on these trees.

Ids live on two independent 64-bit lanes with wrap-around arithmetic: among n trees the odds of any collision are
below n^2 / 2^129, and `graphdistill.core.forest.grow` can verify the classes exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphdistill.core.data import Graphs

_MASK = (1 << 64) - 1


def _signed(value: int) -> int:
    """The 64-bit word ``value`` as the signed number that torch stores."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def _word(number: int) -> int:
    """Pseudo-random odd 64-bit word number ``number`` (splitmix64)."""
    z = (number * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return _signed((z ^ (z >> 31)) | 1)


def _mix(z: Tensor) -> Tensor:
    """Scramble 64-bit words in place by splitmix64's finaliser; arithmetic wraps around on every device."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z ^= (z >> shift) & ((1 << (64 - shift)) - 1)
        z *= _signed(factor)
    z ^= (z >> 31) & ((1 << 33) - 1)
    return z


def hash_rows(values: Tensor, salt: int) -> Tensor:
    """Hash each row of a feature matrix by its content.

    Integers hash by value whatever their dtype; floats hash by their float64 value, so 1 and 1.0 differ.

    Args:
        values: integers, booleans or floats ``[n, F]``.
        salt: a number below 1,000 that keeps kinds of rows apart.

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
        lanes[lane] = _word(3 + lane + 2 * salt)
    for number in range(values.shape[1]):
        column = values[:, number].long()
        # High bits are folded down, or numbers that share many trailing zeros would use few bits of the product.
        column = column ^ ((column >> 32) & 0xFFFFFFFF)
        for lane in range(2):
            lanes[lane].add_(column, alpha=_word(1 + lane + 2 * (salt + 2000 * (number + 1))))
    lanes = lanes.T.contiguous()
    return _mix(lanes)


def hash_children(label: Tensor, child: Tensor, factor: Tensor | None, source: Tensor, target: Tensor) -> Tensor:
    r"""One refinement step: the ids of trees from their root labels and the ids of their children.

    .. math:: h_k(v) = \mathrm{mix}(c \, h_0(v) + \sum_{u \to v} b_{uv} \, h_{k-1}(u)) \mod 2^{64}

    Args:
        label: hashed root labels :math:`h_0`, long ``[n, 2]``.
        child: ids one level down, long ``[m, 2]``.
        factor: odd factor per edge (:func:`edge_factor`), long ``[E, 1]``, or ``None``.
        source: row of ``child`` that each edge starts from, long ``[E]``.
        target: row of ``label`` that each edge ends in, long ``[E]``.

    Returns:
        Long ``[n, 2]``.

    Example:
        >>> h0 = hash_rows(torch.tensor([[6], [8]]), 0)
        >>> pair = torch.tensor([0, 1]), torch.tensor([1, 0])
        >>> hash_children(h0, h0, None, *pair).shape
        torch.Size([2, 2])
    """
    messages = child.index_select(0, source)
    if factor is not None:
        messages *= factor
    return _mix((label * _word(7)).index_add_(0, target, messages))


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
    return lanes if degree is None else _mix(lanes + hash_rows(degree[:, None], salt=3))


def tree_ids(graphs: Graphs, depth: int, *, degrees: bool = False) -> Tensor:
    """Content id of the depth-``depth`` computation tree of every node (Mirage, ICLR 2024).

    Edges are followed against their direction (a node hears from its in-neighbours); parallel edges and
    self-loops count as they stand.

    Args:
        graphs: the graphs; features of any integer or float type, edge features or none.
        depth: number of refinement rounds, 0 or more.
        degrees: whether a node's in-degree belongs to its label, which is what GCN needs to be exact.

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
    if depth < 0:
        raise ValueError(f"depth must be 0 or more, got {depth}")
    label = ids = hash_labels(graphs.x, graphs.in_degree if degrees else None)
    factor = None if graphs.edge_attr is None else edge_factor(hash_rows(graphs.edge_attr, salt=2))
    source, target = graphs.edge_index
    for _ in range(depth):
        ids = hash_children(label, ids, factor, source, target)
    return ids


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
