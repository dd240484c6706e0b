from __future__ import annotations

import sys
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from graphdistill.datasets._official import _link, _unreadable, _unzip, quiet


def test_loaders_are_silent_and_may_ask_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("downloading")  # noqa: T201
        sys.stderr.write("progress")
        warnings.warn("The given NumPy array is not writable", UserWarning, stacklevel=1)
        with pytest.raises(EOFError):
            input("Proceed? ")
    assert capfd.readouterr() == ("", "")


def test_a_folder_is_linked_without_what_loaders_made_of_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("raw/a.csv", "processed/data.pt"):
        (source / name).parent.mkdir(parents=True)
        (source / name).write_text(name)
    _link(source, tmp_path / "stage")
    assert [p.relative_to(tmp_path / "stage").as_posix() for p in (tmp_path / "stage").rglob("*.*")] == ["raw/a.csv"]
    assert (tmp_path / "stage" / "raw" / "a.csv").read_text() == "raw/a.csv"


def test_an_archive_writes_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../outside.txt", "1")
        archive.writestr("folder/T_A.txt", "1, 2")
        archive.writestr("folder/readme.md", "no")
    _unzip(path, tmp_path / "inside" / "raw")
    assert sorted(p.name for p in (tmp_path / "inside" / "raw").iterdir()) == ["T_A.txt", "outside.txt"]
    assert not (tmp_path / "outside.txt").exists()


def test_the_file_that_is_damaged_is_found(tmp_path: Path) -> None:
    assert _unreadable(tmp_path) is None
    (tmp_path / "edge.csv.gz").write_bytes(b"no gzip")
    assert _unreadable(tmp_path) == tmp_path / "edge.csv.gz"
    torch.save({}, tmp_path / "other.pt")
    (tmp_path / "edge.csv.gz").unlink()
    assert _unreadable(tmp_path) is None
