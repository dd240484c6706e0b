from __future__ import annotations

import contextlib
import json
import os
import struct

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from graphdistill.core.sets import checked_file
from graphdistill.core.sets.checked_file import MAX_FILE, brief, parse_json, read_json, read_tensors
from graphdistill.core.sets.safetensors_card import read_with_card
from tests.hostile import grow, refused, write_file

TENSORS = {"x": torch.arange(6.0).view(2, 3), "y": torch.tensor([1, 2], dtype=torch.uint8), "none": torch.zeros(0, 4)}
GOOD = save(TENSORS, {"card": "{}"})
LENGTH = int.from_bytes(GOOD[:8], "little")


def one(dtype="U8", shape=(3,), offsets=(0, 3), name="x", **more):
    return {name: {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}}


def test_what_safetensors_wrote_is_read(tmp_path):
    (tmp_path / "f").write_bytes(GOOD)
    tensors, metadata = read_tensors(tmp_path / "f")
    assert metadata == {"card": "{}"}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize("dtype", checked_file.DTYPES.values(), ids=str)
def test_every_dtype_is_read(dtype, tmp_path):
    save_file({"x": torch.ones(3, dtype=dtype)}, tmp_path / "f")
    assert read_tensors(tmp_path / "f")[0]["x"].dtype == dtype


@pytest.mark.parametrize("end", range(0, len(GOOD), 7))
def test_a_file_that_was_cut_is_refused(end, tmp_path):
    (tmp_path / "f").write_bytes(GOOD[:end])
    with refused("is damaged"):
        read_tensors(tmp_path / "f")


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=4))
@example(8, b"[")
def test_bytes_that_changed_are_read_as_tensors_or_refused(tmp_path_factory, place, data):
    path = tmp_path_factory.getbasetemp() / "changed"
    path.write_bytes(GOOD[:place] + data + GOOD[place + len(data) :])
    tensors = {}
    with contextlib.suppress(ValueError):
        tensors, _ = read_tensors(path)
    assert path.stat().st_size >= sum(tensor.nbytes for tensor in tensors.values())


@pytest.mark.parametrize(
    ("header", "match"),
    [
        (one("U9"), "dtype 'U9', not one of BOOL, U8"),
        (one(7), "dtype 7, not one of"),
        (one(["U8"]), "not one of"),
        (one(shape=[-3]), "not at most 8 sizes of 0 or more"),
        (one(shape=[True, 3]), "not at most 8 sizes"),
        (one(shape=[3.0]), "not at most 8 sizes"),
        (one(shape=[1] * 9 + [3]), "not at most 8 sizes"),
        (one(shape=[10**10]), "but data_offsets"),
        (one(shape=[2**62, 4, 0]), "not at most 8 sizes"),
        (one(shape=[0, 2**40], offsets=(0, 0)), "of more than 16,777,216 values where none is"),
        (one(shape=[10**400]), "not at most 8 sizes"),
        (one(offsets=(0, 4)), "3 bytes, but data_offsets"),
        (one(offsets=(3, 0)), "but data_offsets"),
        (one(offsets=(1, 4)), "one ends at 0, the next begins at 1"),
        (one(offsets=(0, 3, 3)), "not a begin and an end"),
        (one(offsets=("0", 3)), "not a begin and an end"),
        (one(more=1), "no dtype, shape and data_offsets alone"),
        ({"x": None}, "no dtype, shape and data_offsets alone"),
        ({"x": []}, "no dtype, shape and data_offsets alone"),
        ({**one(), **one(name="z")}, "do not lie one after the other"),
        ({**one(), "__metadata__": {"card": 3}}, "metadata of its header is not text"),
        ({**one(), "__metadata__": []}, "metadata of its header is not text"),
        ([], "holds a list, not an object"),
        (b"", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"x":' * 100_000, "nested too deep"),
        (b'{"x":1,"x":2}', "it names 'x' twice"),
        (b"[" + b"1," * 600_000 + b"1]", "parts of JSON"),
        (b'{"x": ' + b"9" * 5000 + b"}", "is damaged"),
        (json.dumps(one(name="n" * 10**6)).encode()[:-2], "is damaged"),
        (json.dumps(one("U9", name="n\n" * 10**5)).encode(), "not one of"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_headers_that_cannot_be(header, match, tmp_path):
    write_file(tmp_path / "f", header, bytes(3))
    with refused(match):
        read_tensors(tmp_path / "f")


@pytest.mark.parametrize("size", [2**33, MAX_FILE - 1, 10**6])
def test_a_large_file_of_nothing_is_not_read(size, tmp_path):
    path = tmp_path / "f"
    for content in (GOOD, b"", struct.pack("<Q", 2**40), struct.pack("<Q", 10**5), GOOD[: LENGTH + 8]):
        path.write_bytes(content)
        grow(path, size)
        with refused(str(path)):
            read_tensors(path)
        with refused(str(path)):
            read_tensors(path, digest="0" * 64)
        with refused("is damaged or absent"):
            read_with_card(path)


def test_a_large_tensor_that_nobody_expects_is_not_read(tmp_path):
    path, size = tmp_path / "f", 2**31
    write_file(path, one(shape=[size], offsets=(0, size)))
    grow(path, path.stat().st_size + size)

    def check(header):
        assert header["x"].shape == (size,)
        raise ValueError("holds too much")

    with refused(r"f is damaged: it holds too much$"):
        read_tensors(path, check, digest="0" * 64)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b'{"a":1,"a":1}', b"[" * 100_000, b"\xff", b'{"a": 1e}'])
def test_json_that_cannot_be(data, tmp_path):
    (tmp_path / "card.json").write_bytes(data)
    with refused(r"card\.json is damaged"):
        read_json(tmp_path / "card.json")


def test_a_card_of_a_gigabyte_is_refused_by_its_size(tmp_path):
    (tmp_path / "card.json").write_bytes(b"{}")
    grow(tmp_path / "card.json", 10**9)
    with refused(r"card\.json is too large: 1,000,000,000 bytes"):
        read_json(tmp_path / "card.json")
    with refused("parts of JSON, at most"):
        parse_json(b"[" + b"[]," * 10**6 + b"[]]", "it")


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for read in (read_json, read_tensors):
        with refused("is not a file"):
            read(tmp_path / "pipe")


def test_messages_are_short():
    assert brief("x" * 10**6) == "'" + "x" * 75 + " ..."
    assert brief([1, 2]) == "[1, 2]"
    assert len(brief(list(range(1000)))) == 80
