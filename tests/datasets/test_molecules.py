import csv
import gzip

import pytest
import torch
from rdkit import Chem
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from graphdistill.datasets import load
from graphdistill.datasets._molecules import read_smiles
from graphdistill.datasets._splits import by_scaffold

RINGS = [
    "C1CC1",
    "C1CCC1",
    "C1CCCC1",
    "c1ccccc1",
    "C1CCNCC1",
    "c1ccncc1",
    "C1CCOC1",
    "c1ccsc1",
    "C1CCOCC1",
    "c1cc[nH]c1",
]


@pytest.fixture
def write_csv(tmp_path):
    def write(rows, head=("smiles", "y"), name="mine.csv"):
        opener = gzip.open if name.endswith(".gz") else open
        with opener(tmp_path / name, "wt", newline="") as file:
            csv.writer(file).writerows([head, *rows])
        return str(tmp_path / name)

    return write


def balanced(n=40):
    # The largest scaffold groups come first into train, so each ring gets both classes.
    return [(RINGS[i // 2 % 10] + "C" * (i // 20), i % 2) for i in range(n)]


def test_pains_has_840_positives_split_by_scaffold(capfd):
    data = load("pains")
    assert capfd.readouterr() == ("", "")
    assert len(data.graphs) == 10000
    assert int(data.y.sum()) == 840
    assert (len(data.train), len(data.valid), len(data.test)) == (8000, 1000, 1000)
    assert torch.cat([data.train, data.valid, data.test]).unique().numel() == 10000
    assert (data.metric, data.features, data.graphs.x.shape[1]) == ("rocauc", "ogb", 9)
    again = load("pains")
    assert torch.equal(again.graphs.x, data.graphs.x)
    assert torch.equal(again.y, data.y)


@pytest.fixture(scope="module")
def molbace(data_root):
    with gzip.open(data_root / "ogb" / "ogbg_molbace" / "mapping" / "mol.csv.gz", "rt") as file:
        return [row["smiles"] for row in csv.DictReader(file)], load("ogbg-molbace", data_root)


def test_the_scaffold_split_is_that_of_ogb(molbace):
    smiles, official = molbace
    # OGB told mirror images apart when it made its splits; ours do not, as they are too alike.
    ours = by_scaffold([MurckoScaffoldSmiles(s, includeChirality=True) for s in smiles])
    for part, theirs in zip(ours, (official.train, official.valid, official.test), strict=True):
        assert torch.equal(part, theirs)


def test_graphs_from_smiles_are_those_of_ogb(molbace):
    smiles, official = molbace
    ours = read_smiles(smiles, smiles)
    for name in ("x", "edge_index", "edge_attr", "node_ptr", "edge_ptr"):
        assert torch.equal(ours[name], getattr(official.graphs, name)), name


def test_mirror_images_share_a_part():
    smiles = ["C[C@H]1CC1", "C[C@@H]1CC1", "C1CC[C@H]2CCCC[C@@H]2C1", "C1CC[C@@H]2CCCC[C@@H]2C1"] + ["c1ccccc1"] * 16
    parts = read_smiles(smiles, smiles)
    homes = [{p for p in ("train", "valid", "test") if i in parts[p]} for i in range(4)]
    assert homes[0] == homes[1]
    assert homes[2] == homes[3]


def test_csv_of_one_task(write_csv):
    rows = balanced()
    data = load(write_csv(rows, name="mine.csv.gz"))
    assert data.y.tolist() == [y for _, y in rows]
    assert data.graphs[0].num_nodes == Chem.MolFromSmiles(rows[0][0]).GetNumAtoms()
    parts = [{MurckoScaffoldSmiles(rows[i][0]) for i in s.tolist()} for s in (data.train, data.valid, data.test)]
    assert [len(part) for part in parts] == [8, 1, 1]
    assert len(set.union(*parts)) == 10


def test_csv_of_many_tasks_with_other_columns(write_csv):
    rows = [(s, y, "" if i % 3 else 1 - y) for i, (s, y) in enumerate(balanced())]
    data = load(write_csv(rows, head=("mol", "a", "b")), smiles_column="mol", label_column="a, b")
    assert data.task == "multilabel"
    assert data.y.shape == (40, 2)
    assert data.y[:, 1].isnan().tolist() == [bool(i % 3) for i in range(40)]
    assert data.metric == "rocauc"


def test_csv_of_three_classes_is_scored_by_accuracy(write_csv):
    data = load(write_csv([(s, i % 3) for i, (s, _) in enumerate(balanced(60))]))
    assert (data.metric, data.num_outputs) == ("accuracy", 3)


def test_molecules_without_bonds(write_csv):
    data = load(write_csv([*balanced(), ("[Na+]", 1)]))
    assert (data.graphs[40].num_nodes, data.graphs[40].num_edges) == (1, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("C1CC", 1), r"mine\.csv line 42: 'C1CC' is not a SMILES that rdkit can read"),
        (("", 1), r"mine\.csv line 42: '' is not a SMILES"),
        (("CC", ""), r"mine\.csv line 42: y is empty; give a label or remove the row"),
        (("CC", -1), r"mine\.csv line 42: y is -1; classes are whole numbers from 0"),
        (("CC", 0.5), r"mine\.csv line 42: y is 0\.5; classes"),
        (("CC", "inf"), r"mine\.csv line 42: y is inf; classes"),
        (("CC", "toxic"), r"mine\.csv line 42, y: 'toxic' is not a label"),
        (("CC", 7), r"y holds the classes 0, 1, 7; give two or more, numbered 0, 1, 2"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(write_csv, capfd, change, message):
    with pytest.raises(ValueError, match=message):
        load(write_csv([*balanced(), change]))
    assert capfd.readouterr() == ("", "")


def test_columns_that_are_not_there(write_csv):
    path = write_csv(balanced(), head=("SMILES", "active"))
    with pytest.raises(ValueError, match=r"smiles_column='smiles' is not a column of .*; it has SMILES, active"):
        load(path)
    with pytest.raises(ValueError, match=r"label_column='toxic' is not a column"):
        load(path, smiles_column="SMILES", label_column="active,toxic")


def test_one_class_only(write_csv):
    with pytest.raises(ValueError, match="y holds the classes 0; give two or more"):
        load(write_csv([(s, 0) for s, _ in balanced()]))
    rows = [(s, y, "") for s, y in balanced()]
    with pytest.raises(ValueError, match="b holds nothing; each of many label columns holds both 0 and 1"):
        load(write_csv(rows, head=("smiles", "a", "b")), label_column="a,b")


def test_a_train_part_without_a_class_is_refused(write_csv):
    rows = [(s, int(s == RINGS[0])) for s in RINGS]
    with pytest.raises(ValueError, match=r"train part of the scaffold split has no molecule of class \[1\]"):
        load(write_csv(rows))


def test_a_test_part_without_a_class_is_warned_of(write_csv):
    rows = [(s, 0 if s.startswith((RINGS[0], RINGS[1] + "C")) else y) for s, y in balanced()]
    rows = [(s, y if MurckoScaffoldSmiles(s) not in ("C1CC1", "C1CCC1") else 0) for s, y in rows]
    with pytest.warns(UserWarning, match="part of the scaffold split has no molecule of class") as caught:
        load(write_csv(rows))
    assert {w.filename for w in caught} == {__file__}


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv'.*there is no such file"):
        load(str(tmp_path / "nowhere.csv"))
    (tmp_path / "bad.csv.gz").write_text("smiles,y\n")
    with pytest.raises(OSError, match=r"bad\.csv\.gz cannot be read as CSV"):
        load(str(tmp_path / "bad.csv.gz"))
    (tmp_path / "empty.csv").write_text("smiles,y\n")
    with pytest.raises(ValueError, match=r"empty\.csv has no rows below its header"):
        load(str(tmp_path / "empty.csv"))
