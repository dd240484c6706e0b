"""A client's side of federated Mirage: it replies to requests about its trees with counts."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fed.mirage.noise import Noise
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees import varint
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.dictionary import Level, Trees
from graphdistill.core.trees.forest import Forest

Message = dict[str, NDArray[np.generic]]
"""A message: arrays by name."""

STEPS = ("sizes", "frequent", "present", "supports", "extend", "describe")
"""Kinds of requests, in order; ``step`` of a message is a position in this list."""

CHUNK = 1024
"""Tree sets that are counted at once."""


class MirageClient:
    """Graphs that stay where they are, and replies about them.

    A client sends class sizes; keyed ids of trees that are frequent at it; one bit for each requested tree; supports;
    counts of nodes; and the trees of the final patterns. It keeps nothing from one message to the next.

    Args:
        graphs: training graphs.
        y: their classes, long ``[G]``.
        hops: depth of the trees.
        classes: number of classes of the federation.
        key: secret that all clients share and the server does not know, so its ids hide guessed trees.
            (default: none)
        noise: added to all counts. (default: none)

    Raises:
        ValueError: labels do not fit.
    """

    def __init__(
        self, graphs: Graphs, y: Tensor, hops: int, classes: int, key: bytes = b"", noise: Noise | None = None
    ):
        if y.dim() != 1 or y.is_floating_point() or len(y) != len(graphs):
            raise ValueError(
                f"y is {y.dtype} of shape {list(y.shape)}; give one class for each of {len(graphs)} graphs"
            )
        if len(y) and not 0 <= int(y.min()) <= int(y.max()) < classes:
            raise ValueError(f"y holds classes from {int(y.min())} to {int(y.max())} but there are {classes} classes")
        self.forest, self.y, self.classes, self.noise = build_forest(graphs, hops), y.numpy(), classes, noise
        self.ids = keyed(self.forest.trees.ids()[-1], key)
        self.rows = {row.tobytes(): number for number, row in enumerate(self.ids)}

    def reply(self, message: Message) -> Message:
        """Answer one request of :func:`fed.mirage.server.federated_mirage`.

        Raises:
            ValueError: its step does not exist.
        """
        step = int(message["step"])
        if not 0 <= step < len(STEPS):
            raise ValueError(f"step {step} is not one of 0 to {len(STEPS) - 1} ({', '.join(STEPS)})")
        out: Message = getattr(self, f"_{STEPS[step]}")(message)
        return out

    def _sizes(self, message: Message) -> Message:
        """Graphs of each class."""
        sizes = np.bincount(self.y, minlength=self.classes)
        what = np.stack([np.arange(self.classes), np.zeros(self.classes)], axis=1).astype(np.uint64)
        return {"sizes": pack(sizes + self._blur("sizes", what))}

    def _frequent(self, message: Message) -> Message:
        """Ids of the trees that reach ``least`` in a class."""
        least = unpack(message["least"])
        kept = np.zeros(len(self.ids), bool)
        graph, tree = self.forest.graph.numpy(), self.forest.tree.numpy()
        for label in range(self.classes):
            support = np.bincount(tree[self.y[graph] == label], minlength=len(self.ids))
            kept |= support + self._blur(f"support {label}", self.ids) >= least[label]
        return {"ids": self.ids[kept]}

    def _present(self, message: Message) -> Message:
        """Whether each of ``ids`` occurs, in bits."""
        return {"present": np.packbits(self._find(message) >= 0, bitorder="little")}

    def _supports(self, message: Message) -> Message:
        """For each of ``ids`` its support in each class, and the number of nodes that have it."""
        counts, ids = self._counts(message), as_words(message["ids"])
        supports = np.stack(
            [(counts[self.y == c] > 0).sum(axis=0) + self._blur(f"support {c}", ids) for c in range(self.classes)],
            axis=1,
        )
        nodes = self._capped(counts).sum(axis=0) + self._blur("nodes", ids, nodes=True)
        return {"supports": pack(supports.ravel()), "nodes": pack(nodes)}

    def _extend(self, message: Message) -> Message:
        """For each of ``sets`` the support that it has together with each of its ``more``."""
        ids = as_words(message["ids"])
        sets, more = bits(message["sets"], len(ids)), bits(message["more"], len(ids))
        inside = (self._counts(message) > 0).astype(np.float32)
        out = []
        for start in range(0, len(sets), CHUNK):
            part = slice(start, start + CHUNK)
            label = message["label"][part]
            counts = self._cover(inside, sets[part], label).astype(np.float32) @ inside
            code = (sets[part].astype(np.uint64) @ ids)[:, None] + ids
            blurred = counts.astype(np.int64)
            for c in np.unique(label):
                here = more[part] & (label == c)[:, None]
                blurred[here] += self._blur(f"support {c}", code[here])
            out.append(blurred[more[part]])
        return {"counts": pack(np.concatenate(out))}

    def _describe(self, message: Message) -> Message:
        """For each of ``sets`` the nodes of its trees and of all in graphs that have it; the ``wanted`` trees."""
        ids, rows = as_words(message["ids"]), self._find(message)
        sets, counts, label = bits(message["sets"], len(ids)), self._counts(message), message["label"]
        cover = self._cover((counts > 0).astype(np.float32), sets, label).astype(np.float64)
        size = self.forest.num_nodes.numpy()[:, None]
        nodes = (cover @ self._capped(counts)).astype(np.int64)[sets]
        sizes = (cover @ self._capped(size)).astype(np.int64)[:, 0]
        code = sets.astype(np.uint64) @ ids
        for c in np.unique(label):
            mine = label == c
            sizes[mine] += self._blur(f"size {c}", code[mine], nodes=True)
            here = sets & mine[:, None]
            pairs = code[:, None] * np.uint64(3) + ids
            nodes[mine[np.nonzero(sets)[0]]] += self._blur(f"nodes {c}", pairs[here], nodes=True)
        wanted = np.unique(rows[bits(message["wanted"], len(ids))[0]])
        if -1 in wanted:
            raise ValueError("the server requests the definition of a tree that this client does not have")
        trees, _ = self.forest.trees.restrict(torch.from_numpy(wanted))
        one = torch.arange(len(wanted))
        payload = Forest(tidy(trees), torch.tensor([0, len(wanted)]), one, torch.ones_like(one)).payload()
        definitions = {f"trees/{name}": value.numpy() for name, value in payload.items()}
        return {"nodes": pack(nodes), "sizes": pack(sizes), "ids": self.ids[wanted], **definitions}

    def _find(self, message: Message) -> NDArray[np.int64]:
        """Row of each of ``ids`` here, -1 where it does not occur."""
        return np.array([self.rows.get(row.tobytes(), -1) for row in as_words(message["ids"])], np.int64)

    def _counts(self, message: Message) -> NDArray[np.int64]:
        """Nodes of each graph that have each of ``ids``, ``[G, ids]``."""
        rows = self._find(message)
        column = np.full(len(self.ids), -1)
        column[rows[rows >= 0]] = (rows >= 0).nonzero()[0]
        pairs = column[self.forest.tree.numpy()]
        kept = pairs >= 0
        out = np.zeros((len(self.y), len(rows)), np.int64)
        out[self.forest.graph.numpy()[kept], pairs[kept]] = self.forest.count.numpy()[kept]
        return out

    def _cover(
        self, inside: NDArray[np.float32], sets: NDArray[np.bool_], label: NDArray[np.generic]
    ) -> NDArray[np.bool_]:
        """Which graphs of the class hold all trees of each set, ``[sets, G]``."""
        hits = sets.astype(np.float32) @ inside.T
        return np.asarray((hits == sets.sum(axis=1)[:, None]) & (label[:, None] == self.y))

    def _capped(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts of nodes, capped at the number that noise can hide."""
        return counts if self.noise is None else np.minimum(counts, self.noise.most_nodes)

    def _blur(self, kind: str, what: NDArray[np.uint64], nodes: bool = False) -> NDArray[np.int64]:
        """Noise of each count, or zeros."""
        if self.noise is None:
            return np.zeros(len(what), np.int64)
        return self.noise(kind, what, self.noise.most_nodes if nodes else 1)


