import csv
import gzip

import pytest
import torch
from rdkit import Chem
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from graphdistill.core.molecules import parts
from graphdistill.datasets import _molecules, load

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


def test_a_table_is_prepared_once(write_csv, monkeypatch):
    path = write_csv(balanced(), name="once.csv")
    first = load(path)
    monkeypatch.setattr(parts, "featurise", None)
    again = load(path)
    assert torch.equal(again.graphs.x, first.graphs.x)
    assert torch.equal(again.train, first.train)


def test_csv_of_one_task(write_csv):
    rows = balanced()
    data = load(write_csv(rows, name="mine.csv.gz"))
    assert data.y.tolist() == [y for _, y in rows]
    assert data.smiles == tuple(smiles for smiles, _ in rows)
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
        (("C1CC", 1), r"mine\.csv: 1 of 41 rows cannot be used. line 42: 'C1CC' is not a SMILES that rdkit can read"),
        (("", 1), r"line 42: '' is not a SMILES"),
        (("CC", ""), r"line 42: y is empty\. Correct them, or leave them out with --skip-invalid"),
        (("CC", "nan"), r"line 42: y is empty"),
        (("CC", -1), r"line 42: y is '-1'; classes are whole numbers from 0"),
        (("CC", 0.5), r"line 42: y is '0\.5'; classes"),
        (("CC", "inf"), r"line 42: y is 'inf'; classes"),
        (("CC", "toxic"), r"line 42: y is 'toxic'; classes"),
        (("CC", 7), r"y holds the classes 0, 1, 7; give two or more, numbered 0, 1, 2"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(write_csv, capfd, change, message):
    with pytest.raises(ValueError, match=message):
        load(write_csv([*balanced(), change]))
    assert capfd.readouterr() == ("", "")


def test_all_rows_that_cannot_be_used_are_named_at_once(write_csv):
    bad = [("C1CC", 1), ("CC", "toxic"), ("", ""), *[(f"X{i}", 0) for i in range(20)]]
    with pytest.raises(ValueError, match="rows cannot be used") as raised:
        load(write_csv([*bad[:2], *balanced(), *bad[2:]]))
    message = str(raised.value)
    assert "23 of 63 rows cannot be used. line 2: 'C1CC' is not a SMILES that rdkit can read; line 3: y is " in message
    assert "line 44: '' is not a SMILES" in message  # one reason for a row is enough
    assert "line 51: 'X6'" in message
    assert "line 52" not in message
    assert "; and 13 more. Correct them, or leave them out with --skip-invalid (in Python skip_invalid=True)" in message


def test_they_are_left_out_where_this_is_wanted(write_csv, tmp_path):
    good, bad = balanced(), [("C1CC", 1), ("CC", "toxic"), ("", "")]
    whole = load(write_csv(good, name="good.csv"))
    path = write_csv([*bad[:1], *good, *bad[1:]])
    data = load(path, skip_invalid=True)
    assert data.notes == "mine.csv, scaffold split, 3 of 43 rows skipped as invalid"
    for name in ("y", "train", "valid", "test"):
        assert torch.equal(getattr(data, name), getattr(whole, name)), name
    assert torch.equal(data.graphs.x, whole.graphs.x)
    again = load(path, skip_invalid=True)  # from the cache
    assert again.notes == data.notes
    assert again.smiles == data.smiles == whole.smiles
    with pytest.raises(ValueError, match="3 of 43 rows cannot be used"):
        load(path)
    assert load(write_csv(good), skip_invalid=True).notes == "mine.csv, scaffold split"
    with pytest.raises(ValueError, match="2 of 2 rows cannot be used"):
        load(write_csv([("C1CC", 1), ("C1C", 0)]), skip_invalid=True)


def test_labels_of_many_columns_are_named_by_row(write_csv):
    rows = [(s, y, 1 - y) for s, y in balanced()]
    path = write_csv([*rows, ("CC", 2, 1), ("CC", "", "x"), ("CC", "nan", 1)], head=("smiles", "a", "b"))
    with pytest.raises(ValueError, match=r"2 of 43 rows .* line 42: a is '2'; each of many .* line 43: b is 'x'; each"):
        load(path, label_column="a,b")
    data = load(path, label_column="a,b", skip_invalid=True)
    assert data.y.shape == (41, 2)
    assert data.y[40].isnan().tolist() == [True, False]


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


def test_an_interrupted_load_keeps_its_parts_until_it_is_done(write_csv, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(parts, "CHUNK", 10)
    monkeypatch.setattr(_molecules, "_MANY", 20)
    path = write_csv(balanced())
    with monkeypatch.context() as patch:
        patch.setattr(_molecules, "by_scaffold", lambda scaffolds: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            load(path)
    prepared = tmp_path / "cache" / "graphdistill" / "prepared"
    assert len([*prepared.glob("mine-*.parts/*.safetensors")]) == 4
    with monkeypatch.context() as patch:
        patch.setattr(parts, "featurise", None)
        data = load(path)
    assert data.y.tolist() == [y for _, y in balanced()]
    assert [found.suffix for found in prepared.iterdir()] == [".safetensors"]


def text_of(rows, *, end="\n", quote=""):
    return "".join(f"{quote}{s}{quote},{y}{end}" for s, y in [("smiles", "y"), *rows])


@pytest.mark.parametrize(
    "content",
    [
        text_of(balanced(), end="\r\n").encode("utf-8-sig"),
        text_of(balanced(), quote='"').encode(),
        text_of(balanced()).replace("smiles,y", " smiles , y ", 1).encode(),
        text_of(balanced()).rstrip("\n").encode(),
        text_of(balanced()).replace("\n", "\n\n").encode(),
    ],
    ids=["mark and line ends of Windows", "quotes", "spaces", "no end of the last line", "empty lines"],
)
def test_the_ways_to_write_a_table(content, tmp_path):
    (tmp_path / "mine.csv").write_bytes(content)
    assert load(tmp_path / "mine.csv").y.tolist() == [y for _, y in balanced()]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.csv", b"", ValueError, r"a\.csv is empty; its first line must name the columns"),
        ("a.csv", b"\n\n", ValueError, r"a\.csv is empty"),
        ("a.csv", b"CCO,1\nCC,0\n", ValueError, r"'smiles' is not a column of .*; it has CCO, 1 \(its first line\)"),
        ("a.csv", b"smiles;y\nCCO;1\n", ValueError, r"it has smiles;y \(its first line\)"),
        ("a.csv", b"smiles,smiles,y\nC,C,0\n", ValueError, "'smiles' is the name of two columns"),
        ("a.csv", text_of(balanced()).encode("utf-16"), OSError, "it is not UTF-8 text .*; save it as UTF-8"),
        ("a.csv", gzip.compress(text_of(balanced()).encode()), OSError, "it is not UTF-8 text"),
        ("a.csv.gz", text_of(balanced()).encode(), OSError, "cannot be read as CSV .Not a gzipped file"),
        ("a.csv.gz", gzip.compress(text_of(balanced()).encode())[:-20], OSError, "cannot be read as CSV"),
        ("a.csv.gz", b"", ValueError, "is empty"),
        ("a.csv", b"smiles,y\nCC\nCC,1,2\n", ValueError, "1 of 2 rows cannot be used. line 2: y is empty"),
    ],
)
def test_what_is_no_table_is_refused_in_a_line(name, content, error, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        load(tmp_path / name)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv'.*there is no such file"):
        load(str(tmp_path / "nowhere.csv"))
    (tmp_path / "bad.csv.gz").write_text("smiles,y\n")
    with pytest.raises(OSError, match=r"bad\.csv\.gz cannot be read as CSV"):
        load(str(tmp_path / "bad.csv.gz"))
    (tmp_path / "empty.csv").write_text("smiles,y\n")
    with pytest.raises(ValueError, match=r"empty\.csv has no rows below its header"):
        load(str(tmp_path / "empty.csv"))


def floats(n=40):
    return [(smiles, f"{0.37 * k - 3:.2f}") for k, (smiles, _) in enumerate(balanced(n))]


@pytest.mark.parametrize("task", [None, "regression"])
def test_a_column_of_floats_is_a_target(write_csv, task):
    data = load(write_csv(floats()), task=task)
    assert (data.task, data.metric, data.y.shape, data.y.dtype) == ("regression", "rmse", (40, 1), torch.float32)
    assert data.y[:, 0].tolist() == pytest.approx([float(y) for _, y in floats()])


def test_whole_numbers_are_targets_where_this_is_given(write_csv):
    path = write_csv(balanced())
    assert load(path).task == load(path, task="classification").task == "multiclass"
    assert load(path, task="regression").y.tolist() == [[float(y)] for _, y in balanced()]


def test_many_targets_may_have_gaps(write_csv):
    rows = [(s, y, "" if k % 3 else k) for k, (s, y) in enumerate(floats())]
    data = load(write_csv(rows, head=("smiles", "a", "b")), label_column="a,b", task="regression")
    assert (data.task, data.num_outputs) == ("regression", 2)
    assert torch.equal(data.y[:, 1].nan_to_num(-1), torch.tensor([-1.0 if k % 3 else k for k in range(40)]))


@pytest.mark.parametrize(
    ("rows", "task", "message"),
    [
        (
            floats(),
            "classification",
            r"line 2: y is '-3.00'; classes are .*if they are targets .*--task regression",
        ),
        ([*balanced(), ("CC", "0.5")], None, r"line 42: y is '0.5'; classes are whole .*give --task regression"),
        (
            [*balanced(), ("CC", "high")],
            "regression",
            r"line 42: y is 'high'; targets are finite numbers",
        ),
        ([*floats(), ("CC", "inf")], None, r"line 42: y is 'inf'; targets are finite numbers"),
        ([*floats(), ("CC", "")], None, r"line 42: y is empty"),
        (
            [(s, 1) for s, _ in floats()],
            "regression",
            r"y holds 1 alone; targets of regression have two",
        ),
    ],
)
def test_a_column_that_is_not_of_the_task_is_named(write_csv, rows, task, message):
    with pytest.raises(ValueError, match=message):
        load(write_csv(rows), task=task)


def test_rows_without_a_target_may_be_left_out(write_csv):
    data = load(write_csv([*floats(), ("CC", "unknown"), ("CCC", "")]), task="regression", skip_invalid=True)
    assert len(data.y) == 40
    assert "2 of 42 rows skipped as invalid" in data.notes
