import numpy as np
import pytest
from rdkit import Chem

from graphdistill.core.molecules import binary
from graphdistill.core.molecules.columns import Columns, from_molecules
from tests.core.molecules import odd


def written(smiles: str) -> bytes:
    molecule = Chem.MolFromSmiles(smiles)
    return molecule.ToBinary(binary.FLAGS)  # type: ignore[no-any-return]


def test_columns_are_those_of_the_getters() -> None:
    molecules = [Chem.MolFromSmiles(text) for text in odd.SMILES]
    read = binary.read([molecule.ToBinary(binary.FLAGS) for molecule in molecules])
    plain = from_molecules([molecule for molecule, known in zip(molecules, read.known, strict=True) if known])
    for name in Columns._fields:
        ours, theirs = getattr(read.columns, name), getattr(plain, name)
        assert np.array_equal(ours, theirs), name
        assert ours.dtype == theirs.dtype, name


@pytest.mark.parametrize("smiles", ["*C", "[CH3:1]C", "C~C", "C[C@H](N)C1CC1 |o1:1|", "C" * 256])
def test_what_is_not_known_is_left_out_among_others(smiles: str) -> None:
    read = binary.read([written("CO"), written(smiles), written("CN")])
    assert read.known.tolist() == [True, False, True]
    assert read.columns.number.tolist() == [6, 8, 6, 7]
    assert read.columns.start.tolist() == [0, 0]


def test_nothing() -> None:
    read = binary.read([])
    assert (len(read.known), len(read.columns.sizes), read.columns.x.shape) == (0, 0, (0, 9))
