"""Molecular graphs from SMILES, and the screening compounds in rdkit's wheel."""

from __future__ import annotations

import csv
import functools
import hashlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import ogb
import rdkit
import torch
from rdkit import Chem, DataStructs, RDConfig, rdBase
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from graphdistill.core.command.progress import progress
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.molecules.batch import Molecules
from graphdistill.core.molecules.featurise import CHUNK
from graphdistill.core.molecules.parts import featurise_all
from graphdistill.core.parallel import parallel_map
from graphdistill.datasets._cache import Tensors, cached, pack, unpack
from graphdistill.datasets._splits import by_scaffold

_MANY = 20_000
"""Number of molecules from which on progress is shown, processes are used and parts kept.

They take 3 s, and to start processes takes 2 s.
"""
_PART = 250
"""Molecules per chunk of a process for filters, which take longer."""


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
        return {**tensors, "y": torch.tensor(_matches(smiles, jobs)).long()}

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


def read_smiles(smiles: Sequence[str], *, jobs: int = 1, parts: Path | None = None) -> tuple[Tensors, dict[int, str]]:
    """Graphs of ``smiles`` with OGB's atom and bond features, and their scaffold split, as named tensors.

    Args:
        smiles: one molecule each.
        jobs: parallel processes for many molecules. (default: 1)
        parts: folder that keeps what is finished, for the next call on the same SMILES. (default: none)

    Returns:
        Tensors of the readable molecules, empty if there are none, and the problem of each other one.
    """
    many = len(smiles) >= _MANY
    done = featurise_all(smiles, scaffolds=True, jobs=jobs if many else 1, folder=parts if many else None)
    found = [*(progress().track(done, "molecules", -(-len(smiles) // CHUNK)) if many else done)]
    if not found:
        return {}, {}
    molecules = Molecules.concatenate(found)
    wrong = molecules.problems(smiles)
    if not len(molecules):
        return {}, wrong
    train, valid, test = by_scaffold(molecules.scaffolds or ())
    return {**pack(molecules.graphs), "train": train, "valid": valid, "test": test}, wrong


def _matches(smiles: Sequence[str], jobs: int) -> list[bool]:
    """Whether a PAINS filter matches each molecule."""
    parts = [smiles[first : first + _PART] for first in range(0, len(smiles), _PART)]
    done = parallel_map(_match_part, None, parts, jobs=jobs)
    return [*chain.from_iterable(progress().track(done, "filters", len(parts)))]


def _match_part(_: None, smiles: Sequence[str]) -> list[bool]:
    """Whether a PAINS filter matches each molecule."""
    filters = _filters()
    with rdBase.BlockLogs():
        return [filters.match(Chem.MolFromSmiles(text)) for text in smiles]


@functools.cache
def _filters() -> PainsFilters:
    return PainsFilters()


def key_of(path: Path, *more: str) -> str:
    """Key of the cache for the molecules in ``path``."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return "/".join((digest, rdkit.__version__, ogb.__version__, *more))
