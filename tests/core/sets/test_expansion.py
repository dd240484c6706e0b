from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.sets.array_payload import MOST_VALUES, VALUES_PER_BYTE, store_arrays
from graphdistill.core.sets.expansion import enlarged, integers, label_of
from graphdistill.core.sets.replays import Replays
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.sets.tiles import Tiles
from tests.core.sets.samples import EXPANSIONS, coded_bytes, expansion, pixels
from tests.hostile import refused


@pytest.mark.parametrize("kind", EXPANSIONS)
def test_what_is_stored_is_small_and_loads_as_the_same_entries(kind: str, tmp_path: Path) -> None:
    stored = expansion(kind)
    small = SyntheticSet.expanded(stored, {"method": kind})
    save_set(small, tmp_path)
    again = load_set(tmp_path)
    assert small.nbytes == coded_bytes(*stored.arrays().values())
    assert len(small) == stored.shape[0] > len(next(iter(stored.arrays().values())))
    copies = [again, pickle.loads(pickle.dumps(small)), small.with_meta({"a": 1}), small.to("cpu")]
    copies.append(SyntheticSet.from_payload(small.payload(), task="multiclass", features="continuous", meta={}))
    copies.append(SyntheticSet.expanded(expansion(kind)))
    for copy in copies:
        assert torch.equal(copy.data, small.data)
        assert torch.equal(copy.y, small.y)
        assert torch.equal(copy.weight, small.weight)
        assert {n: t.tolist() for n, t in copy.payload().items()} == {n: t.tolist() for n, t in small.payload().items()}
    assert again.meta == {"method": kind}


def test_entries_that_are_not_those_of_the_expansion_are_refused() -> None:
    small = SyntheticSet.expanded(expansion("tiles"))
    with pytest.raises(ValueError, match="expansion has 12 entries, data 1; give expansion=None"):
        replace(small, data=small.data[:1], y=small.y[:1], weight=small.weight[:1])


def test_memory_is_taken_for_as_many_values_as_the_bytes_allow() -> None:
    images, count = pixels(60, 1, 32, 32) // 255, 1000
    labels = torch.zeros(60 * count, 1, dtype=torch.uint8)
    large = Replays(images, torch.tensor([0, count, 100]), labels)
    payload = store_arrays(large.arrays())
    nbytes = sum(len(stream) for stream in payload.values())
    match = f"expand to 61,440,000 values, more than {MOST_VALUES + VALUES_PER_BYTE * nbytes:,}"
    with refused(f"holds {nbytes:,} bytes that {match}"):
        SyntheticSet.from_payload(payload, task="multiclass", features="continuous", meta={})
    with pytest.raises(ValueError, match=f"holds {nbytes:,} bytes that {match}"):
        large.check_size(nbytes)


def test_a_set_that_could_not_be_loaded_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    small = SyntheticSet.expanded(expansion("tiles"))
    monkeypatch.setattr("graphdistill.core.sets.expansion.limit_of", lambda nbytes: 10)
    with pytest.raises(ValueError, match="expand to 768 values, more than 10; store fewer entries or views"):
        assert small.nbytes


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_labels_are_classes(task: str) -> None:
    payload = SyntheticSet.expanded(expansion("replays")).payload()
    with refused(f"holds replays of classes, but its task is {task}"):
        SyntheticSet.from_payload(payload, task=task, features="continuous", meta={})  # type: ignore[arg-type]


def test_missing_and_further_tensors_are_named() -> None:
    arrays = expansion("tiles").arrays()
    with refused("holds no 'tiling'"):
        Tiles.from_arrays({n: arrays[n] for n in ("tiles", "y")}, 10)
    with refused("holds 'weight', which is not expected"):
        Tiles.from_arrays({**arrays, "weight": torch.ones(1)}, 10)


@given(st.integers(0, 2**62 - 1), st.integers(0, 300))
def test_integers_are_uniform_and_streams_of_neighbouring_seeds_are_not_shifted_copies(seed: int, most: int) -> None:
    found = integers(seed, 64, most)
    assert 0 <= int(found.min())
    assert int(found.max()) <= most
    if most > 100:
        assert not torch.equal(integers(seed + 1, 63, most), found[1:])


def test_integers_have_every_value_equally_often() -> None:
    counts = integers(3, 60_000, 5).bincount(minlength=6)
    assert counts.sub(10_000).abs().max() < 400
    assert integers(3, 5, 1000).tolist() == integers(3, 50, 1000)[:5].tolist()


@given(st.sampled_from([1, 2, 3, 4]), st.integers(1, 7), st.integers(1, 7))
def test_enlarging_is_bilinear_interpolation(factor: int, height: int, width: int) -> None:
    images = pixels(2, 3, height, width)
    wanted = F.interpolate(images.double(), scale_factor=factor, mode="bilinear")
    assert (enlarged(images, factor) - wanted).abs().max() <= 0.5 + 1e-9


def test_enlarging_rounds_negative_numbers_like_positive_ones() -> None:
    assert enlarged(torch.tensor([[[[-8, 8]]]]), 2)[0, 0, 0].tolist() == [-8, -4, 4, 8]


def test_labels_are_the_softmax_in_steps_of_a_byte() -> None:
    logits = torch.tensor([[0.0, 2.0, -1.0]])
    y = label_of(logits)
    assert torch.allclose(y, logits.softmax(dim=1), atol=1 / 254)
    assert torch.equal(y[:, :2], (y[:, :2] * 254).round() / 254)
