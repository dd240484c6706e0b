from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from graphdistill import load
from graphdistill.datasets import _sdf
from graphdistill.datasets._sdf import read_sdf
from graphdistill.datasets._tables import read_table

pytestmark = pytest.mark.filterwarnings("ignore:.*scores on it say little:UserWarning")
SMILES = [
    "CCO",
    "C[C@H](N)C(=O)O",
    "c1ccccc1",
    "F/C=C/Cl",
    "[Na+].[Cl-]",
    "C1CC1",
    "[13CH4]",
    "CC[N+](C)(C)C",
    "CS",
    "O",
]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write(path: Path, texts: list[str], /, *, v3000: bool = False, **properties: list[Any]) -> Path:
    """Write molecules with coordinates by rdkit."""
    with Chem.SDWriter(str(path)) as writer:
        writer.SetForceV3000(v3000)
        for row, text in enumerate(texts):
            molecule = Chem.MolFromSmiles(text)
            AllChem.Compute2DCoords(molecule)
            for name, values in properties.items():
                if values[row] is not None:
                    molecule.SetProp(name, str(values[row]))
            writer.write(molecule)
    return path


@pytest.mark.parametrize("v3000", [False, True])
@pytest.mark.parametrize("name", ["a.sdf", "a.sdf.gz"])
def test_structures_and_properties_are_those_of_a_csv_file(name: str, v3000: bool, tmp_path: Path) -> None:
    y = [i % 2 for i in range(len(SMILES))]
    path = write(tmp_path / "plain.sdf", SMILES, v3000=v3000, active=y, note=["some words"] * len(SMILES))
    target = tmp_path / name
    target.write_bytes(gzip.compress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes())
    canonical = [Chem.CanonSmiles(text) for text in SMILES]
    table = tmp_path / "a.csv"
    table.write_text("smiles,y\n" + "".join(f"{text},{label}\n" for text, label in zip(canonical, y, strict=True)))
    ours, theirs = load(target, label_column="active"), load(table)
    assert ours.smiles == theirs.smiles == tuple(canonical)  # type: ignore[union-attr]
    assert ours.y.tolist() == theirs.y.tolist() == y
    assert torch.equal(ours.graphs.x, theirs.graphs.x)  # type: ignore[union-attr]
    assert all(torch.equal(ours.splits[part], theirs.splits[part]) for part in ours.splits)


def test_absent_properties_and_those_of_many_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.sdf", ["C", "CC"], y=[1, None], note=["two\nlines", None], smiles=["x", "x"])
    head, rows, lines = read_table(path, "smiles")
    assert head == ["smiles", "y", "note"]
    assert rows == [{"smiles": "C", "y": "1", "note": "two lines"}, {"smiles": "CC", "y": "", "note": ""}]
    text = path.read_text().splitlines()
    assert lines == [1, text.index("$$$$") + 2]


def test_a_file_without_its_last_mark_and_with_line_ends_of_windows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.sdf", ["C", "CO"], y=[0, 1])
    text = path.read_text().removesuffix("$$$$\n").replace("\n", "\r\n")
    _, rows = read_sdf(text.splitlines(keepends=True), "smiles")
    assert [row for row, _ in rows] == [{"smiles": "C", "y": "0"}, {"smiles": "CO", "y": "1"}]


def test_structures_that_cannot_be_read_are_named_or_left_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.sdf", SMILES, y=[i % 2 for i in range(len(SMILES))])
    records = path.read_text().split("$$$$\n")
    records[1] = records[1].replace("V2000", "V9000")
    path.write_text("$$$$\n".join(records))
    line = records[0].count("\n") + 2
    with pytest.raises(ValueError, match=f"1 of 10 rows cannot be used. line {line}: its structure cannot be read"):
        load(path)
    monkeypatch.setattr(_sdf, "_PART", 3)
    assert load(path, skip_invalid=True).notes == "a.sdf, scaffold split, 1 of 10 rows skipped as invalid"
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match=r"label_column='toxic' is not a column of .*a\.sdf; it has smiles, y"):
        load(path, label_column="toxic")


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.sdf", b"", ValueError, r"a\.sdf is empty; each record holds a structure and its properties"),
        ("a.sdf.gz", b"no gzip", OSError, r"a\.sdf\.gz cannot be read as SDF \(Not a gzipped file"),
        ("a.sdf", b"\xff\xfe\x00", OSError, r"a\.sdf cannot be read as SDF: it is not UTF-8 text"),
        ("a.sdf", b"hello\n", ValueError, "label_column='y' is not a column of .*; it has smiles"),
    ],
)
def test_what_is_no_sdf_file_is_refused(
    name: str, content: bytes, error: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        load(tmp_path / name)
