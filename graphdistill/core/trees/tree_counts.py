"""Linear models on counts of computation trees: a baseline without a network, and a cheap teacher."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from graphdistill.core.data.datasets import REGRESSION, Metric
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.ridge import fit_ridge
from graphdistill.core.trees.wl import group


class TreeCountRegression:
    r"""Linear model on :math:`\log(1 + n_t(G))`, the counts of the trees t of depths 0 to ``depth``.

    Logistic regression, one binary classifier per class or task; classes are balanced if the metric is ROC-AUC. With
    shallow trees it is the Weisfeiler-Lehman subtree kernel's linear model (Shervashidze et al., JMLR 2011).

    For targets ridge regression (:func:`~graphdistill.core.trees.ridge.fit_ridge`) on the counts :math:`n_t(G)`
    themselves, since many properties add up over atoms: RMSE 1.04 instead of 1.19 on validation of ogbg-molesol.

    Args:
        depth: depth of the deepest trees that are counted. (default: 2)
        strength: inverse regularization C of the logistic regression. (default: 0.1, the best on validation at every
            depth on molecules)
        min_graphs: trees in fewer training graphs, or in less than 1 of 2,000, are left out. (default: 5)

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.graphs import Graphs
        >>> from graphdistill.core.trees.build import build_forest
        >>> atoms = [Data(x=torch.tensor([[a]]), edge_index=torch.empty(2, 0).long()) for a in (6, 8) * 3]
        >>> forest = build_forest(Graphs.from_data_list(atoms), 1)
        >>> y = torch.tensor([0, 1] * 3)
        >>> TreeCountRegression(min_graphs=1).fit(forest, y, "accuracy").logits(forest).argmax(dim=1).tolist()
        [0, 1, 0, 1, 0, 1]
    """

    def __init__(self, depth: int = 2, strength: float = 0.1, min_graphs: int = 5):
        self.depth, self.strength, self.min_graphs = depth, strength, min_graphs

    def fit(
        self, forest: Forest, y: Tensor, metric: Metric, valid: tuple[Forest, Tensor] | None = None
    ) -> TreeCountRegression:
        """Fit on training graphs.

        Args:
            forest: the graphs.
            y: labels as in :class:`~graphdistill.core.data.datasets.GraphDataset`.
            metric: metric of the data set.
            valid: graphs and targets that the strength of a ridge regression is chosen on. (default: the middle one)
        """
        self._logarithm = metric not in REGRESSION
        at_least = max(self.min_graphs, len(forest) // 2000)
        self._ids = []
        blocks = []
        for ids, matrix in self._levels(forest):
            keep = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]) >= at_least)
            self._ids.append(ids[torch.from_numpy(keep)])
            blocks.append(matrix[:, keep])
        features = sp.hstack(blocks).tocsr()
        if metric in REGRESSION:
            held_out = None if valid is None else (self.features(valid[0]), valid[1])
            self._pair, self._coefficients = False, fit_ridge(features, y, held_out)
            return self
        if y.dim() == 1:
            classes = int(y.max()) + 1
            columns = [(y == c).double() for c in ([1] if classes == 2 else range(classes))]
        else:
            classes, columns = 0, list(y.double().T)
        self._pair = classes == 2
        self._coefficients = np.zeros((features.shape[1] + 1, len(columns)))
        for number, column in enumerate(columns):
            known = (~torch.isnan(column)).numpy()
            truth = column.numpy()[known]
            share = truth.mean() if len(truth) else 0.5
            if not features.shape[1] or share in (0, 1) or not len(truth):
                share = min(max(share, 1e-9), 1 - 1e-9)
                self._coefficients[-1, number] = np.clip(np.log(share / (1 - share)), -2, 2)
                continue
            model = LogisticRegression(
                C=self.strength, class_weight="balanced" if metric == "rocauc" else None, solver="liblinear"
            ).fit(features[known], truth)
            self._coefficients[:-1, number] = model.coef_[0]
            self._coefficients[-1, number] = model.intercept_[0]
        return self

    def logits(self, forest: Forest) -> Tensor:
        """Logits of each graph or its targets, float32 ``[G, C]`` (or ``[G, T]``); unknown trees are ignored."""
        features = sp.hstack([self.features(forest), np.ones((len(forest), 1))]).tocsr()
        scores = torch.from_numpy(features @ self._coefficients).float()
        return torch.cat([-scores / 2, scores / 2], dim=1) if self._pair else scores

    @property
    def ids(self) -> list[Tensor]:
        """Content ids of the counted trees, long ``[n_k, 2]`` per depth."""
        return self._ids

    def weights(self) -> Tensor:
        """Weight of each counted tree for each class, task or target, depth by depth as in ``ids``, double ``[n, C]``.

        Of two classes one has the negative weights of the other.
        """
        weights = torch.from_numpy(self._coefficients[:-1])
        return torch.cat([-weights, weights], dim=1) if self._pair else weights

    def linear(self) -> tuple[Tensor, Tensor]:
        """Weights, float ``[n, C]``, and intercepts, float ``[C]``, whose logits are those of :meth:`logits`."""
        both = torch.from_numpy(self._coefficients).float()
        both = torch.cat([-both / 2, both / 2], dim=1) if self._pair else both
        return both[:-1], both[-1]

    def features(self, forest: Forest) -> sp.csr_matrix:
        """Log counts, or counts, of the counted trees in each graph, ``[G, n]``, depth by depth as in ``ids``."""
        blocks = []
        for known, (ids, matrix) in zip(self._ids, self._levels(forest), strict=True):
            _, row, _ = group(torch.cat([known, ids]))
            column = torch.full((len(row),), -1)
            column[row[: len(known)]] = torch.arange(len(known))
            column = column[row[len(known) :]]
            found = (column >= 0).nonzero().view(-1)
            shape = (matrix.shape[1], len(known))
            select = sp.csr_matrix((np.ones(len(found)), (found.numpy(), column[found].numpy())), shape)
            blocks.append(matrix @ select)
        return sp.hstack(blocks).tocsr()

    def _levels(self, forest: Forest) -> list[tuple[Tensor, sp.csr_matrix]]:
        """Ids of the trees and features per graph, for each depth."""
        out = []
        for depth in range(min(self.depth, forest.trees.depth) + 1):
            level = forest.cut(depth)
            count = level.count.numpy()
            values = np.log1p(count) if self._logarithm else count.astype(float)
            shape = (len(level), level.trees.sizes[-1])
            out.append((level.trees.ids()[-1], sp.csr_matrix((values, level.tree.numpy(), level.ptr.numpy()), shape)))
        return out
