"""Slow and plain versions of what the package does fast, written from the definitions only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch_geometric.data import Data


def closed_itemsets_naive(transactions: Sequence[Sequence[int]], min_support: int) -> list[tuple[tuple[int, ...], int]]:
    """Count every itemset there is; keep those of enough support that no larger one equals in support."""
    sets = [set(t) for t in transactions]
    universe = sorted(set().union(*sets))
    support = {
        items: sum(set(items) <= t for t in sets)
        for size in range(1, len(universe) + 1)
        for items in combinations(universe, size)
    }
    frequent = {items: count for items, count in support.items() if count >= min_support}
    closed = [
        (items, count)
        for items, count in frequent.items()
        if not any(set(items) < set(other) and count == more for other, more in frequent.items())
    ]
    return sorted(closed, key=lambda pair: (-pair[1], pair[0]))


def canonical_tree(data: Data, node: int, depth: int, degrees: bool = False) -> str:
    """Unfold a node's computation tree to ``depth`` and write it down with its children in sorted order."""
    assert data.edge_index is not None
    sources, targets = data.edge_index.tolist()
    here = _written(data.x, node)
    if degrees:
        here += f" of {targets.count(node)}"
    children = []
    if depth:
        for slot in [slot for slot, target in enumerate(targets) if target == node]:
            below = canonical_tree(data, sources[slot], depth - 1, degrees)
            children.append(f"{_written(data.edge_attr, slot)}{below}")
    return f"<{here}{''.join(sorted(children))}>"


def _written(values: Tensor | None, row: int) -> str:
    """One row of features as text; 0.0 and -0.0 are one number."""
    if values is None:
        return ""
    return ",".join(repr(v + 0.0 if isinstance(v, float) else v) for v in values[row].tolist()) + ";"


def segment_sum_naive(ptr: Tensor, index: Tensor, weight: Tensor | None, x: Tensor) -> Tensor:
    """Add up the gathered rows of every segment one by one."""
    return gather_segment_naive(x, ptr, index, weight, "sum")


def segment_naive(x: Tensor, ptr: Tensor, reduce: str) -> Tensor:
    """Sum, mean or maximum of the rows of every segment, one by one; an empty one gives zeros."""
    if reduce != "max":
        return gather_segment_naive(x, ptr, torch.arange(len(x)), None, reduce)
    out = []
    for first, last in _bounds(ptr):
        top = x[first] if first < last else torch.zeros_like(x[:1]).sum(0)
        for slot in range(first + 1, last):
            top = torch.maximum(top, x[slot])
        out.append(top)
    return torch.stack(out) if out else x.new_zeros(0, *x.shape[1:])


def gather_segment_naive(x: Tensor, ptr: Tensor, index: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
    """Sum or mean of the weighted gathered rows of every segment, one by one."""
    out = []
    for first, last in _bounds(ptr):
        total = torch.zeros(x.shape[1:], dtype=x.dtype)
        for slot in range(first, last):
            total = total + x[int(index[slot])] * (1 if weight is None else weight[slot])
        out.append(total / max(last - first, 1) if reduce == "mean" else total)
    return torch.stack(out) if out else x.new_zeros(0, *x.shape[1:])


def segment_repeat_naive(x: Tensor, ptr: Tensor) -> Tensor:
    """The row of its segment for every entry, one by one."""
    out = [x[s] for s, (first, last) in enumerate(_bounds(ptr)) for _ in range(first, last)]
    return torch.stack(out) if out else x.new_zeros(0, *x.shape[1:])


def gather_dot_naive(rows: Tensor, x: Tensor, ptr: Tensor, index: Tensor) -> Tensor:
    """Dot product of each entry's segment with the row that it gathers, one by one."""
    out = [rows[s] @ x[int(index[e])] for s, (first, last) in enumerate(_bounds(ptr)) for e in range(first, last)]
    return torch.stack(out) if out else x.new_zeros(0)


def _bounds(ptr: Tensor) -> list[tuple[int, int]]:
    return list(zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True))


