"""The molecules of each client, and the virtual molecules that it mines from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from fed.config import FedConfig
from fed.data.client_data import UNKNOWN, ClientData, Entries, Facts, LazyClientData
from fed.data.partition import iid_or_dirichlet, scaffold, scaffolds_of
from fed.data.partitioner import divide
from graphdistill.core.codec import encode_graphs
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.evaluation.trees import trivial
from graphdistill.core.networks.tree_counts import tree_counts
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.metrics import score
from graphdistill.core.trees.build import build_forest
from graphdistill.datasets import load
from graphdistill.datasets._tables import TABLES
from graphdistill.mirage.patterns import mine_patterns, pattern_forest

LR = 0.03
"""Default learning rate of SGD; on validation of pains, 0.1 makes training on mined sets unstable."""
SPLITS: tuple[Literal["train", "valid", "test"], ...] = ("train", "valid", "test")
HOPS = 2
"""Depth of computation trees, which is the number of layers of networks: Mirage's."""


@dataclass(frozen=True)
class Molecules(ClientData):
    """Molecules of one client: forests of their trees, classes, and weights that sum to 1 in each class.

    Attributes:
        data: the graphs, with the client's splits.
    """

    data: GraphDataset = field(kw_only=True)

    @property
    def facts(self) -> Facts:
        """The facts that a network for it is made from."""
        return {"layers": HOPS, "classes": self.num_classes}

    @cached_property
    def training_bytes(self) -> int:
        """Bytes of the training graphs, coded without loss and without labels."""
        return len(encode_graphs(self.data.split("train")[0]))

    @cached_property
    def tree_counts(self) -> dict[str, tuple[NDArray[np.int64], sp.csr_matrix]]:
        """For each split the keys of its trees of all depths, ``[n]``, and their log counts by graph, ``[G, n]``."""
        found: dict[str, tuple[NDArray[np.int64], sp.csr_matrix]] = {}
        for split in SPLITS:
            forest = getattr(self, split)[0]
            keys, graph, tree, count = (part.numpy() for part in tree_counts(forest, HOPS))
            found[split] = keys, sp.csr_matrix((np.log1p(count), (graph, tree)), (len(forest), len(keys)))
        return found

    def trivial(self, split: str) -> float:
        """Score of the number of nodes as a prediction on a split."""
        x, y, _ = getattr(self, split)
        value = score(trivial(self.data, x)["number of nodes"], y, self.metric)
        return UNKNOWN if math.isnan(value) else value

    def tensors(self, entries: Entries) -> dict[str, Tensor]:
        """Entries as tensors by name, to be stored or sent."""
        return SyntheticSet(*entries).payload()

    def contents(self, entries: Entries) -> dict[str, Tensor]:
        """Entries as tensors whose hash identifies them."""
        forest, y, weight = entries
        pairs = {"ptr": forest.ptr, "tree": forest.tree, "count": forest.count}
        return {**pairs, "ids": forest.trees.ids()[-1], "y": y, "weight": weight}

    def entries(self, tensors: Mapping[str, Tensor]) -> Entries:
        """Entries from the tensors of :meth:`tensors`; molecules come in the order of the codec."""
        return unpacked(tensors)

    def mined(self, support: float, per_class: int) -> Entries:
        """Its virtual molecules: the closed sets of trees that many of its training graphs of a class share.

        Args:
            support: share of the graphs of a class that must contain a set, and at least two graphs if any tree is in
                two.
            per_class: most sets of each class; those with most support are kept.
        """
        forest, y, _ = self.train
        held, compact = y.unique(return_inverse=True)
        thresholds = []
        for place, size in enumerate(torch.bincount(compact).tolist()):
            mine = forest.subset((compact == place).nonzero().view(-1))
            most = int(torch.bincount(mine.tree).max())
            thresholds.append(min(most, max(2, math.ceil(support * size))))
        patterns = mine_patterns(forest, compact, thresholds)
        kept = [p for label in range(len(held)) for p in [q for q in patterns if q.label == label][:per_class]]
        molecules, label, weight = pattern_forest(forest, compact, kept)
        return molecules, held[label], weight


