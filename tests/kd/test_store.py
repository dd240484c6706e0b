import hashlib
import json

import pytest
import torch

from graphdistill.kd.store import ENTRY, TeacherStore, open_store
from tests.hostile import edit_card, grow, refused


def logits(n=100, classes=50, seed=0):
    return torch.randn(n, classes, generator=torch.Generator().manual_seed(seed)) * 3


def write(folder, z=None, **options):
    z = logits() if z is None else z
    options = {"data_digest": "these", "num_classes": z.shape[1], "k": 6, "chunk": 16, **options}
    return TeacherStore.write(folder, z.split(7), **options)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_read_is_what_was_written(tmp_path):
    z = logits()
    store = write(tmp_path / "s", z, precision=64)
    p, best = z.softmax(dim=1).topk(6, dim=1)
    ids, probabilities, rest = store.read(10, 90)
    assert torch.equal(ids, best[10:90].sort(dim=1).values)
    assert torch.allclose(probabilities, p[10:90].gather(1, best[10:90].argsort(dim=1)), rtol=0.02)
    assert torch.allclose(rest, 1 - p[10:90].sum(dim=1), rtol=0.02)
    assert len(store) == 100
    assert store.num_bytes == (tmp_path / "s" / "logits.bin").stat().st_size


def test_positions_are_the_same_in_any_order(tmp_path):
    store = write(tmp_path / "s")
    whole = store.read(0, 100)
    index = torch.tensor([99, 0, 17, 17, 50])
    assert all(torch.equal(a, b[index]) for a, b in zip(store.read_index(index), whole, strict=True))
    assert store.read(5, 5).ids.shape == (0, 6)
    for draws in (None, torch.Generator().manual_seed(0)):
        seen = torch.cat([at for at, _ in store.blocks(draws)])
        assert torch.equal(seen.sort().values, torch.arange(100))
        assert torch.equal(seen, torch.arange(100)) == (draws is None)
        rest = torch.cat([part.rest for _, part in store.blocks(draws and torch.Generator().manual_seed(0))])
        assert torch.equal(rest, whole.rest[seen])


def test_the_same_logits_give_the_same_bytes_whatever_the_batches(tmp_path):
    z = logits()
    write(tmp_path / "a", z)
    TeacherStore.write(tmp_path / "b", iter([z.view(2, 50, 50)]), data_digest="these", num_classes=50, k=6, chunk=16)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_no_logits_make_an_empty_store(tmp_path):
    store = TeacherStore.write(tmp_path, [], data_digest="these", num_classes=9, k=2)
    assert (len(store), list(store.blocks())) == (0, [])


def test_a_failed_writer_leaves_the_old_store(tmp_path):
    write(tmp_path / "s")
    before = files(tmp_path / "s")

    def batches():
        yield logits(40)
        raise RuntimeError("the teacher failed")

    with pytest.raises(RuntimeError, match="the teacher failed"):
        TeacherStore.write(tmp_path / "s", batches(), data_digest="these", num_classes=50, k=6)
    assert files(tmp_path / "s") == before
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"k": 0}, "k must be 1 to 50, got 0"),
        ({"k": 51}, "k must be 1 to 50, got 51"),
        ({"num_classes": 1}, "num_classes must be 2 to 1048576, got 1"),
        ({"precision": 0}, "precision must be 1 to 512, got 0"),
        ({"chunk": 0}, "chunk must be 1 to 349525, got 0"),
        ({"mass": 1.5}, "mass must be 0 to 1, got 1.5"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"num_classes": 60}, "batch 0 has logits of shape .*, but num_classes is 60"),
    ],
)
def test_bad_options_are_refused(options, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        write(tmp_path / "s", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_other_data_or_classes_is_refused(tmp_path):
    write(tmp_path)
    with pytest.raises(ValueError, match="other data: it was written for digest 'these', these have 'those'"):
        open_store(tmp_path, data_digest="those")
    with pytest.raises(ValueError, match="holds 50 classes, but num_classes is 65; teacher and student need the same"):
        open_store(tmp_path, data_digest="these", num_classes=65)
    with pytest.raises(ValueError, match="positions 0 to 101 are not in the store, which has 0 to 100"):
        open_store(tmp_path, data_digest="these").read(0, 101)
    with pytest.raises(ValueError, match="positions -1 to 5 are not in the store, which has 0 to 99"):
        open_store(tmp_path, data_digest="these").read_index(torch.tensor([5, -1]))


def test_a_missing_store_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="give the folder that TeacherStore"):
        open_store(tmp_path, data_digest="these")
    write(tmp_path)
    (tmp_path / "logits.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"logits\.bin is missing"):
        open_store(tmp_path, data_digest="these")


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"format": 2}, "has layout 2, this version reads 1"),
        ({"k": "6"}, "k is '6', expected int"),
        ({"k": 10**9}, "its card says k 1000000000, not 1 to 50"),
        ({"k": 0}, "its card says k 0, not 1 to 50"),
        ({"num_classes": 1 << 40}, "num_classes 1099511627776, not 2 to"),
        ({"chunk": 10**12}, "chunk 1000000000000, not 1 to"),
        ({"positions": 10**14}, "does not match its card; the file is damaged"),
        ({"positions": 10**400}, "positions 1000.*, not 0 to"),
        ({"bytes": 7}, "does not match its card; the file is damaged"),
        ({"index_sha256": "0"}, "does not match its card; the file is damaged"),
    ],
)
def test_damaged_cards_are_refused_at_once(facts, text, tmp_path):
    write(tmp_path)
    edit_card(tmp_path, **facts)
    with refused(text):
        open_store(tmp_path, data_digest="these")


