import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from graphdistill.mirage.shards.work import Work, check_space, content_of
from tests.mirage.shards import toys


def test_shards_are_consecutive_rows_and_hold_all_of_them(tmp_path):
    work = toys.work(tmp_path, shards=7)
    work.split()
    parts = [work.text(shard) for shard in range(7)]
    assert np.concatenate([part["place"] for part in parts]).tolist() == list(range(len(toys.SMILES)))
    texts = [part["text"].tobytes().decode().split("\n") for part in parts]
    assert [smiles for some in texts for smiles in some] == toys.SMILES
    assert np.concatenate([part["y"] for part in parts])[:, 0].tolist() == toys.LABELS
    assert max(map(len, texts)) - min(map(len, texts)) <= 1


def test_a_lost_shard_is_read_again_from_the_file(tmp_path):
    work = toys.work(tmp_path)
    work.split()
    folder = work.parts("text").folder
    (path,) = folder.glob("000001-*")
    good = path.read_bytes()
    path.write_bytes(b"")
    work.text(1)
    assert [p.read_bytes() for p in folder.glob("000001-*")] == [good]


def test_more_shards_than_rows_leave_some_empty(tmp_path):
    path = toys.write(tmp_path, ["CCO 1", "CCN 0"])
    work = Work(toys.Source(path), tmp_path / "work", 2, 5, content_of(path))
    work.split()
    assert sorted(len(work.text(shard)["place"]) for shard in range(5)) == [0, 0, 0, 1, 1]


def test_invalid_rows_are_refused_each_time_or_left_out(tmp_path):
    path = toys.write(tmp_path, ["CCO 1", "CCN x", "CCC 0", "CC", "C 1"])
    make = lambda skip: Work(toys.Source(path), tmp_path / "w", 5, 2, content_of(path), skip_invalid=skip)  # noqa: E731
    for _ in range(2):
        with pytest.raises(ValueError, match=r"2 rows cannot be used. line 2: y is 'x'.*; line 4: y is empty. Correct"):
            make(False).split()
    make(True).split()
    assert np.concatenate([make(True).text(s)["line"] for s in range(2)]).tolist() == [1, 3, 5]


def test_the_place_of_parts_depends_on_the_content_of_the_file(tmp_path):
    one = toys.work(tmp_path)
    path = toys.write(tmp_path, [f"{s} {y}" for s, y in zip(toys.SMILES, toys.LABELS, strict=True)][:-1])
    two = Work(one.source, one.folder, one.rows, one.shards, content_of(path))
    assert one.identity != two.identity


def test_a_full_disk_is_reported_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    check_space(tmp_path / "new", 10**6)
    with pytest.raises(ValueError, match=r"the shards of 10,000,000 molecules take about 4.0 GB, and 1.0 GB are free"):
        check_space(tmp_path / "new", 10**7)
