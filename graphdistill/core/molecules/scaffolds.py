"""Bemis-Murcko scaffolds of many molecules at once, as rdkit's SMILES of them.

G. W. Bemis and M. A. Murcko, "The Properties of Known Drugs. 1. Molecular Frameworks", J. Med. Chem. 1996,
https://doi.org/10.1021/jm9602928: a scaffold is all rings, the chains between them, and what is double-bonded to these.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from rdkit import Chem

from graphdistill.core.molecules import binary as fmt
from graphdistill.core.molecules.binary import Binary, Flags
from graphdistill.core.molecules.columns import Bytes, Columns, Ints

_from_bytes: Any = Chem.Mol
_DOUBLE = int(Chem.BondType.DOUBLE)
_KINDS = [
    int(kind) for kind in (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
]
_PRESENT = 0b10011010
"""Fields of an atom's record below: charge, hybridization, explicit hydrogens, radicals."""


def scaffold(molecule: Any) -> str:
    """SMILES of a molecule's scaffold, without chirality; empty if it has no rings.

    Mirror images count as one scaffold, as in DeepChem; OGB's official splits distinguish them.

    Example:
        >>> scaffold(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"))
        'c1ccccc1'
    """
    found = Chem.MurckoDecompose(molecule)
    found.ClearComputedProps()
    # Not strictly: cutting side chains off may leave an atom with a valence that rdkit does not allow.
    found.UpdatePropertyCache(False)
    Chem.GetSymmSSSR(found)
    smiles: str = Chem.MolToSmiles(found, False)
    return smiles


def scaffolds(binary: Binary) -> list[str | None]:
    """The :func:`scaffold` of each molecule, or ``None`` for one with isotopes or unusual bonds.

    Each scaffold is written in rdkit's binary format from the columns, and rdkit makes its SMILES.
    """
    columns = binary.columns
    core, kept = _kept(columns)
    number_of = np.cumsum(kept) - 1
    first = np.cumsum(columns.sizes) - columns.sizes
    molecule = np.repeat(np.arange(len(columns.sizes)), columns.sizes)
    bond_molecule = np.repeat(np.arange(len(columns.sizes)), columns.bonds)
    start, end = columns.start + first[bond_molecule], columns.end + first[bond_molecule]

    # Scaffolds number their atoms from 0.
    sizes = np.bincount(molecule, kept, len(first)).astype(np.int64)
    shift = np.cumsum(sizes) - sizes
    new = (number_of - shift[molecule]).astype(np.uint8)
    bond_kept = kept[start] & kept[end]
    atoms = _atom_records(binary, core, start, end)[kept]
    records = _bond_records(columns, new[start], new[end])[bond_kept]
    bonds = np.bincount(bond_molecule, bond_kept, len(first)).astype(np.int64)
    rings = _ring_records(binary, new, first)

    other = np.zeros(len(first), bool)
    other[molecule[binary.isotope]] = True
    other[bond_molecule[~np.isin(columns.kind, _KINDS)]] = True
    heads = np.empty((len(first), 3), "<i4")
    heads[:, 0], heads[:, 1], heads[:, 2] = sizes, bonds, binary.rings
    found = list[str | None]()
    atom_bytes, bond_bytes, ring_bytes = atoms.tobytes(), records.tobytes(), rings[0].tobytes()
    atom_end, bond_end, ring_end = (10 * np.cumsum(sizes)).tolist(), (4 * np.cumsum(bonds)).tolist(), rings[1].tolist()
    a = b = r = 0
    for i, (skip, to_a, to_b, to_r) in enumerate(zip(other.tolist(), atom_end, bond_end, ring_end, strict=True)):
        if skip:
            found.append(None)
        elif to_a == a:
            found.append("")
        else:
            head = heads[i].tobytes()
            found.append(
                smiles_of(
                    b"".join(
                        (
                            fmt.HEADERS[0],
                            head[:8],
                            fmt.ATOMS,
                            atom_bytes[a:to_a],
                            fmt.BONDS,
                            bond_bytes[b:to_b],
                            fmt.RINGS,
                            head[8:],
                            ring_bytes[r:to_r],
                            fmt.END,
                        )
                    )
                )
            )
        a, b, r = to_a, to_b, to_r
    return found


