import gzip

import pytest

from graphdistill.mirage.shards.rows import Source, draw_split

ROWS = [("CCO", 1, "train"), ("CCN", 0, "valid"), ("c1ccccc1", 1, "test")]


def written(folder, name, text):
    path = folder / name
    with (gzip.open if name.endswith(".gz") else open)(path, "wt", encoding="utf-8") as file:
        file.write(text)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.smi", "a.smi.gz"])
def test_all_kinds_of_files_give_the_same_rows(tmp_path, name):
    mark = "," if ".csv" in name else "\t"
    lines = [mark.join(("smiles", "y", "split")), *(mark.join(map(str, row)) for row in ROWS)]
    source = Source(written(tmp_path, name, "\n".join(lines) + "\n\n"), split_column="split")
    source.check()
    assert source.count() == 3
    rows = list(source.rows())
    assert [(r.place, r.line, r.smiles, r.y, r.split, r.problem) for r in rows] == [
        (0, 2, "CCO", (1.0,), 0, ""),
        (1, 3, "CCN", (0.0,), 1, ""),
        (2, 4, "c1ccccc1", (1.0,), 2, ""),
    ]
    assert list(source.rows(1, 2)) == rows[1:2]


def test_a_smi_file_needs_no_header(tmp_path):
    source = Source(written(tmp_path, "a.smi", "CCO 1\n\nCCN 0\n"))
    source.check()
    assert [(r.line, r.smiles, r.y) for r in source.rows()] == [(1, "CCO", (1.0,)), (3, "CCN", (0.0,))]


def test_splits_are_drawn_by_the_smiles_80_10_10():
    drawn = [draw_split(f"C{number}", 0) for number in range(4000)]
    assert [abs(drawn.count(k) / 4000 - share) < 0.02 for k, share in enumerate((0.8, 0.1, 0.1))] == [True] * 3
    assert drawn != [draw_split(f"C{number}", 1) for number in range(4000)]


@pytest.mark.parametrize(
    ("columns", "cells", "problem"),
    [
        (("y",), "", "y is empty"),
        (("y",), "half", "y is 'half'; classes are whole numbers from 0"),
        (("y",), "1.5", "y is '1.5'; classes are whole numbers from 0"),
        (("y",), "-1", "y is '-1'; classes"),
        (("y", "z"), "2,", "y is '2'; each of many label columns holds 0, 1 or nothing"),
        (("y", "z"), ",1", ""),
    ],
)
def test_invalid_labels_are_named(tmp_path, columns, cells, problem):
    path = written(tmp_path, "a.csv", f"smiles,{','.join(columns)}\nCCO,{cells}\n")
    (row,) = Source(path, label_columns=columns).rows()
    assert row.problem.startswith(problem)
    assert bool(row.problem) == bool(problem)


def test_another_name_of_a_split_is_invalid(tmp_path):
    path = written(tmp_path, "a.csv", "smiles,y,part\nCCO,1,holdout\n")
    (row,) = Source(path, split_column="part").rows()
    assert row.problem == "part is 'holdout'; it is train, valid or test"


@pytest.mark.parametrize(
    ("name", "text", "error", "message"),
    [
        ("cora.npz", "", ValueError, "is none; it is for sets of graphs, not for node graphs"),
        ("a.csv", "smiles,y\n", ValueError, "has no rows"),
        ("a.csv", "smiles,label\nCCO,1\n", ValueError, "'y' is not a column of .*; it has smiles, label"),
        ("a.csv", "smiles,y,y\nCCO,1,1\n", ValueError, "'y' is the name of two columns"),
    ],
)
def test_other_files_are_refused(tmp_path, name, text, error, message):
    with pytest.raises(error, match=message):
        Source(written(tmp_path, name, text)).check()


def test_a_missing_or_broken_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        Source(tmp_path / "a.smi").check()
    path = written(tmp_path, "a.smi.gz", "CCO 1\n" * 1000)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(OSError, match="cannot be read"):
        Source(path).count()
