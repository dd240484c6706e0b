"""A client's side of the regression on counts of trees: keyed ids, then sums over its graphs.

In every reply a client sends the same numbers, summed over its graphs: the loss, and the gradient for each tree of the
vocabulary. The server uses the sums over all clients alone. It keeps nothing between messages but the vocabulary.
"""

from __future__ import annotations

import functools
import hashlib

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from fed.data.client_data import UNKNOWN
from fed.data.molecules import HOPS, Molecules
from graphdistill.core.networks.tree_counts import TreeCountNet, tree_counts
from graphdistill.core.training.metrics import score
from graphdistill.core.trees.forest import Forest

Ids = NDArray[np.uint64]
Vector = NDArray[np.float64]


class TreesClient:
    """The graphs of a client as counts of trees.

    Args:
        part: its molecules.
        key: secret that all clients share and the server does not know, which hides the trees behind ids.
    """

    def __init__(self, part: Molecules, key: bytes):
        self.part, self.key = part, key

    @property
    def ids(self) -> Ids:
        """Keyed ids of the trees of its training graphs, ascending ``[n]``."""
        return np.unique(keyed(self.part.tree_counts["train"][0], self.key))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Training graphs of both classes, ``[2]``."""
        return np.bincount(self.part.train[1].numpy(), minlength=2)

    def features(self, split: str, vocabulary: Ids) -> sp.csr_matrix:
        """Log counts of the trees of the vocabulary in the graphs of a split, ``[G, K]``; others are ignored."""
        keys, counts = self.part.tree_counts[split]
        return counts @ _selection(keyed(keys, self.key), vocabulary)

    def loss_and_gradient(
        self, vocabulary: Ids, weights: Vector, class_weights: Vector
    ) -> tuple[float, NDArray[np.float32]]:
        """The loss of all training graphs together, and its gradient.

        Args:
            vocabulary: ascending ids, ``[K]``.
            weights: of the trees, and the intercept, ``[K + 1]``.
            class_weights: weight of a graph of each class, ``[2]``.

        Returns:
            The sum of the logistic losses, and its gradient, in 32 bits since these decide the bytes.
        """
        x, y = self.features("train", vocabulary), self.part.train[1].numpy()
        z, c = x @ weights[:-1] + weights[-1], class_weights[y]
        slope = c * (expit(z) - y)
        gradient = np.append(x.T @ slope, slope.sum())
        return float((c * (np.logaddexp(0, z) - y * z)).sum()), gradient.astype(np.float32)

    def score(self, split: str, vocabulary: Ids, weights: Vector) -> float:
        """ROC-AUC on a split; -1 where it lacks a class."""
        z = torch.from_numpy(self.features(split, vocabulary) @ weights[:-1] + weights[-1])
        value = score(torch.stack([-z, z], dim=1), getattr(self.part, split)[1], self.part.metric)
        return UNKNOWN if np.isnan(value) else value


def keyed(keys: NDArray[np.int64], key: bytes) -> Ids:
    """What only holders of the key can make of the keys of trees, ``[n]``.

    Args:
        keys: of :func:`~graphdistill.core.trees.wl.tree_keys`, ``[n]``.
        key: the secret.

    Example:
        >>> ours, theirs = (keyed(np.array([5, 6, 5]), key) for key in (b"ours", b"theirs"))
        >>> (ours == ours[0]).tolist(), (ours == theirs).any()
        ([True, False, True], np.False_)
    """
    return _keyed(keys.tobytes(), key)


def readable(net: TreeCountNet, forest: Forest, key: bytes) -> TreeCountNet:
    """The network of a federation for the trees of a forest, whose ids only holders of the key can compute.

    Args:
        net: with keyed ids, as ``TreeCountNet.from_tensors`` reads it from the ``model.safetensors`` of a federation.
        forest: graphs to predict.
        key: the secret that the clients shared.

    Returns:
        A network that knows those trees of the forest which the model has, and gives the logits of all its graphs.
    """
    keys = tree_counts(forest, int(net.depth))[0]
    place = _selection(keyed(keys.numpy(), key), net.keys.numpy().view(np.uint64)).tocoo()
    order = keys[torch.from_numpy(place.row).long()].sort()
    made = TreeCountNet(order.values, int(net.depth), len(net.bias))
    with torch.no_grad():
        made.weight.copy_(net.weight[torch.from_numpy(place.col).long()[order.indices]])
        made.bias.copy_(net.bias)
    return made


def as_network(vocabulary: Ids, weights: Vector) -> TreeCountNet:
    """A model as a network, with the keyed ids as its keys.

    Args:
        vocabulary: ids, ``[K]``.
        weights: of the trees, and the intercept, ``[K + 1]``.
    """
    keys, both = torch.from_numpy(vocabulary.view(np.int64)), torch.from_numpy(weights).float()
    net = TreeCountNet(keys, HOPS, 2)
    with torch.no_grad():
        net.weight.copy_(_pair(both[:-1][keys.argsort()]))
        net.bias.copy_(_pair(both[-1]))
    return net


def _pair(score: Tensor) -> Tensor:
    """Logits of both classes."""
    return torch.stack([-score / 2, score / 2], dim=-1)


@functools.lru_cache(maxsize=64)
def _keyed(keys: bytes, key: bytes) -> Ids:
    digests = (hashlib.blake2b(keys[i : i + 8], key=key, digest_size=8).digest() for i in range(0, len(keys), 8))
    return np.frombuffer(b"".join(digests), np.uint64)


def _selection(ids: Ids, vocabulary: Ids) -> sp.csr_matrix:
    """The column of the vocabulary of each id, as a matrix of zeros and ones ``[n, K]``."""
    order = np.argsort(vocabulary)
    place = order[np.searchsorted(vocabulary, ids, sorter=order).clip(max=len(vocabulary) - 1)]
    found = np.flatnonzero(vocabulary[place] == ids)
    return sp.csr_matrix((np.ones(len(found)), (found, place[found])), (len(ids), len(vocabulary)))
