r"""Critics of generated molecules: whether a SMILES is one, how like it is to those of a class, and to one another.

.. math:: s(a, b) = \frac{|a \cap b|}{|a \cup b|}

of the substructures a and b around the atoms of two molecules (Tanimoto similarity of Morgan fingerprints; Rogers and
Hahn, Journal of Chemical Information and Modeling 2010, https://doi.org/10.1021/ci100050t).

Shape legend: n, m molecules, B bits of a fingerprint.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator
from torch import Tensor

from graphdistill.kd.selectors.critics import best_of_components

RADIUS, BITS = 2, 1024
"""Bonds around an atom, and bits, of a fingerprint: the usual ones, of half the usual length for speed."""


def canonical(smiles: Sequence[str | None]) -> list[str | None]:
    """Canonical SMILES of molecules; ``None`` for what rdkit cannot read, or an empty text.

    Example:
        >>> canonical(["OCC", "c1ccccc", None, ""])
        ['CCO', None, None, None]
    """
    return [None if molecule is None else Chem.MolToSmiles(molecule) for molecule in _molecules(smiles)]


def _molecules(smiles: Sequence[str | None]) -> list[Chem.Mol | None]:
    """Molecules of rdkit; ``None`` for what it cannot read, or an empty text."""
    with rdBase.BlockLogs():
        return [Chem.MolFromSmiles(text) if text else None for text in smiles]


def fingerprints(smiles: Sequence[str | None]) -> tuple[Tensor, Tensor]:
    """Morgan fingerprints of the SMILES that rdkit can read.

    Returns:
        Their rows, long ``[n]``, and the fingerprints, float ``[n, B]`` of 0 and 1.
    """
    make = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    read = [(row, molecule) for row, molecule in enumerate(_molecules(smiles)) if molecule is not None]
    found = [make.GetFingerprintAsNumPy(molecule) for _, molecule in read]
    bits = torch.from_numpy(np.array(found, dtype=np.float32).reshape(-1, BITS))
    return torch.tensor([row for row, _ in read], dtype=torch.long), bits


def tanimoto(first: Tensor, second: Tensor) -> Tensor:
    """Tanimoto similarity of fingerprints ``[n, B]`` and ``[m, B]``, float ``[n, m]``; 0 of two empty ones.

    Example:
        >>> tanimoto(torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])).tolist()
        [[0.5, 1.0]]
    """
    both = first @ second.T
    return both / (first.sum(dim=1)[:, None] + second.sum(dim=1) - both).clamp(min=1)


class MoleculeCritics:
    """Critics by validity, similarity of the label and diversity.

    Args:
        smiles: known molecules; those that rdkit cannot read are left out.
        label: their classes, long ``[m]``.
        alike: similarity from which two molecules are alike.

    Example:
        >>> critics = MoleculeCritics(["CCCCO", "c1ccccc1N"], torch.tensor([0, 1]), alike=0.6)
        >>> critics.chosen(["CCCCCO", "CCCCCCO", "c1ccccc1NC", "c1cc"], torch.tensor([0, 0, 0, 1])).tolist()
        [0]
    """

    def __init__(self, smiles: Sequence[str | None], label: Tensor, alike: float):
        rows, self.known = fingerprints(smiles)
        self.label, self.alike = label[rows], alike

    def label_similarity(self, bits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Similarity to the nearest known molecule of a class and to that of all others, float ``[n]`` each.

        Args:
            bits: fingerprints ``[n, B]``.
            label: classes, long ``[n]``.
        """
        found = [torch.zeros(len(bits)), torch.zeros(len(bits))]
        for part in torch.arange(len(bits)).split(512):
            similar, same = tanimoto(bits[part], self.known), label[part, None] == self.label
            for values, of in zip(found, (same, ~same), strict=True):
                values[part] = similar.where(of, 0).amax(dim=1)
        return found[0], found[1]

    def chosen(self, smiles: Sequence[str | None], label: Tensor) -> Tensor:
        """Rows of the molecules that all critics let pass, long, ascending.

        A molecule is readable, its nearest known molecule has the class that was asked for, and of each set of
        molecules that are alike, over any chain of them, it is the one nearest to that class.

        Args:
            smiles: generated texts; ``None`` where there is no whole one.
            label: classes that were asked for, long ``[n]``.
        """
        rows, bits = fingerprints(smiles)
        asked, other = self.label_similarity(bits, label[rows])
        right = asked >= other
        rows, bits, asked = rows[right], bits[right], asked[right]
        pairs = torch.triu(tanimoto(bits, bits) >= self.alike, diagonal=1).nonzero()
        return rows[best_of_components(pairs, asked)]