def are_molecules(dataset: str) -> bool:
    """Whether a data set's name is one of molecules."""
    return dataset == "pains" or dataset.startswith("ogbg-") or dataset.endswith(TABLES)


def unpacked(tensors: Mapping[str, Tensor]) -> Entries:
    """Molecules from tensors that were stored or sent."""
    synthetic = SyntheticSet.from_payload(tensors, task="multiclass", features="ogb", meta={})
    return synthetic.forest, synthetic.y, synthetic.weight


def parts(config: FedConfig) -> LazyClientData:
    """The molecules of all clients, by the partition of the config, each made on first use.

    The three splits of the data set are divided separately in the same way, so that a client is evaluated on molecules
    like its own, and the split of the data set (by scaffold in OGB's) remains between training and test. A client whose
    share of a split lacks a class has no ROC-AUC on it.

    Raises:
        ValueError: the data are no molecules with one binary task, the partition is not for molecules, or no client has
            both classes in a split.
    """
    data = load(config.dataset, config.root or None, seed=config.seed, skip_invalid=config.skip_invalid)
    if not isinstance(data, GraphDataset) or data.features != "ogb" or data.graphs.edge_attr is None:
        raise ValueError(f"--dataset {config.dataset}: no molecules with OGB's features; choose ogbg-molbace or pains")
    if data.task != "multiclass" or data.num_outputs != 2:
        kind = "targets of regression" if data.task == "regression" else "tasks"
        raise ValueError(
            f"--dataset {data.name} has {data.num_outputs} {kind}; choose one with a single binary task, such as "
            "ogbg-molhiv, ogbg-molbace or pains"
        )
    if config.partition == "domain":
        raise ValueError("--partition domain is for images; give molecules --partition scaffold, dirichlet or iid")
    indices = _divided(config, data)
    for name in ("valid", "test"):
        if not any(len(data.y[mine].unique()) == 2 for mine in indices[name]):
            raise ValueError(
                f"--clients {config.clients}: no client's {name} molecules would be of both classes, which ROC-AUC "
                "needs; give fewer clients, a larger --dirichlet-alpha or --partition iid"
            )

    def make(client: int) -> Molecules:
        own = data.with_splits(*[indices[name][client] for name in SPLITS])
        splits = {name: _entries(*own.split(name)) for name in SPLITS}
        return Molecules(f"{data.name} {client}", **splits, num_classes=2, metric=data.metric, data=own)

    return LazyClientData(config.clients, make)


def _entries(graphs: Graphs, y: Tensor) -> Entries:
    return build_forest(graphs, HOPS).by_frequency(), y, class_weights(y)


def _divided(config: FedConfig, data: GraphDataset) -> dict[str, list[Tensor]]:
    """Index of each client's graphs of every split."""
    if config.partition != "custom":
        return {name: _divide(config, data, getattr(data, name)) for name in SPLITS}
    index: list[Tensor] = [getattr(data, name) for name in SPLITS]
    y = [data.y[mine] for mine in index]
    draws = generator(config.seed, "parts", "custom")
    parts = divide(y, [torch.zeros_like(label) for label in y], config.clients, draws)
    return {
        name: [mine[positions] for positions in held] for name, mine, held in zip(SPLITS, index, parts, strict=True)
    }


def _divide(config: FedConfig, data: GraphDataset, index: Tensor) -> list[Tensor]:
    """Index of each client's graphs of a split."""
    if config.clients > len(index):
        raise ValueError(f"--clients {config.clients} are more than the {len(index)} graphs of a split; give fewer")
    draws = generator(config.seed, "parts", data.name)
    if config.partition == "scaffold":
        held = scaffold(scaffolds_of(data, index), config.clients)
    else:
        held = iid_or_dirichlet(config, data.y[index], 2, config.clients, draws)
    return [index[positions] for positions in held]
