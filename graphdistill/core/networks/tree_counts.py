"""A network on counts of known computation trees: a graph classifier without message passing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.data.tensors import segment_ptr
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.soft_regression import fit_soft_regression
from graphdistill.core.trees.tree_counts import TreeCountRegression
from graphdistill.core.trees.wl import tree_keys


class TreeCountNet(nn.Module):
    r"""A linear layer, or an MLP, on :math:`\log(1 + n_t(G))`, the counts of known trees t in a graph G.

    .. math:: h = b + \sum_t w_t \log(1 + n_t(G)), \qquad \mathrm{logits} = h
        \quad\text{or}\quad \mathrm{logits} = W \, \mathrm{relu}(h) + c

    With shallow trees it is a model on the features of the Weisfeiler-Lehman subtree kernel (Shervashidze et al., JMLR
    2011, https://jmlr.org/papers/v12/shervashidze11a.html). Unknown trees are ignored. The known trees are buffers, so
    :meth:`from_tensors` rebuilds the network from its ``state_dict`` alone.

    Args:
        keys: known trees, as :func:`~graphdistill.core.trees.wl.tree_keys`, long ``[K]``.
        depth: depth of the deepest of them; forests need at least this depth.
        out_channels: number C of logits.
        hidden_channels: width of the hidden layer. (default: 0, none)
        dropout: probability after the hidden layer. (default: 0)
        scale: root mean square of the norm of a graph's features, by which weights are initialised. (default: 8)

    Shapes:
        - **input:** a forest of G graphs
        - **output:** logits ``[G, C]``

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.graphs import Graphs
        >>> from graphdistill.core.trees.build import build_forest
        >>> atoms = [Data(x=torch.tensor([[a]]), edge_index=torch.empty(2, 0).long()) for a in (6, 8) * 3]
        >>> forest = build_forest(Graphs.from_data_list(atoms), 1)
        >>> TreeCountNet.from_forest(forest, 2, depth=1, min_graphs=3)(forest).shape
        torch.Size([6, 2])
    """

    keys: Tensor
    depth: Tensor

    def __init__(
        self,
        keys: Tensor,
        depth: int,
        out_channels: int,
        *,
        hidden_channels: int = 0,
        dropout: float = 0.0,
        scale: float = 8.0,
    ):
        super().__init__()
        self.register_buffer("keys", keys.sort().values)
        self.register_buffer("depth", torch.tensor(depth))
        width = hidden_channels or out_channels
        self.weight = nn.Parameter(torch.zeros(len(keys), width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.head = nn.Linear(hidden_channels, out_channels) if hidden_channels else None
        if self.head is not None:
            nn.init.normal_(self.weight, std=1 / scale)
        self.dropout = dropout

    @classmethod
    def from_forest(
        cls,
        forest: Forest,
        out_channels: int,
        *,
        depth: int = 2,
        min_graphs: int = 5,
        hidden_channels: int = 0,
        dropout: float = 0.0,
    ) -> TreeCountNet:
        """A network that knows the trees of a forest.

        Args:
            forest: training graphs.
            out_channels: number of logits.
            depth: depth of the deepest trees that are counted. (default: 2)
            min_graphs: trees in fewer graphs, or in less than 1 of 2,000, are left out. (default: 5)
            hidden_channels: width of the hidden layer. (default: 0, none)
            dropout: probability after the hidden layer. (default: 0)

        Raises:
            ValueError: the forest is shallower than ``depth``.
        """
        keys, _, tree, count = tree_counts(forest, depth)
        keep = torch.bincount(tree, minlength=len(keys)) >= max(min_graphs, len(forest) // 2000)
        norm = (count[keep[tree]].float().log1p().square().sum() / max(len(forest), 1)).sqrt()
        return cls(
            keys[keep],
            depth,
            out_channels,
            hidden_channels=hidden_channels,
            dropout=dropout,
            scale=max(float(norm), 1e-6),
        )

    @classmethod
    def from_regression(cls, model: TreeCountRegression, depth: int) -> TreeCountNet:
        """The logistic regression on tree counts as a network with the same logits.

        Args:
            model: a fitted regression of classes or tasks.
            depth: depth of its trees.
        """
        weights, bias = model.linear()
        keys = torch.cat([tree_keys(ids, k) for k, ids in enumerate(model.ids)])
        net = cls(keys, depth, weights.shape[1])
        with torch.no_grad():
            net.weight.copy_(weights[keys.argsort()])
            net.bias.copy_(bias)
        return net

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], *, dropout: float = 0.0) -> TreeCountNet:
        """The network with a ``state_dict``, such as a safetensors file has.

        Args:
            tensors: the ``state_dict``.
            dropout: probability after the hidden layer, for further training. (default: 0)

        Raises:
            ValueError: a tensor is missing or does not fit.
        """
        if missing := [name for name in ("keys", "depth", "weight", "bias") if name not in tensors]:
            raise ValueError(f"tensors hold no {missing[0]!r}; give the state_dict of a TreeCountNet")
        head = tensors.get("head.bias")
        hidden = 0 if head is None else len(tensors["bias"])
        out = len(tensors["bias"] if head is None else head)
        net = cls(tensors["keys"], int(tensors["depth"]), out, hidden_channels=hidden, dropout=dropout)
        try:
            net.load_state_dict(dict(tensors))
        except RuntimeError as error:
            raise ValueError(f"tensors are not the state_dict of a TreeCountNet: {error}") from error
        return net

    def counts(self, forest: Forest) -> tuple[Tensor, Tensor, Tensor]:
        """Counts of known trees as compressed sparse rows: ``ptr`` ``[G + 1]``, ``column`` and ``count`` ``[P]``."""
        keys, graph, tree, count = tree_counts(forest, int(self.depth))
        if not len(self.keys):
            return torch.zeros_like(forest.ptr), tree[:0], count[:0]
        place = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        known = (self.keys[place] == keys)[tree]
        order = graph[known].sort(stable=True).indices
        ptr = segment_ptr(torch.bincount(graph[known], minlength=len(forest)))
        return ptr, place[tree[known]][order], count[known][order]

    def features(self, forest: Forest) -> sp.csr_matrix:
        """Features of the graphs of a forest, ``[G, K]``."""
        ptr, column, count = (part.cpu().numpy() for part in self.counts(forest))
        return sp.csr_matrix((np.log1p(count), column, ptr), (len(forest), len(self.keys)))

    def fit_linear(
        self, forest: Forest, target: Tensor, weight: Tensor | None = None, *, strength: float = 0.1
    ) -> TreeCountNet:
        """Set the weights of a network without hidden layer to those that are best for soft labels, and return it.

        It is the logistic regression of :func:`~graphdistill.core.trees.soft_regression.fit_soft_regression`, whose
        optimum needs no steps, batches or learning rate.

        Args:
            forest: training graphs.
            target: probabilities of the classes, float ``[G, C]``, such as a mean of labels and a teacher's.
            weight: weight of each graph, float ``[G]``, 1 on average. (default: 1)
            strength: inverse regularization C. (default: 0.1)

        Raises:
            ValueError: the network has a hidden layer.
        """
        if self.head is not None:
            raise ValueError(f"the network has {len(self.bias)} hidden channels; fit one with hidden_channels=0")
        weights, bias = fit_soft_regression(self.features(forest), target, weight, strength=strength)
        with torch.no_grad():
            self.weight.copy_(weights)
            self.bias.copy_(bias)
        return self

    def forward(self, forest: Forest) -> Tensor:
        """Logits of every graph of the forest."""
        ptr, column, count = self.counts(forest)
        values = count.to(self.weight.dtype).log1p()
        h = F.embedding_bag(column, self.weight, ptr[:-1], mode="sum", per_sample_weights=values) + self.bias
        if self.head is None:
            return h
        out: Tensor = self.head(F.dropout(F.relu(h), self.dropout, self.training))
        return out


def tree_counts(forest: Forest, depth: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The trees of depths 0 to ``depth`` and how often each occurs in each graph.

    Args:
        forest: the graphs.
        depth: depth of the deepest trees.

    Returns:
        Keys of all trees, ``[n]``, and graph, tree and count of each pair of a graph and a tree in it, ``[P]``.

    Raises:
        ValueError: the forest is shallower than ``depth``.
    """
    if not 0 <= depth <= forest.trees.depth:
        raise ValueError(f"depth must be from 0 to {forest.trees.depth}, that of the forest's trees, got {depth}")
    parts, before = [], 0
    for k in range(depth + 1):
        level = forest.cut(k)
        parts.append((level.graph, level.tree + before, level.count))
        before += level.trees.sizes[-1]
    keys = torch.cat([tree_keys(ids, k) for k, ids in enumerate(forest.trees.ids()[: depth + 1])])
    graph, tree, count = (torch.cat(part) for part in zip(*parts, strict=True))
    return keys, graph, tree, count
