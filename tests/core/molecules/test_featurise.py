from __future__ import annotations

import csv
import gzip
import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rdkit
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from ogb.utils import smiles2graph
from rdkit import Chem, RDConfig, rdBase
from rdkit.Chem import AtomValenceException
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from graphdistill.core.molecules import binary, featurise
from graphdistill.core.molecules.batch import Molecules
from tests.core.molecules import odd


@pytest.fixture(params=["binary", "another release", "another format", "failing self-test", "failing scaffolds"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every way to the tensors; those that are found to be unusable are not used."""
    match request.param:
        case "another release":
            monkeypatch.setattr(featurise, "RDKIT", ("1999.01",))
        case "another format":
            monkeypatch.setattr(binary, "HEADERS", (b"\xef\xbe\xad\xde" + bytes(16),))
        case "failing self-test":
            monkeypatch.setattr(binary, "_SP3", binary._SP3 + 1)
        case "failing scaffolds":
            monkeypatch.setattr(featurise, "scaffolds_of", lambda read: ["C"] * len(read.rings))
    featurise.self_test.cache_clear()
    usable = featurise.self_test()
    known = rdkit.__version__.startswith(featurise.RDKIT)
    assert usable == (known and request.param in ("binary", "failing scaffolds"), known and request.param == "binary")
    yield
    monkeypatch.undo()
    featurise.self_test.cache_clear()


def check(smiles: Sequence[str], found: Molecules) -> int:
    """Compare with OGB and rdkit, row by row, and return the number of molecules."""
    graphs, number = found.graphs, 0
    assert found.scaffolds is not None
    with rdBase.BlockLogs():
        for row, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text) if text else None
            if molecule is None:
                assert int(found.status[row]) == 1, text
                continue
            try:
                theirs = smiles2graph(text)
            except ValueError:
                assert int(found.status[row]) == 2, text
                continue
            ours = graphs[number]
            assert found.valid[row]
            for mine, name in ((ours.x, "node_feat"), (ours.edge_index, "edge_index"), (ours.edge_attr, "edge_feat")):
                assert mine is not None
                assert np.array_equal(mine.numpy(), theirs[name]), (text, name)
            try:
                assert found.scaffolds[number] == MurckoScaffoldSmiles(mol=molecule, includeChirality=False), text
            except AtomValenceException:  # rdkit's own function refuses what is left without the side chains
                assert Chem.MolFromSmiles(found.scaffolds[number], sanitize=False), text
            number += 1
    assert len(found) == len(found.scaffolds) == number == len(graphs)
    return number


@pytest.mark.usefixtures("way")
def test_odd_molecules_are_those_of_ogb_and_rdkit_in_every_way() -> None:
    smiles = [text for pair in zip(odd.SMILES, odd.BROKEN * 20, strict=False) for text in pair]
    # Releases of rdkit differ in whether the last one has a bond that OGB does not know.
    assert check(smiles, featurise.featurise(smiles, scaffolds=True)) >= len(odd.SMILES) - 1


def test_what_is_decoded_is_most_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written = [Chem.MolFromSmiles(text).ToBinary(binary.FLAGS) for text in odd.SMILES]
    known = binary.read(written).known
    assert featurise.self_test() == (True, True)
    assert known.mean() > 0.8
    assert not known[odd.SMILES.index("C" * 256)]


@given(st.lists(odd.smiles, min_size=1, max_size=8))
@example(["C1CC1(C(:[Se](C)(C1CC1)))"])
def test_random_molecules_are_those_of_ogb_and_rdkit(smiles: list[str]) -> None:
    check(smiles, featurise.featurise(smiles, scaffolds=True))


def test_nothing_and_nothing_that_can_be_read() -> None:
    for smiles in ([], [""], list(odd.BROKEN)):
        for scaffolds in (False, True):
            found = featurise.featurise(smiles, scaffolds=scaffolds)
            assert (len(found), len(found.x), found.edge_index.shape, len(found.valid)) == (0, 0, (2, 0), len(smiles))
            assert found.scaffolds == (() if scaffolds else None)
            assert not found.valid.any()


def test_rdkit_s_messages_are_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    featurise.featurise(odd.BROKEN, scaffolds=True)
    assert capfd.readouterr() == ("", "")


def test_a_result_is_small_and_goes_to_other_processes() -> None:
    found = featurise.featurise(["c1ccccc1C", "X", "CO"], scaffolds=True)
    dtypes = (found.x.dtype, found.edge_index.dtype, found.edge_attr.dtype)
    assert dtypes == (torch.uint8, torch.int32, torch.uint8)
    again = pickle.loads(pickle.dumps(found))
    assert torch.equal(again.x, found.x)
    assert again.scaffolds == found.scaffolds == ("c1ccccc1", "")


DATA = Path(os.environ.get("GRAPHDISTILL_DATA", "../shared/data")).absolute()


@pytest.mark.long
@pytest.mark.parametrize("name", ["molhiv", "molbace", "molesol", "pains"])
def test_every_molecule_at_hand_is_that_of_ogb_and_rdkit(name: str) -> None:
    if name == "pains":
        with Path(RDConfig.RDDataDir, "Pains", "test_data", "wehi_mols.csv").open(newline="") as file:
            smiles = [row[0] for row in csv.reader(file) if row]
    else:
        path = DATA / "ogb" / f"ogbg_{name}" / "mapping" / "mol.csv.gz"
        if not path.is_file():
            pytest.skip(f"{path} is missing; set GRAPHDISTILL_DATA")
        with gzip.open(path, "rt", newline="") as file:
            smiles = [row["smiles"] for row in csv.DictReader(file)]
    found = 0
    for first in range(0, len(smiles), featurise.CHUNK):
        chunk = smiles[first : first + featurise.CHUNK]
        found += check(chunk, featurise.featurise(chunk, scaffolds=True))
    assert found >= 0.999 * len(smiles)
