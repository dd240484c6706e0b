r"""Federated Mirage: the closed frequent tree sets of all clients' graphs together, from counts alone.

A tree's id is a hash of its content, so clients count apart and the server adds. With s(P) the support of a tree set P
over all clients, the server requests :math:`s(P \cup \{t\})` of every tree t that may still be frequent with P; then

.. math:: \mathrm{closure}(P) = P \cup \{t : s(P \cup \{t\}) = s(P)\}

and every t that reaches the threshold starts the next request. Each closed set is reached from its smallest generator,
so there are at most as many rounds as that has trees. The result equals mining the union (Mirage,
Gupta et al., ICLR 2024, https://arxiv.org/abs/2310.09486) byte for byte.

Which trees are requested: one with support :math:`\theta` in all reaches :math:`\lceil \theta n_i / n \rceil` at some
client i (Savasere et al., VLDB 1995); all other ids stay at the clients. Then clients send one bit for each of these
ids, ids of fewer than ``min_clients`` clients are dropped, and only then supports are sent. The definitions of trees in
final patterns, and in patterns with as much support as the last that is kept, are sent by one client each.

The server also sees how many clients have an id, each client's supports of tree sets (secure aggregation would
hide these, as only sums are used), and that sets of passing trees may still come from one client. Noise hides counts;
the ids of a client and the definitions of the kept trees are sent exactly, so noise alone is no guarantee.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fed.mirage.client import STEPS, Message, MirageClient, bits, pack, unpack
from graphdistill.core.command.report import versions
from graphdistill.core.data.datasets import FeatureKind
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.trees.build import merge
from graphdistill.core.trees.forest import Forest
from graphdistill.mirage.mining import Itemset
from graphdistill.mirage.patterns import Pattern, one_class_each, write_patterns

MAX_COUNT = 2**40
"""Largest count that is accepted; sums over many clients stay far below the largest integer."""
Exchange = Callable[[Sequence[Message]], Sequence[Message]]
"""Sends each client its message and returns the replies in the same order."""


def local(clients: Sequence[MirageClient]) -> Exchange:
    """Clients in this process."""
    return lambda messages: [client.reply(m) for client, m in zip(clients, messages, strict=True)]


def federated_mirage(
    exchange: Exchange,
    clients: int,
    thresholds: Sequence[float],
    features: FeatureKind,
    *,
    per_class: int | None = None,
    min_clients: int = 1,
    slack: int = 0,
    exact: bool = False,
    max_itemsets: int = 100_000,
    source: str = "federation",
) -> SyntheticSet:
    """Distil the graphs of many clients by thresholds, without their graphs.

    Without minimum and noise the set is that of ``distill_mirage(union, MirageConfig(thresholds=...))``, byte for
    byte, except for edge features that no kept tree has: those are not sent.

    Args:
        exchange: sends each client its message and returns the replies; see :func:`local`.
        clients: number of clients.
        thresholds: least support in each class over all clients, class 0 first; below 1 it is a share of the class,
            of two graphs at the least.
        features: the meaning of the node features.
        per_class: patterns of each class at the most, those with most support. (default: all)
        min_clients: trees that fewer clients have are dropped. (default: 1, none)
        slack: a tree joins a set's closure if at most so many of its graphs lack it. Noise hides which trees no graph
            lacks; about three deviations of the noise on a sum over clients keep its sets from multiplying.
            (default: 0, which is exact without noise)
        exact: whether counts have no noise, so that one below 0 or above the number of a client's graphs is refused.
            (default: counts may be noisy)
        max_itemsets: most closed sets of a class; more are an error. (default: 100,000)
        source: name of the data, for the card.

    Returns:
        The set; ``meta`` has the bytes up and down of each client, counted as arrays, and the number of rounds.

    Raises:
        ValueError: an argument is out of range, a class is empty or no tree of it reaches its threshold, there are too
            many closed sets, or a reply does not fit its request.

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.graphs import Graphs
        >>> atoms = [Data(x=torch.tensor([[a]]), edge_index=torch.empty(2, 0).long()) for a in (6, 8)]
        >>> client = MirageClient(Graphs.from_data_list(atoms), torch.tensor([0, 1]), hops=1, classes=2)
        >>> synthetic = federated_mirage(local([client, client]), 2, (2, 2), "categorical", min_clients=2)
        >>> len(synthetic), synthetic.meta["supports"]
        (2, [[2], [2]])
    """
    start = time.perf_counter()
    if not 1 <= min_clients <= clients:
        raise ValueError(f"--min-clients must be from 1 to the number of clients, {clients}, got {min_clients}")
    if not thresholds or any(t <= 0 or (t > 1 and t % 1) for t in thresholds):
        raise ValueError(
            f"--thresholds takes one support of 1 or more, or share below 1, per class, got {tuple(thresholds)}"
        )
    if slack < 0:
        raise ValueError(f"slack must be 0 or more, got {slack}")
    channel = Channel(exchange, clients)
    sizes = _stack(channel.all("sizes"), "sizes", len(thresholds)).clip(0)
    for label in (sizes.sum(axis=0) == 0).nonzero()[0]:
        raise ValueError(f"no client has a graph of class {label}; number classes without gaps")
    totals = sizes.sum(axis=0).tolist()
    least = [int(t) if t >= 1 else max(2, math.ceil(t * n)) for t, n in zip(thresholds, totals, strict=True)]
    # Of numbers that add up to less than the threshold none reaches it: one client has its share or more.
    shares = -(-np.array(least) * sizes // sizes.sum(axis=0))
    limits = sizes if exact else None
    replies = channel.each("frequent", [{"least": pack(share.clip(1))} for share in shares])
    ids = np.unique(np.concatenate(_shaped(replies, "ids", (None, 2), np.uint64)), axis=0)
    replies = channel.all("present", ids=ids)
    present = np.stack(
        [bits(part[None], len(ids))[0] for part in _shaped(replies, "present", ((len(ids) + 7) // 8,), np.uint8)]
    )
    passed = present.sum(axis=0) >= min_clients
    ids, present = ids[passed], present[:, passed]
    replies = channel.all("supports", ids=ids)
    most = None if limits is None else np.tile(limits, len(ids))
    supports = _total(replies, "supports", len(ids) * len(least), most).reshape(len(ids), len(least))
    nodes = _total(replies, "nodes", len(ids))
    frequent = (supports >= np.array(least)).any(axis=1)
    ids, present, supports, nodes = ids[frequent], present[:, frequent], supports[frequent], nodes[frequent]
    for label, threshold in enumerate(least):
        if not (supports[:, label] >= threshold).any():
            raise ValueError(
                f"--thresholds: no tree of class {label} that {min_clients} or more clients have reaches support "
                f"{threshold} over all of them; give less"
            )
    found = _search(channel, ids, supports, least, slack, max_itemsets, limits)
    itemsets = [[Itemset(_items(mask), support) for mask, support in sets.items()] for sets in found]
    patterns = one_class_each(itemsets, totals)
    if per_class is not None:
        patterns = [
            p
            for c in range(len(least))
            for p in _most_supported(channel, ids, present, [q for q in patterns if q.label == c], per_class)
        ]
    forest, label, weight = _write(channel, ids, present, nodes, patterns)
    facts = {
        "method": "federated mirage",
        "source": source,
        "thresholds": least,
        "min_clients": min_clients,
        "slack": slack,
        "clients": clients,
        "rounds": channel.rounds,
        "bytes_up": channel.up,
        "bytes_down": channel.down,
        "supports": [[p.support for p in patterns if p.label == c] for c in range(len(least))],
        "trees": list(forest.trees.sizes),
        "seconds": time.perf_counter() - start,
        "versions": versions(),
    }
    return SyntheticSet(forest, label, weight, "multiclass", features, facts).as_stored()


class ReplyError(ValueError):
    """A reply that does not fit its request.

    Attributes:
        client: position of the client that sent it.
    """

    def __init__(self, client: int, why: str):
        super().__init__(f"client {client} sent {why}; leave it out")
        self.client = client


class Channel:
    """Sends requests to clients and counts rounds and bytes."""

    def __init__(self, exchange: Exchange, clients: int):
        self.exchange, self.clients = exchange, clients
        self.up, self.down, self.rounds = [0] * clients, [0] * clients, 0

    def all(self, step: str, **request: NDArray[np.generic]) -> Sequence[Message]:
        """Send all clients the same request."""
        return self.each(step, [request] * self.clients)

    def each(self, step: str, requests: Sequence[Message]) -> Sequence[Message]:
        """Send each client a request of its own."""
        messages = [{"step": np.array(STEPS.index(step), np.uint8), **request} for request in requests]
        replies = self.exchange(messages)
        if len(replies) != self.clients:
            raise ValueError(f"{len(replies)} of {self.clients} clients replied to {step!r}; counts need all of them")
        self.rounds += 1
        for client, (message, reply) in enumerate(zip(messages, replies, strict=True)):
            self.down[client] += sum(array.nbytes for array in message.values())
            self.up[client] += sum(array.nbytes for array in reply.values())
        return replies


def _search(
    channel: Channel,
    ids: NDArray[np.generic],
    supports: NDArray[np.int64],
    thresholds: Sequence[int],
    slack: int,
    max_itemsets: int,
    limits: NDArray[np.int64] | None,
) -> list[dict[int, int]]:
    """Closed frequent sets of each class, as bits, with their supports; ``limits`` are the graphs of each client."""
    found: list[dict[int, int]] = [{} for _ in thresholds]
    known: dict[tuple[int, int], list[int]] = defaultdict(list)
    # A request: class, set, and as values its support and the trees that may be frequent with it.
    front: dict[tuple[int, int], tuple[int, int]] = {}
    for label, threshold in enumerate(thresholds):
        every = [i for i, support in enumerate(supports[:, label].tolist()) if support >= threshold]
        mask = sum(1 << i for i in every)
        front |= {(label, 1 << i): (int(supports[i, label]), mask ^ (1 << i)) for i in every}
    while front:
        more = [rest for _, rest in front.values()]
        replies = channel.all(
            "extend",
            ids=ids,
            label=np.array([label for label, _ in front], np.int16),
            sets=_rows([mask for _, mask in front], len(ids)),
            more=_rows(more, len(ids)),
        )
        sizes = [rest.bit_count() for rest in more]
        most = None if limits is None else np.repeat(limits[:, [label for label, _ in front]], sizes, axis=1)
        counts = iter(_total(replies, "counts", sum(sizes), most).tolist())
        after: dict[tuple[int, int], tuple[int, int]] = {}
        for (label, mask), (support, rest) in front.items():
            pairs = [(item, min(next(counts), support)) for item in _items(rest)]
            closure = mask | sum(1 << item for item, count in pairs if count >= support - slack)
            if closure in found[label]:
                continue
            found[label][closure] = support
            known[label, support].append(closure)
            if len(found[label]) > max_itemsets:
                raise ValueError(f"--thresholds give more than {max_itemsets} closed sets in class {label}; raise them")
            pairs = [(i, count) for i, count in pairs if thresholds[label] <= count < support - slack]
            mask = sum(1 << item for item, _ in pairs)
            after |= {(label, closure | 1 << i): (count, mask ^ (1 << i)) for i, count in pairs}
        # A set within a closed one of the same support has that one as its closure.
        front = {
            key: value
            for key, value in after.items()
            if not any(key[1] & closed == key[1] for closed in known[key[0], value[0]])
        }
    return found


def _most_supported(
    channel: Channel, ids: NDArray[np.generic], present: NDArray[np.bool_], patterns: Sequence[Pattern], count: int
) -> list[Pattern]:
    """So many patterns of a class; of those with the least support that is kept, the first by content.

    Content is the same whatever the key and the order of the clients. It is requested where there is a choice, so some
    more definitions are sent than those of the set.
    """
    ranked = sorted(patterns, key=lambda p: -p.support)
    if len(ranked) <= count:
        return ranked
    least = ranked[count - 1].support
    sure, tied = [p for p in ranked if p.support > least], [p for p in ranked if p.support == least]
    if len(sure) + len(tied) > count:
        _, raw, _ = _describe(channel, ids, present, tied)
        words = {item: tuple(np.frombuffer(content, np.uint64).tolist()) for item, content in raw.items()}
        tied.sort(key=lambda p: [raw[i] for i in sorted(p.trees, key=lambda i: words[i])])
    return [*sure, *tied][:count]


def _describe(
    channel: Channel, ids: NDArray[np.generic], present: NDArray[np.bool_], patterns: Sequence[Pattern]
) -> tuple[list[Forest], dict[int, bytes], Sequence[Message]]:
    """Trees of patterns from one client each, their contents by their place among ``ids``, and the whole replies."""
    used = sorted({item for pattern in patterns for item in pattern.trees})
    masks = [sum(1 << item for item in pattern.trees) for pattern in patterns]
    sets, label = _rows(masks, len(ids)), np.array([p.label for p in patterns], np.int16)
    owner = present.argmax(axis=0)
    wanted = [_rows([sum(1 << i for i in used if owner[i] == c)], len(ids)) for c in range(channel.clients)]
    replies = channel.each("describe", [{"ids": ids, "sets": sets, "label": label, "wanted": w} for w in wanted])
    pieces, raw = [], dict[int, bytes]()
    for client, (reply, keyed) in enumerate(zip(replies, _shaped(replies, "ids", (None, 2), np.uint64), strict=True)):
        payload = {n.removeprefix("trees/"): torch.from_numpy(np.array(v)) for n, v in reply.items() if "/" in n}
        try:
            piece = Forest.from_payload(payload)
            content = piece.trees.ids()[-1].numpy()
            mine = {k.tobytes(): c.tobytes() for k, c in zip(keyed, content, strict=True)}
            items = [item for item in used if owner[item] == client]
            if mine.keys() != {ids[item].tobytes() for item in items}:
                raise ValueError("they are not those that were requested")
            raw |= {item: mine[ids[item].tobytes()] for item in items}
        except (KeyError, ValueError, IndexError, RuntimeError) as error:
            raise ReplyError(client, f"trees that cannot be read ({error!r})") from error
        if len(piece.tree):
            pieces.append(piece)
    return pieces, raw, replies


def _write(
    channel: Channel,
    ids: NDArray[np.generic],
    present: NDArray[np.bool_],
    nodes: NDArray[np.int64],
    patterns: Sequence[Pattern],
) -> tuple[Forest, torch.Tensor, torch.Tensor]:
    """Request the trees of patterns, put them in the order of the union, and write the set."""
    pieces, raw, replies = _describe(channel, ids, present, patterns)
    used = sorted(raw)
    trees = merge(pieces).trees
    place = {row.numpy().tobytes(): number for number, row in enumerate(trees.ids()[-1])}
    row = {item: place[content] for item, content in raw.items()}
    totals = _total(replies, "nodes", sum(len(p.trees) for p in patterns)).clip(1)
    sizes = _total(replies, "sizes", len(patterns))
    # As mining the union numbers trees: by falling number of nodes, then by content, as they are merged.
    rank = {item: n for n, item in enumerate(sorted(used, key=lambda i: (-nodes[i], row[i])))}
    entries, position = [], 0
    for pattern, size in zip(patterns, sizes.tolist(), strict=True):
        part = totals[position : position + len(pattern.trees)]
        position += len(pattern.trees)
        items, total = zip(
            *sorted(zip(pattern.trees, part.tolist(), strict=True), key=lambda e: rank[e[0]]), strict=True
        )
        order = (pattern.label, -pattern.support, [rank[i] for i in items])
        mean = torch.tensor(float(max(size, 1))) / pattern.support
        entries.append((order, Pattern(pattern.label, tuple(row[i] for i in items), pattern.support), total, mean))
    entries.sort(key=lambda entry: entry[0])
    written = write_patterns(
        trees, [e[1] for e in entries], [torch.tensor(e[2]).float() for e in entries], [e[3] for e in entries]
    )
    return written[0].by_frequency(), written[1], written[2]


def _stack(replies: Sequence[Message], name: str, length: int) -> NDArray[np.int64]:
    """One vector of counts of each client, ``[clients, length]``."""
    parts = []
    for client, stream in enumerate(_shaped(replies, name, (None,), np.uint8)):
        try:
            part = unpack(stream)
        except ValueError as error:
            raise ReplyError(client, f"{name} that cannot be read ({error})") from error
        if len(part) != length:
            raise ReplyError(client, f"{len(part)} {name} where {length} were requested")
        # Noise may make a count negative, but not its size beyond all data.
        if len(part) and max(-int(part.min()), int(part.max())) > MAX_COUNT:
            raise ReplyError(client, f"{name} from {part.min()} to {part.max()}, beyond {MAX_COUNT}")
        parts.append(part)
    return np.stack(parts)


def _shaped(
    replies: Sequence[Message], name: str, shape: tuple[int | None, ...], dtype: type[np.generic]
) -> list[NDArray[np.generic]]:
    """One array of each reply; ``None`` stands for any length."""
    for client, reply in enumerate(replies):
        found = reply[name].shape if name in reply else ()
        if len(found) != len(shape) or any(want not in (None, have) for want, have in zip(shape, found, strict=True)):
            raise ReplyError(client, f"{name} of shape {list(found)}")
        if reply[name].dtype != dtype:
            raise ReplyError(client, f"{name} of {reply[name].dtype}, wanted {np.dtype(dtype)}")
    return [reply[name] for reply in replies]


def _total(
    replies: Sequence[Message], name: str, length: int, most: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Sum over clients of one vector of counts, none below 0 or above ``most`` of the client, if that is given."""
    counts = _stack(replies, name, length)
    if most is not None:
        for client in np.flatnonzero(((counts < 0) | (counts > most)).any(axis=1)).tolist():
            raise ReplyError(client, f"{name} that are not from 0 to the number of its graphs")
    return np.asarray(counts.sum(axis=0))


def _rows(masks: Sequence[int], columns: int) -> NDArray[np.uint8]:
    """Sets as packed bits, ``[n, bytes]``."""
    width = (columns + 7) // 8
    return np.frombuffer(b"".join(m.to_bytes(width, "little") for m in masks), np.uint8).reshape(-1, width)


def _items(mask: int) -> tuple[int, ...]:
    """Numbers of the bits that are set, ascending."""
    return tuple(i for i in range(mask.bit_length()) if mask >> i & 1)