def _kept(columns: Columns) -> tuple[Flags, Flags]:
    """Atoms of rings and of chains between them, and these with all that is double-bonded to them."""
    shift = np.repeat(np.cumsum(columns.sizes) - columns.sizes, columns.bonds)
    start, end = columns.start + shift, columns.end + shift
    total = len(columns.number)
    degree = np.bincount(np.concatenate([start, end]), minlength=total)
    # The sum of an atom's neighbours is its neighbour once only one is left.
    around = np.zeros(total, np.int64)
    np.add.at(around, start, end)
    np.add.at(around, end, start)
    chain = columns.ring == 0
    core = np.ones(total, bool)
    ends = np.flatnonzero(chain & (degree <= 1))
    while len(ends):
        core[ends] = False
        tied = ends[degree[ends] == 1]
        next_to = around[tied]
        np.subtract.at(degree, next_to, 1)
        np.subtract.at(around, next_to, tied)
        next_to = np.unique(next_to)
        ends = next_to[chain[next_to] & core[next_to] & (degree[next_to] <= 1)]
    kept = core.copy()
    double = columns.kind == _DOUBLE
    kept[end[double & core[start]]] = True
    kept[start[double & core[end]]] = True
    return core, kept


def _atom_records(binary: Binary, core: Flags, start: Ints, end: Ints) -> Bytes:
    """Records of all atoms, with the hydrogens that rdkit gives atoms of a scaffold in place of what was cut off."""
    columns = binary.columns
    cut = np.zeros(len(core), bool)
    loose = columns.kind != _DOUBLE
    cut[start[loose & ~core[end]]] = True
    cut[end[loose & ~core[start]]] = True
    cut &= core
    carbon = columns.number == 6
    aromatic = columns.aromatic > 0
    one = cut & aromatic & (~carbon | (columns.charge == 1))
    none = cut & ~one & (binary.no_implicit | (columns.chirality > 0))
    explicit = np.where(one, 1, np.where(none, 0, binary.explicit))
    records = np.zeros((len(core), 10), np.uint8)
    records[:, 0] = columns.number
    records[:, 1] = aromatic * np.uint8(fmt.AROMATIC) + (binary.no_implicit & ~none) * np.uint8(fmt.NO_IMPLICIT)
    records[:, 2] = _PRESENT
    records[:, 6], records[:, 7], records[:, 8], records[:, 9] = (
        columns.charge,
        columns.hybridization,
        explicit,
        columns.radicals,
    )
    return records


def _bond_records(columns: Columns, start: Bytes, end: Bytes) -> Bytes:
    """Records of all bonds without their stereochemistry."""
    aromatic = (columns.kind == int(Chem.BondType.AROMATIC)).astype(np.uint8)
    flags = 0x08 | (columns.conjugated << 5) | (aromatic << 6)
    return np.stack([start, end, flags, columns.kind], axis=1)


def _ring_records(binary: Binary, number_of: Bytes, first: Ints) -> tuple[Bytes, Ints]:
    """Records of all rings with the atoms' new numbers, and where those of each molecule end."""
    sizes, rings = binary.ring_sizes, binary.rings
    ring_molecule = np.repeat(np.arange(len(rings)), rings)
    atoms = number_of[binary.ring_atoms + np.repeat(first[ring_molecule], sizes)]
    return np.insert(atoms, np.cumsum(sizes) - sizes, sizes.astype(np.uint8)), np.cumsum(
        np.bincount(ring_molecule, sizes + 1, len(rings)).astype(np.int64)
    )


@functools.lru_cache(maxsize=2**16)
def smiles_of(binary: bytes) -> str:
    """SMILES without stereochemistry of a molecule in rdkit's binary format."""
    molecule = _from_bytes(binary)
    molecule.UpdatePropertyCache(False)
    smiles: str = Chem.MolToSmiles(molecule, False)
    return smiles