def test_files_that_were_cut_grown_or_changed_are_refused_at_once(tmp_path):
    store = write(tmp_path)
    path = tmp_path / "logits.bin"
    good = path.read_bytes()
    for bad in (good[:-1], good[: len(good) // 2], b"", good[:-5] + b"x" + good[-4:]):
        path.write_bytes(bad)
        with refused("does not match its card; the file is damaged"):
            open_store(tmp_path, data_digest="these")
    path.write_bytes(good)
    grow(path, 1 << 40)
    with refused("does not match its card; the file is damaged"):
        open_store(tmp_path, data_digest="these")
    path.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    with refused("chunk 0 does not match its digest; write the store again"):
        open_store(tmp_path, data_digest="these").read(0, 1)
    path.write_bytes(good)
    assert store.read(0, 1).ids.shape == (1, 6)


def test_an_index_that_lies_is_refused_at_once(tmp_path):
    """Somebody who writes all digests anew can only make chunks that end early, or other numbers within bounds."""
    write(tmp_path)
    path = tmp_path / "logits.bin"
    good = path.read_bytes()
    chunks = 7
    index = bytearray(good[-ENTRY * chunks :])

    def seal(body, index, **facts):
        path.write_bytes(body + index)
        edit_card(tmp_path, index_sha256=hashlib.sha256(index).hexdigest(), bytes=len(body) + len(index), **facts)

    body = good[: -ENTRY * chunks]
    seal(body, b"\xff\xff\xff\xff" + index[4:])
    with refused("bytes, but its chunks have"):
        open_store(tmp_path, data_digest="these")
    first = int.from_bytes(index[:4], "little")
    cut = (3).to_bytes(4, "little") + hashlib.blake2b(body[:3], digest_size=8).digest()
    seal(body[:3] + body[first:], cut + index[ENTRY:])
    with refused("chunk 0 is cut short; write the store again"):
        open_store(tmp_path, data_digest="these").read(0, 1)
    seal(b"\0\0\0", (3).to_bytes(4, "little") + hashlib.blake2b(b"\0\0\0", digest_size=8).digest(), positions=16)
    store = open_store(tmp_path, data_digest="these")
    try:
        part = store.read(0, 16)
    except ValueError as error:
        assert "is cut short" in str(error)  # noqa: PT017
    else:
        assert part.probabilities.isfinite().all()


def test_the_card_says_what_the_store_is(tmp_path):
    store = write(tmp_path, temperature=2, mass=0.9)
    card = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    assert (card["temperature"], card["mass"], card["positions"], card["chunk"]) == (2.0, 0.9, 100, 16)
    assert (store.temperature, store.mass) == (2.0, 0.9)
