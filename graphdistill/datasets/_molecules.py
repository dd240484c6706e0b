"""Molecules as graphs from SMILES, and the screening compounds that lie in rdkit's wheel."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import ogb
import rdkit
import torch
from ogb.utils.mol import smiles2graph
from rdkit import Chem, RDConfig, rdBase
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams
from rdkit.Chem.Scaffolds import MurckoScaffold

from graphdistill.core.data import GraphDataset, pointer
from graphdistill.core.progress import progress
from graphdistill.datasets._cache import Tensors, cached, joined, pack, unpack
from graphdistill.datasets._splits import by_scaffold

_scaffold: Callable[..., str] = MurckoScaffold.MurckoScaffoldSmiles

_SLOW = 2000
"""Molecules that take about a second, from where on progress is shown."""


def load_pains() -> GraphDataset:
    """10,000 screening compounds, positive if a published PAINS filter matches, split by scaffold."""
    path = Path(RDConfig.RDDataDir, "Pains", "test_data", "wehi_mols.csv")
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing, though rdkit's wheel has it: pip install --force-reinstall rdkit")
    with path.open(newline="") as file:
        smiles = [row[0] for row in csv.reader(file) if row]

    def build() -> Tensors:
        parameters = FilterCatalogParams()
        for family in ("PAINS_A", "PAINS_B", "PAINS_C"):
            parameters.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, family))
        filters = FilterCatalog(parameters)
        tensors, wrong = read_smiles(smiles)
        assert not wrong
        matches = [filters.HasMatch(Chem.MolFromSmiles(s)) for s in _progress(smiles, "PAINS filters")]
        return {**tensors, "y": torch.tensor(matches).long()}

    tensors = cached("pains", key_of(path), build)
    return GraphDataset(
        name="pains",
        graphs=unpack(tensors),
        **{part: tensors[part] for part in ("y", "train", "valid", "test")},
        metric="rocauc",
        features="ogb",
        notes="screening compounds in rdkit's wheel, labelled by its PAINS filters; scaffold split",
    )


def read_smiles(smiles: Sequence[str]) -> tuple[Tensors, dict[int, str]]:
    """Graphs of ``smiles`` with OGB's atom and bond features, and their scaffold split, as named tensors.

    Args:
        smiles: one molecule each.

    Returns:
        The tensors of those that can be read, empty if none can, and what is wrong with each of the others.
    """
    graphs, scaffolds, wrong = [], [], {}
    with rdBase.BlockLogs():
        for number, text in enumerate(_progress(smiles, "molecules")):
            molecule = Chem.MolFromSmiles(text) if text else None
            if molecule is None or not molecule.GetNumAtoms():
                wrong[number] = f"{text!r} is not a SMILES that rdkit can read"
                continue
            try:
                graphs.append(smiles2graph(text))
            except ValueError:
                wrong[number] = f"{text!r} has a bond that OGB does not know"
                continue
            # Mirror images count as one scaffold, as in DeepChem; OGB's official splits tell them apart.
            scaffolds.append(_scaffold(mol=molecule, includeChirality=False))
    if not graphs:
        return {}, wrong
    nodes, edges, attrs = (
        torch.from_numpy(np.concatenate([graph[key] for graph in graphs], axis))
        for key, axis in (("node_feat", 0), ("edge_index", 1), ("edge_feat", 0))
    )
    sizes = torch.tensor([graph["num_nodes"] for graph in graphs])
    edge_sizes = torch.tensor([graph["edge_index"].shape[1] for graph in graphs])
    joint = joined(nodes, edges, attrs, sizes, pointer(edge_sizes))
    train, valid, test = by_scaffold(scaffolds)
    return {**pack(joint), "train": train, "valid": valid, "test": test}, wrong


def key_of(path: Path, *more: str) -> str:
    """What the graphs of the molecules in ``path`` depend on, for the cache."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return "/".join((digest, rdkit.__version__, ogb.__version__, *more))


def _progress(items: Sequence[str], what: str) -> Iterable[str]:
    return items if len(items) < _SLOW else progress().track(items, what)
