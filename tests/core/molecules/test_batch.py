from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from graphdistill.core.data.tensors import downcast
from graphdistill.core.molecules.batch import Molecules
from graphdistill.core.molecules.featurise import featurise
from tests.core.molecules import odd

SMILES = ("CO", "C1CC", "c1ccccc1C", "[Na+].[Cl-]", "", "C=CC1CC1")


def same(one: Molecules, other: Molecules) -> None:
    for name, values in vars(one).items():
        if name == "scaffolds":
            assert values == other.scaffolds
        else:
            assert torch.equal(values, getattr(other, name)), name
            assert values.dtype == getattr(other, name).dtype


@pytest.mark.parametrize("scaffolds", [False, True])
def test_parts_put_together_are_the_whole(scaffolds: bool) -> None:
    parts = [featurise(some, scaffolds=scaffolds) for some in (SMILES[:3], SMILES[3:3], SMILES[3:5], SMILES[5:])]
    same(Molecules.concatenate(parts), featurise(SMILES, scaffolds=scaffolds))


@pytest.mark.parametrize("scaffolds", [False, True])
def test_molecules_come_back_from_a_file(scaffolds: bool, tmp_path: Path) -> None:
    for smiles in (SMILES, odd.SMILES, ["X"]):
        found = featurise(smiles, scaffolds=scaffolds)
        save_file({name: downcast(values) for name, values in found.to_tensors().items()}, tmp_path / "a.safetensors")
        same(found, Molecules.from_tensors(load_file(tmp_path / "a.safetensors")))


def test_problems_are_named_by_row() -> None:
    found = replace(featurise(["C"]), status=torch.tensor([1, 0, 2]))
    assert found.problems(["C1CC", "C", "C~C"]) == {
        0: "'C1CC' is not a SMILES that rdkit can read",
        2: "'C~C' has a bond that OGB does not know",
    }


def test_atoms_are_numbered_over_all_graphs() -> None:
    found = featurise(["CO", "X", "CC"])
    assert found.edge_index.tolist() == [[0, 1, 0, 1], [1, 0, 1, 0]]
    assert found.graphs.edge_index.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]
    assert found.graphs.x.dtype == torch.long


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("x", lambda x: x[1:], "holds node_ptr that does not rise from 0 to 15"),
        ("edge_ptr", lambda ptr: ptr[:0], "holds edge_ptr that does not rise"),
        ("node_ptr", lambda ptr: ptr.flip(0), "holds node_ptr that does not rise"),
        ("edge_index", lambda index: index + 10, "points outside of its molecule"),
        ("edge_attr", lambda attr: attr[:, :2], "do not fit 4 molecules with 26 directed bonds"),
        ("status", lambda status: status[1:], "do not fit 4 molecules"),
        ("scaffolds", lambda text: text[:-1], "do not fit 4 molecules"),
        ("status", None, "holds no 'status'"),
    ],
)
def test_tensors_that_do_not_fit_together_are_refused(name: str, change: Any, message: str) -> None:
    tensors = featurise(SMILES, scaffolds=True).to_tensors()
    value = tensors.pop(name)
    with pytest.raises(ValueError, match=message):
        Molecules.from_tensors(tensors if change is None else {**tensors, name: change(value)})
