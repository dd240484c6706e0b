"""Atoms and bonds of many molecules at once from rdkit's binary format, versions 16.1 to 16.4.

``Mol.ToBinary`` writes what its getters give: a header, a record of each atom, each bond and each ring, and an end.
Records have fields that are left out where they have their usual value. A molecule with anything else than what is
known here (queries, atom maps, labels of dummy atoms, 256 atoms or more) is left to the getters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from graphdistill.core.molecules.columns import STEREO, UNKNOWN, Bytes, Columns, Ints

Flags = NDArray[np.bool_]

HEADERS = tuple(bytes.fromhex(f"efbeadde 00000000 10000000 0{minor}000000 00000000") for minor in (1, 2, 3, 4))
"""First bytes of the known versions of the format, which write alike what is read here: a mark, a tag, the version."""
HEADER_BYTES = len(HEADERS[0])
"""Their number."""
FIXED = HEADER_BYTES + 10
"""Bytes before the first atom: also the numbers of atoms and bonds, a flag and a tag."""
ATOMS, BONDS, RINGS = b"\x80\x01", b"\x0b", b"\x42"
"""What stands before atoms, bonds, and rings."""
END = bytes.fromhex("16")
"""Last byte."""
FLAGS = int(Chem.PropertyPickleOptions.NoConformers)
"""Options of ``Mol.ToBinary`` for this reader: no coordinates and no properties."""

AROMATIC, NO_IMPLICIT = 0x40, 0x20
_SP3 = int(Chem.HybridizationType.SP3)
_SINGLE = int(Chem.BondType.SINGLE)
_SET_BITS = np.array([byte.bit_count() for byte in range(256)])
# Of the flags of a bond, these have a byte each: its type, its direction.
_BOND_BYTES = np.array([3 + (byte >> 3 & 1) + (byte >> 2 & 1) for byte in range(256)])


class Binary(NamedTuple):
    """What was read from binary molecules, where only the molecules at ``known`` stand in the columns.

    Attributes:
        known: which of the given molecules could be read ``[M]``.
        columns: atoms and bonds of these.
        explicit: explicit hydrogens of each atom.
        no_implicit: which atoms have no implicit hydrogens.
        isotope: which atoms are isotopes.
        ring_sizes: atoms of each ring.
        ring_atoms: atoms of all rings, one after another, within their molecules.
        rings: rings of each molecule.
    """

    known: Flags
    columns: Columns
    explicit: Bytes
    no_implicit: Flags
    isotope: Flags
    ring_sizes: Ints
    ring_atoms: Bytes
    rings: Ints


def read(molecules: Sequence[bytes]) -> Binary:
    """Read molecules that ``Mol.ToBinary(FLAGS)`` wrote.

    Example:
        >>> read([Chem.MolFromSmiles("C#N").ToBinary(FLAGS)]).columns.x.tolist()
        [[5, 0, 2, 5, 1, 0, 0, 0, 0], [6, 0, 1, 5, 0, 0, 0, 0, 0]]
    """
    lengths = np.fromiter(map(len, molecules), np.int64, len(molecules))
    ends = np.cumsum(lengths)
    start = ends - lengths
    # Reading goes on past what is not understood, but never past the end.
    data = np.frombuffer(b"".join([*molecules, bytes(1024)]), np.uint8)
    sizes, bonds = _integers(data, start + HEADER_BYTES), _integers(data, start + HEADER_BYTES + 4)
    known = (sizes > 0) & (sizes < 256)
    sizes, bonds = np.where(known, sizes, 0), np.where(known, bonds, 0)

    atom_at, at = _walk(
        start + FIXED, sizes, ends, lambda p: 6 + _SET_BITS[data[p + 2]] + ((data[p + 3] & 1).astype(np.int64) << 2)
    )
    known &= data[at] == BONDS[0]
    bonds = np.where(known, bonds, 0)
    bond_at, at = _walk(at + 1, bonds, ends, lambda p: _bond_length(data, p))
    known &= data[at] == RINGS[0]
    rings = np.where(known, _integers(data, at + 1), 0)
    known &= rings < 256
    rings = np.where(known, rings, 0)
    ring_at, at = _walk(at + 5, rings, ends, lambda p: 1 + data[p].astype(np.int64))
    known &= (data[at] == END[0]) & (at + 1 == ends)

    which = np.arange(len(molecules))
    atom_of, bond_of = np.repeat(which, sizes), np.repeat(which, bonds)
    known[atom_of[_strange_atoms(data, atom_at)]] = False
    known[bond_of[_strange_bonds(data, bond_at)]] = False
    if not known.all():
        atom_at, bond_at = atom_at[known[atom_of]], bond_at[known[bond_of]]
        ring_at = ring_at[known[np.repeat(which, rings)]]
        sizes, bonds, rings = sizes[known], bonds[known], rings[known]
    return _decode(data, known, atom_at, bond_at, ring_at, sizes, bonds, rings)


def _decode(
    data: Bytes, known: Flags, atom_at: Ints, bond_at: Ints, ring_at: Ints, sizes: Ints, bonds: Ints, rings: Ints
) -> Binary:
    """Columns from the positions of all records."""
    first = np.cumsum(sizes) - sizes
    flags, present, at = data[atom_at + 1], data[atom_at + 2], atom_at + 6
    fields = []
    for bit, usual in enumerate((0, 0, _SP3, 0, 0, 0, 0), start=1):
        given = _bit(present, bit)
        fields.append(np.where(given, data[at], np.uint8(usual)))
        at += given
    charge, chirality, hybridization, explicit, _, implicit, radicals = fields

    start, end, bond_flags = data[bond_at], data[bond_at + 1], data[bond_at + 2]
    typed = _bit(bond_flags, 3)
    stereo_at = bond_at + 3 + typed + _bit(bond_flags, 2)
    shift = np.repeat(first, bonds)
    ends = np.concatenate([start + shift, end + shift])

    ring_sizes = data[ring_at].astype(np.int64)
    ring_atoms = data[_ranges(ring_at + 1, ring_sizes)]
    ring = np.zeros(len(atom_at), np.uint8)
    ring[ring_atoms + np.repeat(np.repeat(first, rings), ring_sizes)] = 1

    hydrogens = explicit + implicit
    columns = Columns(
        sizes=sizes,
        bonds=bonds,
        number=data[atom_at],
        chirality=chirality,
        degree=(np.bincount(ends, minlength=len(atom_at)) + hydrogens).clip(max=255).astype(np.uint8),
        charge=charge,
        hydrogens=hydrogens,
        radicals=radicals,
        hybridization=hybridization,
        aromatic=_bit(flags, 6),
        ring=ring,
        start=start.astype(np.int64),
        end=end.astype(np.int64),
        kind=np.where(typed, data[bond_at + 3], np.uint8(_SINGLE)),
        stereo=np.where(bond_flags & 2, data[stereo_at], np.uint8(0)),
        conjugated=_bit(bond_flags, 5),
    )
    isotope = (data[atom_at + 3] & 1) > 0
    return Binary(known, columns, explicit, (flags & NO_IMPLICIT) > 0, isotope, ring_sizes, ring_atoms, rings)


def _walk(start: Ints, count: Ints, ends: Ints, length: Callable[[Ints], Ints]) -> tuple[Ints, Ints]:
    """Follow ``count`` records of each molecule: their positions, and the position after the last one."""
    # Molecules with many records come first, so that those with a k-th one are a prefix.
    order = np.argsort(-count, kind="stable")
    sorted_count, place, at, limit = count[order], (np.cumsum(count) - count)[order], start[order], ends[order]
    positions = np.empty(int(count.sum()), np.int64)
    most = int(sorted_count[0]) if len(count) else 0
    for k, active in enumerate(np.searchsorted(-sorted_count, -np.arange(most), side="left").tolist()):
        here = at[:active]
        positions[place[:active] + k] = here
        at[:active] = np.minimum(here + length(here), limit[:active])
    after = np.empty_like(at)
    after[order] = at
    return positions, after


def _bond_length(data: Bytes, at: Ints) -> Ints:
    flags = data[at + 2]
    length: Ints = _BOND_BYTES[flags]
    stereo = np.flatnonzero(flags & 2)
    if len(stereo):
        # Its stereochemistry, and a number of atoms that it refers to.
        length[stereo] += 2 + data[at[stereo] + length[stereo] + 1]
    return length


def _strange_atoms(data: Bytes, at: Ints) -> Ints:
    """Atoms with flags that are not known, or with further data after them."""
    flags = (data[at + 1] & ~np.uint8(AROMATIC | NO_IMPLICIT)) | (data[at + 2] & 1) | (data[at + 3] & 0xFE)
    return np.flatnonzero(flags | data[at + 4] | data[at + 5])


def _strange_bonds(data: Bytes, at: Ints) -> Ints:
    """Bonds with flags or a stereochemistry that are not known."""
    flags = data[at + 2]
    stereo = data[at + _BOND_BYTES[flags]]
    return np.flatnonzero(((flags & 0x91) > 0) | (((flags & 2) > 0) & (STEREO[stereo] == UNKNOWN)))


def _bit(values: Bytes, place: int) -> Bytes:
    return (values >> np.uint8(place)) & np.uint8(1)


def _integers(data: Bytes, at: Ints) -> Ints:
    """Four bytes each, the lowest first."""
    out: Ints = data[at[:, None] + np.arange(4)].astype(np.int64) @ (1 << 8 * np.arange(4))
    return out


def _ranges(starts: Ints, lengths: Ints) -> Ints:
    ends = np.cumsum(lengths)
    out: Ints = np.arange(int(lengths.sum())) + np.repeat(starts - (ends - lengths), lengths)
    return out
