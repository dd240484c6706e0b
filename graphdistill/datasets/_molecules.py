"""Molecular graphs from SMILES, and the screening compounds in rdkit's wheel."""

from __future__ import annotations

import csv
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import ogb
import rdkit
import torch
from ogb.utils.features import atom_to_feature_vector, bond_to_feature_vector
from rdkit import Chem, DataStructs, RDConfig, rdBase
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams
from rdkit.Chem.Scaffolds import MurckoScaffold

from graphdistill.core.command.progress import progress
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.tensors import segment_ptr
from graphdistill.core.parallel import parallel_map
from graphdistill.datasets._cache import Tensors, cached, joined, pack, unpack
from graphdistill.datasets._splits import by_scaffold

_scaffold: Callable[..., str] = MurckoScaffold.MurckoScaffoldSmiles

Result = TypeVar("Result")

_SLOW = 2000
"""Number of molecules from which on progress is shown and processes are used; they take about a second."""
_PART = 250
"""Molecules per chunk of a process."""


def load_pains(jobs: int = 1) -> GraphDataset:
    """10,000 screening compounds, positive if a published PAINS filter matches, split by scaffold."""
    path = Path(RDConfig.RDDataDir, "Pains", "test_data", "wehi_mols.csv")
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing, though rdkit's wheel has it: pip install --force-reinstall rdkit")
    with path.open(newline="") as file:
        smiles = [row[0] for row in csv.reader(file) if row]

    def build() -> Tensors:
        tensors, wrong = read_smiles(smiles, jobs=jobs)
        assert not wrong
        return {**tensors, "y": torch.tensor([*_in_parts(_match_part, smiles, "filters", jobs)]).long()}

    tensors = cached("pains", key_of(path), build)
    return GraphDataset(
        name="pains",
        graphs=unpack(tensors),
        **{part: tensors[part] for part in ("y", "train", "valid", "test")},
        metric="rocauc",
        features="ogb",
        notes="screening compounds in rdkit's wheel, labelled by its PAINS filters; scaffold split",
        smiles=tuple(smiles),
    )


class PainsFilters:
    """The published PAINS filters (Baell and Holloway, 2010) as rdkit's ``FilterCatalog`` has them.

    A filter is only tried on molecules with all bits of its rdkit pattern fingerprint: the same matches in a third of
    the time.

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
    """Pattern fingerprint: a molecule has at least the bits of its substructures."""
    return np.frombuffer(DataStructs.BitVectToBinaryText(Chem.PatternFingerprint(molecule, fpSize=2048)), np.uint8)


def read_smiles(smiles: Sequence[str], *, jobs: int = 1) -> tuple[Tensors, dict[int, str]]:
    """Graphs of ``smiles`` with OGB's atom and bond features, and their scaffold split, as named tensors.

    Args:
        smiles: one molecule each.
        jobs: parallel processes for many molecules. (default: 1)

    Returns:
        Tensors of the readable molecules, empty if there are none, and the problem of each other one.
    """
    graphs: list[dict[str, Any]] = []
    scaffolds, wrong = list[str](), dict[int, str]()
    for number, found in enumerate(_in_parts(_read_part, smiles, "molecules", jobs)):
        if isinstance(found, str):
            wrong[number] = found
        else:
            graphs.append(found[0])
            scaffolds.append(found[1])
    if not graphs:
        return {}, wrong
    nodes, edges, attrs = (
        torch.from_numpy(np.concatenate([graph[key] for graph in graphs], axis))
        for key, axis in (("node_feat", 0), ("edge_index", 1), ("edge_feat", 0))
    )
    sizes = torch.tensor([graph["num_nodes"] for graph in graphs])
    edge_sizes = torch.tensor([graph["edge_index"].shape[1] for graph in graphs])
    joint = joined(nodes, edges, attrs, sizes, segment_ptr(edge_sizes))
    train, valid, test = by_scaffold(scaffolds)
    return {**pack(joint), "train": train, "valid": valid, "test": test}, wrong


def _in_parts(
    function: Callable[[None, Sequence[str]], list[Result]], smiles: Sequence[str], what: str, jobs: int
) -> Iterator[Result]:
    """Apply a function to chunks of molecules and concatenate the results in order."""
    parts = [smiles[first : first + _PART] for first in range(0, len(smiles), _PART)]
    done = parallel_map(function, None, parts, jobs=jobs if len(smiles) >= _SLOW else 1)
    return chain.from_iterable(done if len(smiles) < _SLOW else progress().track(done, what, len(parts)))


def _read_part(_: None, smiles: Sequence[str]) -> list[tuple[dict[str, Any], str] | str]:
    """Graph and scaffold of each molecule, or its problem."""
    with rdBase.BlockLogs():
        return [_read(text) for text in smiles]


def _read(text: str) -> tuple[dict[str, Any], str] | str:
    molecule = Chem.MolFromSmiles(text) if text else None
    if molecule is None or not molecule.GetNumAtoms():
        return f"{text!r} is not a SMILES that rdkit can read"
    try:
        graph = graph_of(molecule)
    except ValueError:
        return f"{text!r} has a bond that OGB does not know"
    # Mirror images count as one scaffold, as in DeepChem; OGB's official splits distinguish them.
    return graph, _scaffold(mol=molecule, includeChirality=False)


def _match_part(_: None, smiles: Sequence[str]) -> list[bool]:
    """Whether a PAINS filter matches each molecule."""
    filters = _filters()
    with rdBase.BlockLogs():
        return [filters.match(Chem.MolFromSmiles(text)) for text in smiles]


@functools.cache
def _filters() -> PainsFilters:
    return PainsFilters()


def graph_of(molecule: Chem.Mol) -> dict[str, Any]:
    """The result of ``ogb.utils.smiles2graph`` for a parsed molecule.

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
    """Key of the cache for the molecules in ``path``."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return "/".join((digest, rdkit.__version__, ogb.__version__, *more))