def sort_by_naive(keys: Sequence[int], size: int) -> tuple[list[int], list[int]]:
    """Positions in the order of their keys, earlier ones first among equals, and where each key starts."""
    order = [place for key in range(size) for place, other in enumerate(keys) if other == key]
    return order, [sum(key < bound for key in keys) for bound in range(size + 1)]


def class_moments_naive(x: Tensor, y: Tensor, num_classes: int) -> tuple[list[int], Tensor, Tensor, Tensor]:
    """Count, mean, mean square and mean square distance from the mean of every class, row by row."""
    count = [0] * num_classes
    first = [torch.zeros(x.shape[1:], dtype=x.dtype)] * num_classes
    second = list(first)
    for row, label in zip(x, y.tolist(), strict=True):
        count[label], first[label], second[label] = count[label] + 1, first[label] + row, second[label] + row * row
    mean, square = (
        torch.stack([v / max(n, 1) for v, n in zip(total, count, strict=True)]) for total in (first, second)
    )
    apart = [torch.zeros(x.shape[1:], dtype=x.dtype)] * num_classes
    for row, label in zip(x, y.tolist(), strict=True):
        apart[label] = apart[label] + (row - mean[label]) ** 2 / count[label]
    return count, mean, square, torch.stack(apart)


def codebook_stats_naive(x: Tensor, code: Tensor, num_codes: int) -> tuple[list[int], Tensor]:
    """Number and sum of the rows of every code, row by row."""
    count, mean, *_ = class_moments_naive(x, code, num_codes)
    return count, mean * torch.tensor(count, dtype=x.dtype)[:, None]


def nearest_code_naive(x: Tensor, codebook: Tensor, metric: str) -> tuple[list[int], list[float]]:
    """The first of the nearest codes of every row, and how far it is, in Python's own numbers."""
    index, distance = [], []
    for row in x.tolist():
        far = [_distance_naive(row, code, metric) for code in codebook.tolist()]
        index.append(far.index(min(far)))
        distance.append(min(far))
    return index, distance


def _distance_naive(a: list[float], b: list[float], metric: str) -> float:
    if metric == "euclidean":
        return math.dist(a, b)
    sizes = math.hypot(*a) * math.hypot(*b)
    return 1 - sum(p * q for p, q in zip(a, b, strict=True)) / sizes if sizes else 1.0


def tree_hash_step_naive(
    label: Tensor, child: Tensor, ptr: Tensor, index: Tensor, factor: Tensor | None, constant: int
) -> list[list[int]]:
    """One refinement step on Python's integers modulo 2**64, as unsigned words."""
    out = []
    for s, (first, last) in enumerate(_bounds(ptr)):
        lanes = []
        for lane in range(2):
            z = constant * int(label[s, lane])
            for slot in range(first, last):
                z += int(child[int(index[slot]), lane]) * (1 if factor is None else int(factor[slot, 0]))
            z %= 2**64
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
            lanes.append(z ^ (z >> 31))
        out.append(lanes)
    return out


def edge_loss_naive(rows: Tensor, edge_index: Tensor, link: str) -> Tensor:
    """Mean squared difference of all N x N entries between the adjacency matrix and the similarities of rows."""
    adjacency = torch.zeros(len(rows), len(rows), dtype=rows.dtype)
    adjacency[edge_index[0], edge_index[1]] = 1
    similar = rows @ rows.T
    if link == "sigmoid":
        return (adjacency - similar.sigmoid()).square().mean()
    low, high = similar.min(), similar.max()
    span = high - low if high - low > 1e-6 else 1
    return (adjacency - (similar - low) / span).square().mean()


def moving_average_naive(
    codes: Tensor, count: Tensor, x: Tensor, code: Tensor, decay: float
) -> tuple[list[float], list[Tensor]]:
    """Counts and codes after one update: averages of the counts and sums, divided, code by code."""
    counts, means = [], []
    for k in range(len(codes)):
        mine = [row for row, taken in zip(x, code.tolist(), strict=True) if taken == k]
        total = sum(mine, torch.zeros_like(codes[k]))
        counts.append(decay * float(count[k]) + (1 - decay) * len(mine))
        means.append((decay * count[k] * codes[k] + (1 - decay) * total) / counts[-1])
    return counts, means


