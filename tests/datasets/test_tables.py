import gzip
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import torch

from graphdistill import load
from graphdistill.datasets._tables import read_table

# Chains have one scaffold, so a part of the split may lack a class here.
pytestmark = pytest.mark.filterwarnings("ignore:.*scores on it say little:UserWarning")
SMILES = ["CCO", "CCN", "CCC", "c1ccccc1", "CC(=O)O", "CCCl", "CCBr", "C1CC1", "CCS", "OCC=O"] * 2
LABEL = [0, 1] * 10


def csv(path: Path) -> Path:
    path.write_text("smiles,y\n" + "\n".join(f"{s},{y}" for s, y in zip(SMILES, LABEL, strict=True)) + "\n")
    return path


def parquet(path: Path, **columns: list[object]) -> Path:
    pyarrow.parquet.write_table(pyarrow.table({"smiles": SMILES, "y": LABEL, **columns}), path)
    return path


def same(one: Path, other: Path, **options: str) -> None:
    first, second = load(csv(one)), load(other, **options)  # type: ignore[call-overload]
    assert torch.equal(first.y, second.y)
    assert torch.equal(first.graphs.x, second.graphs.x)
    assert all(torch.equal(first.splits[part], second.splits[part]) for part in first.splits)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_parquet_is_read_as_the_same_csv(tmp_path: Path) -> None:
    same(tmp_path / "a.csv", parquet(tmp_path / "a.parquet"))


def test_missing_cells_floats_and_booleans_of_parquet_are_labels_as_in_csv(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", t=[None, *[1.0] * 19], u=[bool(y) for y in LABEL], v=[float("nan")] * 20)
    _, rows, lines = read_table(path, "smiles")
    assert (rows[0], lines[:2]) == ({"smiles": "CCO", "y": "0", "t": "", "u": "0", "v": ""}, [1, 2])
    assert rows[1]["t"] == "1.0"


@pytest.mark.parametrize("name", ["a.smi", "a.smi.gz"])
@pytest.mark.parametrize("head", ["", "smiles y\n"])
def test_smi_holds_a_molecule_and_a_label_a_line(name: str, head: str, tmp_path: Path) -> None:
    text = head + "\n".join(f"{s}\t{y} and more" for s, y in zip(SMILES, LABEL, strict=True)) + "\n\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    same(tmp_path / "a.csv", path)


def test_a_second_column_without_numbers_holds_names(tmp_path: Path) -> None:
    path = tmp_path / "a.smi"
    path.write_text("".join(f"{s} name{i} {y} extra\n" for i, (s, y) in enumerate(zip(SMILES, LABEL, strict=True))))
    same(tmp_path / "a.csv", path)
    assert read_table(path, "smiles")[0] == ["smiles", "name", "y", "column4"]
    path.write_text("CCO ethanol\nC\n")
    with pytest.raises(ValueError, match=r"label_column='y' is not a column of .*a\.smi; it has smiles, name"):
        load(path)
    path.write_text("CCO 1\nC unknown\n")
    with pytest.raises(ValueError, match=r"line 2: y is 'unknown'; classes are whole numbers"):
        load(path)


def test_a_smi_file_without_labels_says_which_column_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.smi"
    path.write_text("CCO\nCCN\n")
    with pytest.raises(ValueError, match=r"label_column='y' is not a column of .*a\.smi; it has smiles"):
        load(path)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 not")
    with pytest.raises(OSError, match=r"a\.parquet cannot be read as Parquet \("):
        load(path)
    pyarrow.parquet.write_table(pyarrow.table({"smiles": [], "y": []}), path)
    with pytest.raises(ValueError, match=r"a\.parquet has no rows; its columns are smiles, y"):
        load(path)
    (tmp_path / "b.smi").write_text("\n")
    with pytest.raises(ValueError, match=r"b\.smi is empty; each line holds a SMILES and a label, such as CCO 1"):
        load(tmp_path / "b.smi")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").touch()
    with pytest.raises(ImportError, match=r"a\.parquet needs pyarrow: pip install graphdistill\[tables\], or give a"):
        load(tmp_path / "a.parquet")
