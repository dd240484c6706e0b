"""Logits of the model of shards: of a shard, of graphs and of SMILES."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.storage import read_card, read_tensors, write_card, write_tensors
from graphdistill.mirage.shards.features import count_rows
from graphdistill.mirage.shards.featurise import graphs_of
from graphdistill.mirage.shards.parts import Arrays
from graphdistill.mirage.shards.sums import LOG_COUNT, margins

Array = np.ndarray[Any, Any]

FORMAT = 1
"""Version of the layout of a model's files."""


def logits_of(rows: Arrays, coef: Array) -> Array:
    """Logits of compressed sparse rows, double ``[G, C]``."""
    out = np.zeros((len(coef), len(rows["ptr"]) - 1))
    for c in range(len(coef)):
        margins(rows["ptr"], rows["column"], rows["count"], coef[c], LOG_COUNT, out[c])
    return out.T


@dataclass(frozen=True)
class TreeCountModel:
    """A logistic regression on tree counts that scores molecules.

    Attributes:
        ids: ids of the counted trees by depth, each ``[n_k, 2]``.
        coef: coefficients of each binary problem, the intercept last, ``[C, K + 1]``.

    Example:
        >>> model = TreeCountModel((np.zeros((0, 2), np.int64),), np.array([[0.5]]))
        >>> model.score_smiles(["CCO"]).tolist()
        [[0.5]]
    """

    ids: tuple[Array, ...]
    coef: Array

    def score_graphs(self, graphs: Graphs) -> Array:
        """Logits of graphs with OGB's features, double ``[G, C]``."""
        return logits_of(count_rows(graphs, self.ids), self.coef)

    def score_smiles(self, smiles: Sequence[str]) -> Array:
        """Logits of molecules, double ``[n, C]``, NaN for those that rdkit cannot read."""
        graphs, molecules = graphs_of(smiles)
        out = np.full((len(smiles), len(self.coef)), np.nan)
        out[molecules.valid.numpy()] = self.score_graphs(graphs)
        return out

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors`` and ``card.json`` into an existing folder."""
        tensors = {f"ids{depth}": torch.from_numpy(ids) for depth, ids in enumerate(self.ids)}
        digest = write_tensors(folder / "model.safetensors", {**tensors, "coef": torch.from_numpy(self.coef)})
        write_card(folder, {"format": FORMAT, "depth": len(self.ids) - 1, "sha256": digest})

    @classmethod
    def load(cls, folder: Path) -> TreeCountModel:
        """Read the files of :meth:`save`.

        Raises:
            FileNotFoundError: one of them is missing.
            ValueError: one of them is damaged.
        """
        card = read_card(folder, FORMAT, {"depth": int, "sha256": str}, writer="TreeCountModel.save")
        tensors = read_tensors(
            folder / "model.safetensors", card["sha256"], lambda header: None, writer="TreeCountModel.save"
        )
        ids = tuple(tensors[f"ids{depth}"].numpy() for depth in range(card["depth"] + 1))
        return cls(ids, tensors["coef"].numpy())
