import gzip
import zipfile

import pytest
import rich.console
from rdkit import Chem
from rdkit.Chem import Crippen

from graphdistill.bench import millions
from graphdistill.bench.options import ScaleBench as Bench
from tests.mirage.shards import toys

SPLITS = {"train": toys.SMILES[:100], "test": toys.SMILES[100:120], "test_scaffolds": toys.SMILES[120:]}


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "molsets.whl"
    with zipfile.ZipFile(path, "w") as files:
        for name, smiles in SPLITS.items():
            text = "\n".join(["SMILES", *smiles])
            files.writestr(f"moses/dataset/data/{name}.csv.gz", gzip.compress(text.encode()))
    return path


def test_labels_are_above_the_median_of_the_training_molecules(wheel, tmp_path):
    path, seconds = millions.moses(wheel, tmp_path, "serial", 1)
    assert seconds > 0
    assert millions.moses(wheel, tmp_path, "serial", 1) == (path, 0.0)
    with gzip.open(path, "rt") as file:
        head, *lines = file.read().splitlines()
    assert head == "smiles y split"
    rows = [line.split() for line in lines]
    assert [s for s, _, _ in rows] == [s for name in ("train", "test", "test_scaffolds") for s in SPLITS[name]]
    assert [split for *_, split in rows].count("valid") == len(SPLITS["test_scaffolds"])
    train = sorted(Crippen.MolLogP(Chem.MolFromSmiles(s)) for s in SPLITS["train"])
    middle = (train[49] + train[50]) / 2
    for smiles, label, _ in rows:
        assert int(label) == (Crippen.MolLogP(Chem.MolFromSmiles(smiles)) > middle)


def test_a_part_is_random_and_in_order(wheel, tmp_path):
    path, _ = millions.moses(wheel, tmp_path, "serial", 1)
    assert millions.part_of(path, 10**6, tmp_path) == path
    with gzip.open(millions.part_of(path, 30, tmp_path), "rt") as part, gzip.open(path, "rt") as whole:
        found, every = part.read().splitlines(), whole.read().splitlines()
    assert len(found) == 31
    assert [every.index(line) for line in found] == sorted(every.index(line) for line in found)


def test_all_figures_are_in_the_table(wheel, monkeypatch):
    toys.without_priors(monkeypatch)
    console = rich.console.Console(width=120, record=True)
    millions.run(Bench(wheel=wheel, sizes=(10**6,), engine="serial", bytes=120), console)
    printed = console.export_text()
    for text in ("featurising", "largest process, PSS", "test ROC-AUC of the model", "coding all, not counted", "132"):
        assert text in printed
    assert "10,000,000 molecules, extrapolated and not measured:" in printed


def test_the_wheel_must_be_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="pip download --no-deps molsets"):
        millions.run(Bench(wheel=tmp_path / "none.whl"), rich.console.Console())


def test_memory_is_that_of_all_processes():
    memory = millions.Memory()
    with memory.watched():
        pass
    assert memory.together >= memory.process > 10**7
