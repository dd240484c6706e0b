import pytest
from rdkit import Chem
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from graphdistill.core.molecules import binary
from graphdistill.core.molecules.scaffolds import scaffold, scaffolds
from tests.core.molecules import odd


def test_scaffolds_are_those_of_rdkit() -> None:
    molecules = [Chem.MolFromSmiles(text) for text in odd.SMILES]
    read = binary.read([molecule.ToBinary(binary.FLAGS) for molecule in molecules])
    known = [molecule for molecule, decoded in zip(molecules, read.known, strict=True) if decoded]
    expected = [MurckoScaffoldSmiles(mol=molecule, includeChirality=False) for molecule in known]
    assert [scaffold(molecule) for molecule in known] == expected
    found = scaffolds(read)
    assert [ours for ours, theirs in zip(found, expected, strict=True) if ours not in (None, theirs)] == []
    assert sum(ours is None for ours in found) < 8


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCO", ""),
        ("Cc1ccccc1", "c1ccccc1"),
        ("CC(C)=C1CC1", "C=C1CC1"),
        ("Cn1cccc1", "c1cc[nH]c1"),
        ("C[N+]1(C)CCCC1", "C1CC[NH2+]C1"),
        ("C1CC1CC(C)CC1CC1", "C(CC1CC1)CC1CC1"),
        ("C[C@H]1CCCO1", "C1CCOC1"),
        ("C[C@H]1CCCO1.CC", "C1CCOC1"),
        ("[13CH3]C1CC1", None),
        ("[NH3]->[Fe]1CC1", None),
    ],
)
def test_side_chains_are_cut_off(smiles: str, expected: str | None) -> None:
    assert scaffolds(binary.read([Chem.MolFromSmiles(smiles).ToBinary(binary.FLAGS)])) == [expected]
