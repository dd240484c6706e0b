"""SMILES to tensors: the graphs of ``ogb.utils.smiles2graph`` and Bemis-Murcko scaffolds of many molecules at once.

rdkit reads a SMILES in about 0.1 ms, and asking its getters for every atom and bond takes as long again. Here each
molecule is read once and written once in rdkit's binary format, which is decoded for all molecules together. This is
done only in versions of rdkit that it was tested with and after a self-test at the first use; otherwise, and for
molecules with unusual parts, the getters are used. Both ways give the same tensors.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import rdkit
import torch
from rdkit import Chem, rdBase

from graphdistill.core.data.tensors import ranges, segment_ptr
from graphdistill.core.molecules import binary
from graphdistill.core.molecules.batch import OK, UNKNOWN_BOND, UNREADABLE, Molecules
from graphdistill.core.molecules.columns import STEREO, UNKNOWN, Bytes, Columns, from_molecules
from graphdistill.core.molecules.scaffolds import scaffold
from graphdistill.core.molecules.scaffolds import scaffolds as scaffolds_of

CHUNK = 2048
"""Molecules per call at which neither the fixed cost of a call nor its memory, some MB, counts."""
RDKIT = ("2024.03", "2024.09", "2025.03", "2025.09", "2026.03", "2026.09")
"""Releases of rdkit that the decoder was tested with on all data sets; with others the getters are used."""
_SELF_TEST = (
    "C",
    "[Na+].[Cl-]",
    "CC(=O)Oc1ccccc1C(=O)O",
    "C[C@H](N)C(=O)[O-]",
    "F/C=C/Cl",
    "F/C=C\\Cl",
    "c1ccc2[nH]ccc2c1",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "C[n+]1ccccc1",
    "C#CC1CC1C[NH3+]",
    "[13CH3]c1ccccc1",
    "[CH3]",
    "[O]c1ccc(C=C2CCC2=C(C)C)cc1",
    "O=S1(=O)CCC(CC2CCNC2)C1",
    "FS(F)(F)(F)(F)c1ccsc1",
    "[H][H]",
    "N[Pt](N)(Cl)Cl",
    "C1CC12CC2.C1C2CC3CC1CC(C2)C3",
    "C[Si](C)(C)c1ccoc1[C@@H]1O[C@@H]1C",
    "[Fe+2].[cH-]1cccc1.[cH-]1cccc1",
)
"""Molecules that both ways must agree on."""


class Usable(NamedTuple):
    """What rdkit's binary format may be used for in this process.

    Attributes:
        features: atoms and bonds are decoded.
        scaffolds: scaffolds are written.
    """

    features: bool
    scaffolds: bool


def featurise(smiles: Sequence[str], *, scaffolds: bool = False) -> Molecules:
    """Graphs of molecules with OGB's features, as ``ogb.utils.smiles2graph`` makes them, and their scaffolds.

    Args:
        smiles: one molecule each; all are held at once, so give chunks of about :data:`CHUNK`.
        scaffolds: find the Bemis-Murcko scaffold of each molecule, too. (default: no)

    Example:
        >>> featurise(["CC(=O)Oc1ccccc1C(=O)O"], scaffolds=True).scaffolds
        ('c1ccccc1',)
    """
    decodes, writes_scaffolds = self_test()
    status = np.full(len(smiles), OK, np.uint8)
    names: dict[int, str] = {}
    with rdBase.BlockLogs():
        rows, written = _written(smiles, status) if decodes else ([], [])
        read = binary.read(written)
        known = [row for row, decoded in zip(rows, read.known.tolist(), strict=True) if decoded]
        if scaffolds and writes_scaffolds:
            names = {row: name for row, name in zip(known, scaffolds_of(read), strict=True) if name is not None}
        # To hold all molecules until here would take more time and memory than reading these few again.
        rest = sorted({*rows} - {*known}) if decodes else [*range(len(smiles))]
        others = list[int]()
        plain = from_molecules(_molecules(smiles, rest, status, others, names if scaffolds else None))
        for row in known if scaffolds else []:
            if row not in names:
                names[row] = scaffold(Chem.MolFromSmiles(smiles[row]))
    out = _joined([read.columns, plain] if others else [read.columns], [*known, *others], status)
    return replace(out, scaffolds=tuple(names[row] for row in sorted(names)) if scaffolds else None)


def _written(smiles: Sequence[str], status: Bytes) -> tuple[list[int], list[bytes]]:
    """Rows that rdkit can read, in its binary format; the status of the others is set."""
    rows, written = list[int](), list[bytes]()
    for row, text in enumerate(smiles):
        molecule = Chem.MolFromSmiles(text) if text else None
        if molecule is None:
            status[row] = UNREADABLE
        else:
            rows.append(row)
            written.append(molecule.ToBinary(binary.FLAGS))
    return rows, written


def _molecules(
    smiles: Sequence[str], rows: Sequence[int], status: Bytes, used: list[int], names: dict[int, str] | None
) -> Iterator[Any]:
    """Molecules at some rows, one at a time; sets the status of the others, and adds rows and scaffolds of these."""
    for row in rows:
        molecule = Chem.MolFromSmiles(smiles[row]) if smiles[row] else None
        if molecule is None:
            status[row] = UNREADABLE
        elif any(STEREO[int(bond.GetStereo())] == UNKNOWN for bond in molecule.GetBonds()):
            status[row] = UNKNOWN_BOND
        else:
            used.append(row)
            if names is not None:
                names[row] = scaffold(molecule)
            yield molecule


def _joined(parts: Sequence[Columns], rows: Sequence[int], status: Bytes) -> Molecules:
    """Molecules of some parts, which stand at ``rows``, in the order of the rows."""
    x, edge_index, edge_attr = (
        torch.from_numpy(np.concatenate([getattr(part, name) for part in parts], axis))
        for name, axis in (("x", 0), ("edge_index", 1), ("edge_attr", 0))
    )
    sizes = torch.from_numpy(np.concatenate([part.sizes for part in parts]))
    edges = 2 * torch.from_numpy(np.concatenate([part.bonds for part in parts]))
    node_ptr, edge_ptr = segment_ptr(sizes), segment_ptr(edges)
    if len(parts) > 1:
        order = torch.tensor(rows).argsort()
        sizes, edges = sizes[order], edges[order]
        nodes, bonds = ranges(node_ptr[order], sizes), ranges(edge_ptr[order], edges)
        x, edge_index, edge_attr = x[nodes], edge_index[:, bonds], edge_attr[bonds]
        node_ptr, edge_ptr = segment_ptr(sizes), segment_ptr(edges)
    return Molecules(x, edge_index, edge_attr, node_ptr, edge_ptr, torch.from_numpy(status))


def _equal(one: Columns, other: Columns) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in Columns._fields)


@functools.cache
def self_test() -> Usable:
    """Whether rdkit's binary format is known and gives what the getters give, tested once in a process."""
    if not rdkit.__version__.startswith(RDKIT):
        return Usable(features=False, scaffolds=False)
    with rdBase.BlockLogs():
        molecules = [Chem.MolFromSmiles(text) for text in _SELF_TEST]
        written = [molecule.ToBinary(binary.FLAGS) for molecule in molecules]
        if not all(one.startswith(binary.HEADERS) for one in written):
            return Usable(features=False, scaffolds=False)
        read, plain = binary.read(written), from_molecules(molecules)
        if not (read.known.all() and _equal(read.columns, plain)):
            return Usable(features=False, scaffolds=False)
        names = [scaffold(molecule) for molecule in molecules]
        return Usable(
            features=True, scaffolds=all(a in (None, b) for a, b in zip(scaffolds_of(read), names, strict=True))
        )
