from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from graphdistill.datasets._cache import cache_path, cached, check
from tests.hostile import edit_header, grow, write_file

GOOD = {
    "x": torch.arange(5)[:, None],
    "edge_index": torch.tensor([[0, 1, 3], [1, 0, 4]]),
    "edge_attr": torch.zeros(3, 2),
    "node_ptr": torch.tensor([0, 3, 5]),
    "edge_ptr": torch.tensor([0, 2, 3]),
    "y": torch.tensor([0, 1]),
    "train": torch.tensor([0]),
    "test": torch.tensor([1]),
}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache_path("data", "key")


def read():
    """What the cache gives, and whether it had to be made anew."""
    made = []
    tensors = cached("data", "key", lambda: made.append(1) or GOOD)
    assert tensors.keys() == GOOD.keys()
    assert all(torch.equal(tensors[name], GOOD[name]) for name in GOOD)
    return bool(made)


def test_what_was_stored_is_read_again(path):
    assert [read(), read()] == [True, False]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(b""),
        lambda path: grow(path, 2**33),
        lambda path: write_file(path, b"[" * 100_000),
        lambda path: edit_header(path, lambda header: header["x"].update(shape=[10**10, 1])),
        lambda path: edit_header(path, lambda header: header.pop("y") and None),
    ],
)
def test_a_damaged_file_is_made_anew(path, damage):
    read()
    damage(path)
    assert [read(), read()] == [True, False]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("edge_index", torch.tensor([[0, 1, 3], [1, 0, 5]])),
        ("edge_index", torch.tensor([[0, -1, 3], [1, 0, 4]])),
        ("edge_index", torch.zeros(3, 2).long()),
        ("edge_index", torch.zeros(2, 3)),
        ("edge_attr", torch.zeros(4, 2)),
        ("node_ptr", torch.tensor([0, 6, 5])),
        ("node_ptr", torch.tensor([1, 3, 5])),
        ("node_ptr", torch.tensor([0, 3, 2**40])),
        ("edge_ptr", torch.tensor([0, 3])),
        ("train", torch.tensor([2])),
        ("train", torch.tensor([-1])),
        ("test", torch.tensor([0.5])),
    ],
)
def test_parts_that_do_not_fit_are_made_anew(path, name, value):
    check(GOOD)
    with pytest.raises(ValueError, match=f"holds .*{name}"):
        check({**GOOD, name: value})
    save_file({n: v.contiguous() for n, v in {**GOOD, name: value}.items()}, path)
    assert read()
