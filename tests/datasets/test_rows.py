import csv
import gzip

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest
import torch

from graphdistill.core.data.datasets import TableDataset
from graphdistill.datasets import load

HEAD = ("age", "job", "sex", "income")


@pytest.fixture
def write(tmp_path):
    def write(rows, head=HEAD, name="people.csv"):
        opener = gzip.open if name.endswith(".gz") else open
        with opener(tmp_path / name, "wt", newline="") as file:
            csv.writer(file).writerows([head, *rows])
        return tmp_path / name

    return write


def people(n=60):
    return [(20 + i % 37, ["cook", "clerk", ""][i % 3], "fm"[i // 2 % 2], ["low", "high"][i % 2]) for i in range(n)]


def test_a_csv_with_a_label_is_a_table(write):
    data = load(write(people()), label="income", group="sex")
    assert isinstance(data, TableDataset)
    assert data.columns == ("age", "job=clerk", "job=cook", "job missing")
    assert (data.classes, data.groups, data.metric) == (("high", "low"), ("f", "m"), "rocauc")
    assert data.y.tolist() == [1 - i % 2 for i in range(60)]
    assert data.group.tolist() == [i // 2 % 2 for i in range(60)]
    assert data.lines[1] == "21,clerk,high"
    assert data.x[data.train, 0].mean().abs() < 1e-6
    assert data.x[data.train, 0].std(correction=0).sub(1).abs() < 1e-5
    assert data.notes == (
        "people.csv; stratified 80/10/10 split of seed 0; classes: 0 high, 1 low; groups of sex: 0 f, 1 m"
    )


def test_parts_hold_classes_and_groups_as_all_rows_do_and_depend_on_the_seed(write):
    path = write(people(200))
    first, same, other = (load(path, label="income", group="sex", seed=seed) for seed in (0, 0, 1))
    for part in first.splits.values():
        cells = torch.bincount(2 * first.y[part] + first.group[part])
        assert cells.tolist() == [len(part) // 4] * 4
    assert torch.equal(first.test, same.test)
    assert first.digest == same.digest != other.digest
    assert torch.cat(list(first.splits.values())).sort().values.tolist() == list(range(200))


def test_pandas_reads_the_same(write):
    path = write(people())
    data, frame = load(path, label="income"), pandas.read_csv(path)
    age = frame["age"].to_numpy()[data.train.numpy()]
    np.testing.assert_allclose(data.x[:, 0], (frame["age"] - age.mean()) / age.std(), rtol=1e-5)
    jobs = pandas.get_dummies(frame["job"])
    np.testing.assert_array_equal(data.x[:, 1:3], jobs[["clerk", "cook"]])


@pytest.mark.parametrize("name", ["people.csv.gz", "people.parquet"])
def test_other_formats_are_the_same_table(write, tmp_path, name):
    rows = people()
    path = write(rows, name=name) if name.endswith("gz") else tmp_path / name
    if name.endswith("parquet"):
        columns = {column: list(cells) for column, cells in zip(HEAD, zip(*rows, strict=True), strict=True)}
        columns["job"] = [job or None for job in columns["job"]]
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    plain = load(write(rows), label="income")
    found = load(path, label="income")
    assert found.columns == plain.columns
    # The split is that of the name.
    assert torch.equal(found.y, plain.y)
    assert torch.equal(found.x[:, 1:], plain.x[:, 1:])


def test_numbers_are_classes_or_targets(write):
    rows = [(i % 7, "x" * (i % 2), i % 3, i / 7) for i in range(80)]
    path = write(rows, head=("a", "b", "c", "price"))
    classes, targets = load(path, label="c"), load(path, label="price")
    assert (classes.task, classes.metric, classes.classes) == ("multiclass", "accuracy", ("0", "1", "2"))
    assert (targets.task, targets.metric, targets.num_outputs) == ("regression", "rmse", 1)
    assert targets.y[:3, 0].tolist() == pytest.approx([0, 1 / 7, 2 / 7])
    assert load(path, label="a", task="regression").y[:2, 0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="task='regression', but biased-table is of classification"):
        load("biased-table", task="regression")


def test_classes_are_in_the_order_of_numbers_and_1_is_1_0(write):
    rows = [(i, ["2", "10", "2.0", "10.0"][i % 4]) for i in range(40)]
    assert load(write(rows, head=("n", "y")), label="y").classes == ("2", "10")


def test_a_table_with_smiles_holds_molecules(write):
    rings = ["C1CC1", "C1CCC1", "C1CCCC1", "c1ccccc1", "C1CCNCC1", "c1ccncc1", "C1CCOC1", "c1ccsc1", "C1CCOCC1"]
    path = write([(rings[i // 4 % 9] + "C" * (i // 36), i % 2) for i in range(72)], head=("smiles", "toxic"))
    assert load(path, label="toxic").smiles == load(path, label_column="toxic").smiles
    with pytest.raises(ValueError, match=r"group='toxic' is for tables of rows, but .* has molecules \(smiles\)"):
        load(path, label="toxic", group="toxic")


def test_unnamed_and_constant_columns_are_left_out_and_named(write):
    data = load(write([(i, 1, *row) for i, row in enumerate(people())], head=("", "one", *HEAD)), label="income")
    assert data.columns == ("age", "job=clerk", "job=cook", "job missing", "sex=f", "sex=m")
    assert data.notes.endswith("left out: an unnamed column, one (constant)")


def test_rows_without_label_or_group_are_named_or_left_out(write):
    path = write([*people(), (30, "cook", "", "low"), (31, "cook", "m", "?")])
    with pytest.raises(ValueError, match=r"2 of 62 rows cannot be used\. line 62: sex is empty; line 63: income is em"):
        load(path, label="income", group="sex")
    data = load(path, label="income", group="sex", skip_invalid=True)
    assert len(data.y) == 60
    assert "2 of 62 rows skipped as invalid" in data.notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"label": "pay"},
            r"label='pay' is not a column of .*people\.csv; it has age, job, sex, income \(its first line",
        ),
        ({"label": "income", "group": "race"}, r"group='race' is not a column of .*people\.csv; it has age, job"),
        ({"label": "income", "group": "income"}, "group='income' is the label, too; name another column"),
        ({"group": "sex"}, "group='sex' needs label="),
        ({"label": "income", "label_column": "z"}, "label='income' and label_column='z' are two names for one thing"),
        ({"label": "age", "task": "classification"}, None),
        (
            {"label": "income", "group": "age"},
            r"group='age' of .* holds 37 different values in 60 rows, more than 20; if",
        ),
        ({"label": "income", "task": "regression"}, r"people\.csv line 2: income is 'low'; targets are finite numbers"),
        ({}, r"smiles_column='smiles' is not a column of .*; of a table without molecules, name the column of labels"),
    ],
)
def test_words_that_do_not_fit(write, options, message):
    path = write(people())
    if message is None:  # 37 classes of at most two rows: none is left for validation
        message = "valid has no rows; give more of them"
    with pytest.raises(ValueError, match=message):
        load(path, **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n1,x\n2,x\n", r"label='y' of .* is 'x' in every row; name a column with two or more values"),
        (
            "a,y\n" + "".join(f"{i % 5},{i}\n" for i in range(101)),
            r"label='y' of .* holds 101 different values in 101 r",
        ),
        ("a,a,y\n1,2,x\n1,2,z\n", r"two columns with the name 'a'; rename one of them"),
        ("a;y\n1;x\n2;z\n", r"label='y' is not a column of .*; it has a;y \(its first line\); put commas between"),
        ("a,y\n1,x\n2,x,3\n", r"line 3 has more cells than the 2 of the first line; correct it, and put cells"),
        ("a,y\n1,x\n2\n", r"line 3 has fewer cells than the 2 of the first line"),
        ("a,y\n", r"has no rows below its header"),
        ("", r"is empty"),
        ("a,y\n1,\n2,\n", r"2 of 2 rows cannot be used"),
        ("y\nx\nz\n", r"has no column besides the label that differs between training rows"),
        ("a,y\n1,1e400\n2,0.5\n3,0.5\n", r"y is '1e400'; targets are finite numbers"),
        ("a,y\n1,x\n2,z\n", r"valid has no rows"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load(path, label="y", skip_invalid="1," not in text)


@pytest.mark.parametrize("content", [b"a,y\n1,\xff\n", "a,y\n1,x\n2,z\n".encode("utf-16"), b"\x1f\x8b\x08broken"])
def test_damaged_files(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises((OSError, ValueError), match=r"a\.csv"):
        load(path, label="y")


@pytest.mark.parametrize("name", ["digits", "iris", "biased-table", "cora"])
def test_labels_are_named_of_files_alone(name):
    with pytest.raises(ValueError, match=rf"label='y' names a column of a table .*, but name='{name}' is none"):
        load(name, label="y")


def test_labels_are_named_of_files_not_of_graphs():
    with pytest.raises(ValueError, match="label='y' names a column of a table, but name is a list; leave it out"):
        load([], label="y")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        load(tmp_path / "none.csv", label="y")
