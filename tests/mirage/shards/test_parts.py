import numpy as np
import pytest

from graphdistill.mirage.shards.parts import DamagedPartError, Parts

ARRAYS = {"x": np.arange(5), "y": np.array([[0.5, np.nan]])}


@pytest.mark.parametrize("compress", [False, True])
def test_a_part_is_read_as_written_and_made_once(tmp_path, compress):
    parts, made = Parts(tmp_path / "stage", compress), []
    for _ in range(2):
        found = parts.get(3, lambda: made.append(1) or ARRAYS)
        assert all(np.array_equal(found[name], ARRAYS[name], equal_nan=True) for name in ARRAYS)
    assert made == [1]
    assert parts.there(3)
    assert not parts.there(2)
    with pytest.raises(FileNotFoundError, match="has no part 2"):
        parts.read(2)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_part_is_noticed_and_made_again(tmp_path, compress, damage):
    parts = Parts(tmp_path, compress)
    parts.write(0, ARRAYS)
    (path,) = tmp_path.iterdir()
    good = path.read_bytes()
    data = bytearray(good)
    data[len(data) // 2] ^= 1
    path.write_bytes({"flip": bytes(data), "cut": good[:-1], "empty": b""}[damage])
    with pytest.raises(DamagedPartError, match="is damaged"):
        parts.read(0)
    parts.get(0, lambda: ARRAYS)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [good]


def test_another_content_replaces_the_part(tmp_path):
    parts = Parts(tmp_path)
    parts.write(7, ARRAYS)
    parts.write(7, {"x": np.arange(2)})
    assert len(list(tmp_path.iterdir())) == 1
    assert parts.read(7)["x"].tolist() == [0, 1]


def test_nothing_stays_of_a_write_that_fails(tmp_path, monkeypatch):
    parts = Parts(tmp_path)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        parts.write(0, ARRAYS)
    assert list(tmp_path.iterdir()) == []
