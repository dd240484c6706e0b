"""Molecules as graphs from SMILES, and the screening compounds that lie in rdkit's wheel."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ogb
import rdkit
import torch
from ogb.utils.features import atom_to_feature_vector, bond_to_feature_vector
from rdkit import Chem, DataStructs, RDConfig, rdBase
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
        filters, matches = PainsFilters(), list[bool]()
        tensors, wrong = read_smiles(smiles, lambda molecule: matches.append(filters.match(molecule)))
        assert not wrong
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


class PainsFilters:
    """The published PAINS filters (Baell and Holloway, 2010) as rdkit's ``FilterCatalog`` has them.

    A filter is tried only on molecules that have all bits of its fingerprint, which rdkit makes for this purpose: the
    same matches in a third of the time.

    Example:
        >>> PainsFilters().match(Chem.MolFromSmiles("O=C1C=CC(=O)C=C1"))
        True
    """

    def __init__(self) -> None:
        parameters = FilterCatalogParams()
        for family in ("PAINS_A", "PAINS_B", "PAINS_C"):
            parameters.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, family))
        catalog = FilterCatalog(parameters)
        self.entries = [catalog.GetEntryWithIdx(number) for number in range(catalog.GetNumEntries())]
        with Path(RDConfig.RDDataDir, "Pains", "wehi_pains.csv").open(newline="") as file:
            patterns = {name.removeprefix("<regId=").removesuffix(">").lower(): text for text, name in csv.reader(file)}
        # A filter without a pattern is tried on every molecule.
        names = [entry.GetDescription().lower() for entry in self.entries]
        found = [Chem.MolFromSmarts(patterns[name], mergeHs=True) if name in patterns else None for name in names]
        nothing = np.zeros_like(_fingerprint(Chem.MolFromSmiles("C")))
        self.bits = np.stack([nothing if pattern is None else _fingerprint(pattern) for pattern in found])

    def match(self, molecule: Chem.Mol) -> bool:
        """Whether a filter matches."""
        absent = (self.bits & ~_fingerprint(molecule)).any(axis=1)
        return any(self.entries[number].HasFilterMatch(molecule) for number in np.flatnonzero(~absent).tolist())


def _fingerprint(molecule: Chem.Mol) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Bits of which a molecule has at least those of its substructures."""
    return np.frombuffer(DataStructs.BitVectToBinaryText(Chem.PatternFingerprint(molecule, fpSize=2048)), np.uint8)


def read_smiles(
    smiles: Sequence[str], also: Callable[[Chem.Mol], object] = lambda molecule: None
) -> tuple[Tensors, dict[int, str]]:
    """Graphs of ``smiles`` with OGB's atom and bond features, and their scaffold split, as named tensors.

    Args:
        smiles: one molecule each.
        also: called with each molecule that can be read. (default: nothing)

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
                graphs.append(graph_of(molecule))
            except ValueError:
                wrong[number] = f"{text!r} has a bond that OGB does not know"
                continue
            # Mirror images count as one scaffold, as in DeepChem; OGB's official splits tell them apart.
            scaffolds.append(_scaffold(mol=molecule, includeChirality=False))
            also(molecule)
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


def graph_of(molecule: Chem.Mol) -> dict[str, Any]:
    """What ``ogb.utils.smiles2graph`` gives for the text of a molecule, which is not read once more.

    Raises:
        ValueError: OGB does not know a bond.

    Example:
        >>> graph_of(Chem.MolFromSmiles("CO"))["edge_index"].tolist()
        [[0, 1], [1, 0]]
    """
    nodes = [atom_to_feature_vector(atom) for atom in molecule.GetAtoms()]
    ends = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    bonds = [bond_to_feature_vector(bond) for bond in molecule.GetBonds()]
    return {
        "edge_index": np.array([way for start, end in ends for way in ((start, end), (end, start))], np.int64)
        .reshape(-1, 2)
        .T,
        "edge_feat": np.array(bonds, np.int64).reshape(-1, 3).repeat(2, axis=0),
        "node_feat": np.array(nodes, np.int64),
        "num_nodes": len(nodes),
    }


def key_of(path: Path, *more: str) -> str:
    """What the graphs of the molecules in ``path`` depend on, for the cache."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return "/".join((digest, rdkit.__version__, ogb.__version__, *more))


def _progress(items: Sequence[str], what: str) -> Iterable[str]:
    return items if len(items) < _SLOW else progress().track(items, what)
