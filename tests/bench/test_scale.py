import csv
import gzip
import re

import pytest

from graphdistill.bench import scale as bench
from graphdistill.core.molecules.featurise import self_test

SMILES = ["CCO", "CCN", "c1ccccc1", "C1CC1", "CC(=O)O", "CCCl", "CCBr", "CCS", "OCC=O", "X"]


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "ogb" / "ogbg_toy" / "mapping"
    folder.mkdir(parents=True)
    with gzip.open(folder / "mol.csv.gz", "wt", newline="") as file:
        csv.writer(file).writerows([("active", "smiles"), *((i % 2, text) for i, text in enumerate(SMILES * 3))])
    return tmp_path


def test_every_way_and_number_of_processes_has_a_line(root, capsys):
    bench.main(bench.Bench(root=root, parts=("loading", "tables"), datasets=("ogbg-toy",), rounds=1, jobs=(1, 2)))
    printed = capsys.readouterr().out
    for way in bench.WAYS:
        assert re.search(rf"│ {way} +│ [\d.]+ +│ [\d.]+ +│", printed), way
    found = re.findall(r"ogbg-toy, whole table, jobs=(\d): ([\d.]+) s, ([\d.]+) s again", printed)
    assert [jobs for jobs, *_ in found] == ["1", "2"]
    assert self_test() == (True, True)


def test_molecules_that_cannot_be_read_are_not_measured():
    assert sorted(bench.sample(SMILES, 100)) == sorted(SMILES[:-1])
    assert len(bench.sample(SMILES[:-1], 4)) == 4


def test_a_missing_table_is_named(root):
    with pytest.raises(FileNotFoundError, match="ogbg-none has no table of SMILES under --root"):
        bench.main(bench.Bench(root=root, datasets=("ogbg-none",)))
