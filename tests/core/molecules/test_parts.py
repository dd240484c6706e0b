from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from graphdistill.core.molecules import parts
from graphdistill.core.molecules.batch import Molecules
from graphdistill.core.molecules.featurise import featurise
from graphdistill.core.molecules.parts import featurise_all
from tests.core.molecules import odd

SMILES = [*odd.SMILES, *odd.BROKEN]


def same(one: Molecules, other: Molecules) -> None:
    ours, theirs = one.to_tensors(), other.to_tensors()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CHUNK", 20)


@pytest.mark.parametrize("scaffolds", [False, True])
def test_chunks_are_the_whole(scaffolds: bool, tmp_path: Path) -> None:
    whole = featurise(SMILES, scaffolds=scaffolds)
    same(Molecules.concatenate([*featurise_all(SMILES, scaffolds=scaffolds)]), whole)
    for _ in range(2):
        same(Molecules.concatenate([*featurise_all(SMILES, scaffolds=scaffolds, folder=tmp_path)]), whole)
    assert [*featurise_all([])] == []


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Sequence[str]] = []

    def counted(smiles: Sequence[str], *, scaffolds: bool) -> Molecules:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(smiles)
        return featurise(smiles, scaffolds=scaffolds)

    monkeypatch.setattr(parts, "featurise", counted)
    with pytest.raises(KeyboardInterrupt):
        [*featurise_all(SMILES, folder=tmp_path)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000.safetensors", "000001.safetensors"]
    (tmp_path / "000000.safetensors").write_bytes(b"damaged")
    (tmp_path / "000002.safetensors").write_bytes((tmp_path / "000001.safetensors").read_bytes()[:-9])
    seen.clear()
    monkeypatch.setattr(parts, "featurise", lambda s, **k: seen.append(s) or featurise(s, **k))
    same(Molecules.concatenate([*featurise_all(SMILES, folder=tmp_path)]), featurise(SMILES))
    assert seen == [SMILES[:20], *(SMILES[first : first + 20] for first in range(40, len(SMILES), 20))]


def test_a_process_needs_no_pyg() -> None:
    code = "import sys; from graphdistill.core.molecules import parts; sys.exit('torch_geometric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
