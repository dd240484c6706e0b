import itertools

import torch
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from graphdistill.kd.selectors.molecule_critics import MoleculeCritics, canonical, fingerprints, tanimoto
from tests.kd.samples import SMILES

RINGS = ["c1ccccc1", "Cc1ccccc1", "c1ccncc1", "C1CCCCC1", "OC1CCCCC1", "c1ccc2ccccc2c1"]


def similarity(first, second):
    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    bits = [make.GetFingerprint(Chem.MolFromSmiles(text)) for text in (first, second)]
    return DataStructs.TanimotoSimilarity(*bits)


def test_similarity_is_that_of_rdkit():
    found = tanimoto(fingerprints(RINGS)[1], fingerprints(SMILES)[1])
    wanted = torch.tensor([[similarity(a, b) for b in SMILES] for a in RINGS])
    assert torch.allclose(found, wanted, atol=1e-6)
    nothing = torch.zeros(1, 4)
    assert tanimoto(nothing, nothing).item() == 0
    assert fingerprints([])[1].shape == (0, 1024)


def test_only_readable_texts_have_a_canonical_form():
    assert canonical(["OCC", "C(", "", None, "C1CC", "c1ccccc1C"]) == ["CCO", None, None, None, None, "Cc1ccccc1"]


def test_what_is_chosen_passes_every_critic_and_nothing_else_could_be_added():
    known, label = [*SMILES, "C("], torch.tensor([*[int(text.endswith("O")) for text in SMILES], 0])
    critics = MoleculeCritics(known, label, alike=0.7)
    assert len(critics.known) == len(SMILES)
    made = [
        *("C" * length + "O" for length in range(4, 20)),
        "CC(",
        None,
        *("C" * length + "N" for length in range(3, 9)),
    ]
    made += ["CCOC", "NCC(=O)C", "OC(C)C"]
    asked = torch.tensor([1] * 18 + [0] * 6 + [1, 0, 1])
    rows = critics.chosen(made, asked).tolist()

    def nearest(i, same):
        of = [text for text, y in zip(SMILES, label.tolist(), strict=False) if (y == int(asked[i])) == same]
        return max(similarity(made[i], text) for text in of)

    good = [
        i for i, text in enumerate(made) if text and Chem.MolFromSmiles(text) and nearest(i, True) >= nearest(i, False)
    ]
    assert rows
    assert rows == sorted(set(rows))
    assert set(rows) <= set(good) < set(range(len(made)))
    for i, j in itertools.combinations(rows, 2):
        assert similarity(made[i], made[j]) < 0.7
    # Whatever passes and was left out is in the component of one that is as near to its class.
    part = {i: {i} for i in good}
    for i, j in itertools.combinations(good, 2):
        if similarity(made[i], made[j]) >= 0.7 and part[i] is not part[j]:
            part[i] |= part[j]
            part.update(dict.fromkeys(part[j], part[i]))
    for i in good:
        best = max(nearest(j, True) for j in part[i])
        assert [abs(nearest(j, True) - best) < 1e-6 for j in rows if j in part[i]] == [True]


def test_nothing_readable_leaves_nothing():
    critics = MoleculeCritics(SMILES, torch.arange(len(SMILES)) % 2, alike=0.7)
    assert len(critics.chosen(["C(", None], torch.tensor([0, 1]))) == 0