def keyed(ids: Tensor, key: bytes) -> NDArray[np.uint64]:
    """Content ids, or with a key what only its holders can make of them, ``[n, 2]``.

    Example:
        >>> ids = torch.tensor([[1, 2]])
        >>> keyed(ids, b"").tolist(), keyed(ids, b"secret").tolist() == keyed(ids, b"").tolist()
        ([[1, 2]], False)
    """
    rows = ids.numpy().view(np.uint64)
    if not key or not len(rows):
        return rows
    digests = b"".join(hashlib.blake2b(row.tobytes(), key=key, digest_size=16).digest() for row in rows)
    return np.frombuffer(digests, np.uint64).reshape(-1, 2)


def tidy(trees: Trees) -> Trees:
    """The same dictionary without edge features that none of its trees has.

    A dictionary keeps the edge table of all graphs, which would reveal bonds of trees that the client does not send.
    """
    if trees.edge_attr is None:
        return trees
    used = torch.cat(
        [torch.empty(0, dtype=torch.long), *(e for level in trees.levels if (e := level.edge) is not None)]
    )
    used = used.unique()
    row = torch.zeros(len(trees.edge_attr), dtype=torch.long)
    row[used] = torch.arange(len(used))
    levels = tuple(Level(v.truncated, v.ptr, v.child, None if v.edge is None else row[v.edge]) for v in trees.levels)
    return Trees(trees.x, trees.degree, trees.edge_attr[used], levels)


def pack(values: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Integers of either sign as a stream of bytes, small ones in one byte.

    Example:
        >>> unpack(pack(np.array([0, -3, 400]))).tolist(), len(pack(np.array([0, -3, 400])))
        ([0, -3, 400], 4)
    """
    values = values.astype(np.int64)
    return np.asarray(varint.encode(torch.from_numpy((values << 1) ^ (values >> 63))).numpy())


def unpack(stream: NDArray[np.generic]) -> NDArray[np.int64]:
    """Read back what :func:`pack` wrote."""
    coded = varint.decode(torch.from_numpy(np.array(stream, np.uint8))).numpy()
    return np.asarray((coded >> 1) ^ -(coded & 1))


def bits(packed: NDArray[np.generic], columns: int) -> NDArray[np.bool_]:
    """Rows of bits that were packed, ``[n, columns]``."""
    return np.unpackbits(packed.astype(np.uint8), axis=1, count=columns, bitorder="little").astype(bool)


def as_words(ids: NDArray[np.generic]) -> NDArray[np.uint64]:
    """Ids of a message in the dtype that is counted with, ``[n, 2]``."""
    return np.ascontiguousarray(ids, dtype=np.uint64)
