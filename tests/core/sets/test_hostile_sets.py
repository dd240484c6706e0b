"""Sets that somebody else may have written: whatever is in them, they load or are refused in a line, at once."""

import contextlib
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from graphdistill.core.sets.array_payload import read_arrays, store_arrays
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from tests.core.sets.samples import EXPANSIONS, expansion
from tests.core.sets.test_storage import a_set, everything
from tests.faults import killed_at
from tests.hostile import edit_card, grow, header_of, refused, reseal, write_file

KINDS = ("categorical, edges", "continuous, real", "rows", "images", "categorical, real, edges", "nodes", *EXPANSIONS)


def of_kind(kind):
    if kind in EXPANSIONS:
        return SyntheticSet.expanded(expansion(kind))
    if kind == "nodes":
        edges = torch.tensor([[0, 1], [1, 0]]), torch.tensor([1.0, 0.3])
        y = torch.tensor([0, 1, 1])
        return SyntheticSet(torch.eye(3) * 0.3, y, class_weights(y), edges=edges)
    return a_set("hard", kind)


def change(folder, name, tensor):
    """Put another tensor into a set, or take one out, and let the card name the file as it is now."""
    tensors = load_file(folder / "set.safetensors")
    tensors.pop(name, None)
    if tensor is not None:
        tensors[name] = tensor
    save_file({n: t.contiguous() for n, t in tensors.items()}, folder / "set.safetensors")
    reseal(folder, payload_bytes=sum(t.nbytes for t in tensors.values()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_of_every_kind_is_checked(kind, tmp_path):
    """Each one is left out, and replaced by other dtypes, lengths and values: a set that holds, or a clear refusal."""
    save_set(of_kind(kind), tmp_path / "good")
    stored = load_file(tmp_path / "good" / "set.safetensors")
    streams = {} if {"graphs", "trees"} & stored.keys() else read_arrays(stored)
    for name, tensor in [*stored.items(), *streams.items()]:
        others = [
            None,
            tensor.flatten()[:-1],
            torch.cat([tensor, tensor[:1]]),
            tensor[..., None],
            tensor.to(torch.float64),
            tensor.to(torch.bool),
            torch.zeros(0, dtype=tensor.dtype),
            torch.zeros(0, 3, dtype=torch.uint8),
            torch.full_like(tensor, (torch.finfo if tensor.is_floating_point() else torch.iinfo)(tensor.dtype).max),
            torch.full(tensor.shape, 2**40),
            torch.full((2000,), 255, dtype=torch.uint8),
        ]
        for other in others:
            shutil.rmtree(tmp_path / "bad", ignore_errors=True)
            shutil.copytree(tmp_path / "good", tmp_path / "bad")
            if other is not None and tensor is not stored[name] and other.dtype != torch.bool:
                other = store_arrays({name: other})[name]
            change(tmp_path / "bad", name, other)
            try:
                again = load_set(tmp_path / "bad")
            except ValueError as error:
                where = "set.safetensors is damaged: it holds"
                assert any(text in str(error) for text in (where, "y holds", "weight", "entries"))  # noqa: PT017
            else:
                assert len(again) == len(again.y)


@pytest.mark.parametrize(
    ("kind", "name", "tensor", "match"),
    [
        ("rows", "y", torch.full((12,), 2**27, dtype=torch.int32), "holds 134217728 in y, expected from 0 to 1048575"),
        ("rows", "y", torch.full((12,), -1, dtype=torch.int16), "holds -1 in y"),
        ("rows", "y", torch.full((12, 2), torch.nan), r"holds nan in y at \[0, 0\]"),
        ("rows", "y", torch.full((12, 2), 1.5), "holds 1.5 in y, expected from 0 to 1"),
        ("rows", "weight", torch.full((12,), torch.nan), "weight holds a negative or infinite value"),
        (
            "rows",
            "weight",
            torch.ones(12, dtype=torch.float64),
            r"holds weight of float64 \[12\], expected float32 \[12\]",
        ),
        ("rows", "features", torch.full((12, 2), torch.inf), "holds inf in features"),
        ("rows", "other", torch.ones(1), "holds 'other', which is not expected|holds 'features'"),
        ("rows", "pixels", torch.ones(12, 1, dtype=torch.uint8), "holds 'features', which is not expected"),
        ("nodes", "edge_gap", torch.tensor([9, 0], dtype=torch.uint8), "must join entries from 0 to 2, got 3"),
        ("nodes", "edge_gap", torch.tensor([-1, 2**62]), "must join entries from 0 to 2, got -1"),
        ("nodes", "edge_gap", None, "holds no 'edge_gap'"),
        ("nodes", "edge_weight", torch.tensor([torch.nan, 1.0]), "holds nan in edge_weight"),
        ("nodes", "edge_weight", None, "holds no 'edge_weight'"),
        (
            "categorical, edges",
            "trees",
            torch.zeros(9, dtype=torch.uint8),
            "holds trees that cannot be read",
        ),
        ("categorical, real, edges", "graphs", None, "holds no 'graphs'|holds no 'features'"),
        (
            "categorical, real, edges",
            "depth",
            torch.tensor([2.0]),
            r"holds depth of float32 \[1\], expected uint8",
        ),
        ("continuous, real", "x", torch.ones(3, 2), "holds 3 rows in x, expected"),
        ("continuous, real", "x", torch.full((54, 2), torch.nan), r"holds nan in x at \[0, 0\]"),
        ("categorical, real, edges", "y", torch.full((3, 2), 0.5), "holds 3 rows in y, expected 12"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_values_that_cannot_be_are_named(kind, name, tensor, match, tmp_path):
    save_set(of_kind(kind), tmp_path)
    if kind in ("rows", "nodes") and tensor is not None:
        tensor = store_arrays({name: tensor})[name]
    change(tmp_path, name, tensor)
    with refused(match):
        load_set(tmp_path)


@pytest.mark.parametrize(
    ("facts", "match"),
    [
        ({"task": "clustering"}, "task must be one of multiclass, multilabel, regression, got 'clustering'"),
        ({"task": "regression"}, r"holds y of one dimension, expected \[entries, tasks\] with task regression"),
        ({"task": "multilabel"}, "holds y of one dimension"),
        ({"task": 3}, "task is 3, expected str"),
        ({"features": "x" * 10**5}, "features must be one of"),
        ({"features": "ogb"}, r"holds x of float32|holds x of"),
        ({"meta": []}, r"meta is \[\], expected dict"),
        ({"entries": 13}, "holds 12 entries, but its card says 13"),
        ({"entries": True}, "entries is True, expected int"),
        ({"payload_bytes": 10**12}, "payload_bytes, but its card says 1000000000000"),
        ({"sha256": "0" * 64}, "does not match its card"),
        ({"format": "1"}, "format is '1', expected int"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_cards_that_cannot_be_are_refused(facts, match, tmp_path):
    save_set(a_set("hard", "categorical"), tmp_path)
    edit_card(tmp_path, **facts)
    with refused(match, seconds=2 if "features" in facts else 0.5):
        load_set(tmp_path)


def test_brackets_and_gigabytes_are_refused(tmp_path):
    save_set(a_set(), tmp_path / "saved")
    saved = tmp_path / "saved"
    card = (saved / "card.json").read_bytes()
    (saved / "card.json").write_bytes(b"[" * 100_000)
    with refused("nested too deep; distil again"):
        load_set(saved)
    grow(saved / "card.json", 10**9)
    with refused("too large: 1,000,000,000 bytes"):
        load_set(saved)
    (saved / "card.json").write_bytes(card)
    grow(saved / "set.safetensors", 2**33)
    with refused("set.safetensors is too large: 8,589,934,592 bytes|but its header declares"):
        load_set(saved)


@pytest.mark.parametrize("size", [2**33, 2**31])
def test_a_large_tensor_of_nothing_is_refused(size, tmp_path):
    save_set(a_set("hard", "rows"), tmp_path)
    path = tmp_path / "set.safetensors"
    header, body = header_of(path)
    end = max(entry["data_offsets"][1] for entry in header.values())
    header["weight"] = {"dtype": "F32", "shape": [size // 4], "data_offsets": [end, end + size]}
    write_file(path, header, body)
    grow(path, path.stat().st_size + size)
    with refused("too large|holds weight of float32"):
        load_set(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_changed_give_a_set_or_a_refusal(kind, tmp_path):
    """What stands behind the digest: it is made to fit the file each time."""
    save_set(of_kind(kind), tmp_path)
    path = tmp_path / "set.safetensors"
    good = path.read_bytes()
    for place in range(0, len(good), max(1, len(good) // 60)):
        for changed in (good[:place], good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]):
            path.write_bytes(changed)
            reseal(tmp_path)
            with contextlib.suppress(ValueError):
                assert len(load_set(tmp_path)) >= 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a process that was forked")
def test_whatever_the_moment_of_a_kill_the_old_or_the_new_set_loads(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    old, new = everything(a_set("hard")), everything(a_set("tasks"))
    number, found = 0, []
    while True:
        number += 1
        save_set(a_set("hard"), tmp_path / str(number))
        killed = killed_at(number, lambda: save_set(a_set("tasks"), tmp_path / str(number)))  # noqa: B023
        again = everything(load_set(tmp_path / str(number)))
        assert again in (old, new)
        found.append(again == new)
        if not killed:
            break
    assert found == sorted(found)
    assert found[-1]
    assert not all(found)
