import numpy as np
import pytest
from ogb.utils.features import atom_to_feature_vector, bond_to_feature_vector
from rdkit import Chem

from graphdistill.core.molecules.columns import from_molecules
from tests.core.molecules import odd


@pytest.mark.parametrize("smiles", odd.SMILES)
def test_features_are_those_of_ogb(smiles: str) -> None:
    molecule = Chem.MolFromSmiles(smiles)
    columns = from_molecules([molecule])
    assert columns.x.tolist() == [atom_to_feature_vector(atom) for atom in molecule.GetAtoms()]
    try:
        bonds = [bond_to_feature_vector(bond) for bond in molecule.GetBonds()]
    except ValueError:
        return
    assert columns.edge_attr[::2].tolist() == columns.edge_attr[1::2].tolist() == bonds


def test_a_bond_goes_both_ways() -> None:
    columns = from_molecules([Chem.MolFromSmiles("C=O"), Chem.MolFromSmiles("C")])
    assert columns.edge_index.tolist() == [[0, 1], [1, 0]]
    assert columns.edge_attr.dtype == np.uint8
    assert (columns.sizes.tolist(), columns.bonds.tolist()) == ([2, 1], [1, 0])


@pytest.mark.parametrize("charge", [-20, -6, -5, 5, 6, 15])
def test_numbers_that_ogb_does_not_list_are_its_last_feature(charge: int) -> None:
    atom = Chem.Atom(6)
    atom.SetFormalCharge(charge)
    molecule = Chem.RWMol()
    molecule.AddAtom(atom)
    molecule.UpdatePropertyCache(False)
    Chem.FastFindRings(molecule)
    assert from_molecules([molecule]).x.tolist() == [atom_to_feature_vector(molecule.GetAtomWithIdx(0))]
