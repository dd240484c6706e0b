"""Atoms and bonds of molecules as columns of small integers, and OGB's features of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ogb.utils.features import allowable_features
from rdkit import Chem

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


class Columns(NamedTuple):
    """Atoms and bonds of M molecules, one after another, in rdkit's numbers.

    Attributes:
        sizes: atoms of each molecule ``[M]``.
        bonds: bonds of each molecule ``[M]``.
        number: atomic number of each atom ``[N]``.
        chirality: number of its chiral tag.
        degree: neighbours and hydrogens, at most 255.
        charge: formal charge, modulo 256.
        hydrogens: implicit and explicit ones.
        radicals: radical electrons.
        hybridization: number of its hybridization.
        aromatic: 0 or 1.
        ring: 0 or 1.
        start: first atom of each bond within its molecule ``[B]``.
        end: its second atom.
        kind: number of its type.
        stereo: number of its stereochemistry.
        conjugated: 0 or 1.
    """

    sizes: Ints
    bonds: Ints
    number: Bytes
    chirality: Bytes
    degree: Bytes
    charge: Bytes
    hydrogens: Bytes
    radicals: Bytes
    hybridization: Bytes
    aromatic: Bytes
    ring: Bytes
    start: Ints
    end: Ints
    kind: Bytes
    stereo: Bytes
    conjugated: Bytes

    @property
    def x(self) -> Bytes:
        """OGB's atom features ``[N, 9]``."""
        columns = (
            self.number,
            self.chirality,
            self.degree,
            self.charge,
            self.hydrogens,
            self.radicals,
            self.hybridization,
        )
        features = [table[column] for table, column in zip(_ATOM_TABLES, columns, strict=True)]
        return np.stack([*features, self.aromatic, self.ring], axis=1)

    @property
    def edge_attr(self) -> Bytes:
        """OGB's bond features ``[2 B, 3]``, each bond in both directions."""
        features = [_KIND[self.kind], STEREO[self.stereo], self.conjugated]
        return np.stack(features, axis=1).repeat(2, axis=0)

    @property
    def edge_index(self) -> NDArray[np.int32]:
        """Both directions of each bond ``[2, 2 B]``, as atoms within their molecule."""
        ways = np.empty((2, 2 * len(self.start)), np.int32)
        ways[0, ::2] = ways[1, 1::2] = self.start
        ways[1, ::2] = ways[0, 1::2] = self.end
        return ways


UNKNOWN = 255
"""Entry of :data:`STEREO` for stereochemistry without a feature."""


def _numbers(name: str, number: Callable[[int], int] = int) -> Bytes:
    """Feature of each byte of a column of numbers; the last one is that of all other numbers."""
    values = allowable_features[name]
    known = {value: place for place, value in enumerate(values)}
    return np.array([known.get(number(byte), len(values) - 1) for byte in range(256)], np.uint8)


def _names(name: str, enumeration: Any, other: int | None = None) -> Bytes:
    """Feature of each value of an enumeration of rdkit, whose names OGB lists."""
    values = allowable_features[name]
    table = np.full(256, len(values) - 1 if other is None else other, np.uint8)
    for value, number in enumeration.names.items():
        if value in values:
            table[int(number)] = values.index(value)
    return table


_ATOM_TABLES = (
    _numbers("possible_atomic_num_list"),
    _names("possible_chirality_list", Chem.ChiralType),
    _numbers("possible_degree_list"),
    _numbers("possible_formal_charge_list", lambda byte: byte - 256 * (byte > 127)),
    _numbers("possible_numH_list"),
    _numbers("possible_number_radical_e_list"),
    _names("possible_hybridization_list", Chem.HybridizationType),
)
_KIND = _names("possible_bond_type_list", Chem.BondType)
STEREO = _names("possible_bond_stereo_list", Chem.BondStereo, UNKNOWN)
"""Feature of each number of a bond's stereochemistry; OGB refuses what is :data:`UNKNOWN`."""


_ATOM_GETTERS: tuple[Callable[[Any], Any], ...] = (
    Chem.Atom.GetAtomicNum,
    Chem.Atom.GetChiralTag,
    Chem.Atom.GetTotalDegree,
    Chem.Atom.GetFormalCharge,
    Chem.Atom.GetTotalNumHs,
    Chem.Atom.GetNumRadicalElectrons,
    Chem.Atom.GetHybridization,
    Chem.Atom.GetIsAromatic,
    Chem.Atom.IsInRing,
)
_BOND_GETTERS: tuple[Callable[[Any], Any], ...] = (
    Chem.Bond.GetBeginAtomIdx,
    Chem.Bond.GetEndAtomIdx,
    Chem.Bond.GetBondType,
    Chem.Bond.GetStereo,
    Chem.Bond.GetIsConjugated,
)


def from_molecules(molecules: Iterable[Any]) -> Columns:
    """Columns of rdkit's molecules by its getters; each molecule is needed only while it is read.

    Example:
        >>> from_molecules([Chem.MolFromSmiles("C#N")]).x.tolist()
        [[5, 0, 2, 5, 1, 0, 0, 0, 0], [6, 0, 1, 5, 0, 0, 0, 0, 0]]
    """
    sizes, bonds = list[int](), list[int]()
    columns = [list[Any]() for _ in range(len(_ATOM_GETTERS) + len(_BOND_GETTERS))]
    for molecule in molecules:
        atoms, ties = list(molecule.GetAtoms()), list(molecule.GetBonds())
        sizes.append(len(atoms))
        bonds.append(len(ties))
        # A pass per getter over the atoms of one molecule costs half of a pass over atoms with all getters.
        for column, getter in zip(columns, _ATOM_GETTERS, strict=False):
            column.extend(map(getter, atoms))
        for column, getter in zip(columns[len(_ATOM_GETTERS) :], _BOND_GETTERS, strict=True):
            column.extend(map(getter, ties))
    numbers = [np.fromiter(column, np.int64, len(column)) for column in columns]
    small = [np.minimum(column, 255).astype(np.uint8) for column in numbers]
    first, second = len(_ATOM_GETTERS), len(_ATOM_GETTERS) + 2
    every: list[Any] = [np.array(sizes), np.array(bonds), *small[:first], *numbers[first:second], *small[second:]]
    return Columns(*every)