def reached_naive(edge_index: Tensor, seeds: Sequence[int], steps: int) -> list[set[int]]:
    """Nodes from which the seeds can be reached in 0, 1, ... and ``steps`` steps at least, each at its least."""
    edges, rings = edge_index.T.tolist(), [set(seeds)]
    for _ in range(steps):
        rings.append({s for s, t in edges if t in rings[-1]}.difference(*rings))
    return rings


def feature_neighbours_naive(x: Tensor, k: int) -> set[tuple[int, int]]:
    """Both directions of the edges from each node to the k others of largest cosine above zero, earlier ones first."""
    out: set[tuple[int, int]] = set()
    for i, row in enumerate(x.tolist()):
        far = [(_distance_naive(row, other, "cosine"), j) for j, other in enumerate(x.tolist()) if j != i]
        for _, j in sorted((d, j) for d, j in far if d < 1)[:k]:
            out |= {(i, j), (j, i)}
    return out


def spread_naive(
    soft: Tensor, edge_index: Tensor, similar: Tensor, steps: int, restart: float, weight: float, sharpen: float
) -> Tensor:
    """Label spreading with N x N matrices; ``similar`` are the edges of weight ``weight``."""
    matrix = torch.eye(len(soft), dtype=soft.dtype)
    for edges, value in ((edge_index, 1.0), (similar, weight)):
        for s, t in edges.T.tolist():
            matrix[t, s] += value
    scale = matrix.sum(dim=1).rsqrt()
    matrix = scale[:, None] * matrix * scale
    out = soft
    for _ in range(steps):
        out = (1 - restart) * matrix @ out + restart * soft
    return out**sharpen / (out**sharpen).sum(dim=1, keepdim=True)


def relation_loss_naive(h: Tensor, t: Tensor) -> Tensor:
    """Mean squared difference of the cosines of all pairs of rows, pair by pair."""
    terms = [
        (torch.dot(h[i], h[j]) / h[i].norm() / h[j].norm() - torch.dot(t[i], t[j]) / t[i].norm() / t[j].norm()) ** 2
        for i in range(len(h))
        for j in range(len(h))
    ]
    return torch.stack(terms).mean()


def row_distance_naive(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """One minus cosine of the weights of every output of every layer, summed number by number; without vectors."""
    total = 0.0
    for a, b in zip(ours, theirs, strict=True):
        if a.dim() > 1:
            pairs = zip(a.flatten(1).tolist(), b.flatten(1).tolist(), strict=True)
            total += sum(_distance_naive(p, q, "cosine") for p, q in pairs)
    return total


def class_distance_naive(x: Tensor, y: Tensor, other: Tensor, labels: Tensor) -> float:
    """Squared distance of the means of every class in two sets of rows, summed over classes."""
    total = 0.0
    for label in y.unique().tolist():
        total += float((x[y == label].mean(dim=0) - other[labels == label].mean(dim=0)).square().sum())
    return total


def herd_naive(x: Tensor, size: int) -> list[int]:
    """Each time the row that brings the mean of those chosen nearest to the mean of all, by trying every one."""
    chosen: list[int] = []
    for _ in range(size):
        far = {i: math.dist(x[[*chosen, i]].mean(dim=0).tolist(), x.mean(dim=0).tolist()) for i in range(len(x))}
        chosen.append(min((i for i in far if i not in chosen), key=lambda i: far[i]))
    return chosen


def cover_naive(x: Tensor, size: int) -> list[int]:
    """The row nearest to the mean, then each time the row whose nearest chosen one is farthest."""
    rows = x.tolist()
    chosen = [min(range(len(x)), key=lambda i: math.dist(rows[i], x.mean(dim=0).tolist()))]
    while len(chosen) < size:
        left = [i for i in range(len(x)) if i not in chosen]
        chosen.append(max(left, key=lambda i: min(math.dist(rows[i], rows[j]) for j in chosen)))
    return chosen


def shifted_naive(image: Tensor, right: int, down: int) -> Tensor:
    """An image ``[channels, h, w]`` whose pixels moved, black where nothing came, pixel by pixel."""
    out = torch.zeros_like(image)
    _, height, width = image.shape
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                out[:, i, j] = image[:, i - down, j - right]
    return out
