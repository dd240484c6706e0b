"""Features on a grid of few levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.core.sets.quantized import FULL, Precision, precisions, roundable
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights, quantize_uint8
from graphdistill.core.sets.tiles import Tiles
from tests.condense.graph_samples import real as real_graphs
from tests.condense.samples import seeded


def rows(count: int = 12, width: int = 6, scale: float = 1.0) -> SyntheticSet:
    y = torch.arange(count) % 3
    return SyntheticSet(scale * torch.randn(count, width, generator=seeded()), y, class_weights(y))


def images(count: int = 6) -> SyntheticSet:
    y = torch.arange(count) % 3
    return SyntheticSet(quantize_uint8(torch.rand(count, 1, 8, 8, generator=seeded())), y, class_weights(y))


@pytest.mark.parametrize("bits", range(2, 9))
def test_pixels_are_the_nearest_of_equally_spaced_grays(bits: int) -> None:
    x = images().data
    assert isinstance(x, torch.Tensor)
    out = Precision(bits).round(x)
    grays = np.rint(np.linspace(0, 1, 2**bits) * 255)
    wanted = grays[np.abs(np.linspace(0, 1, 2**bits) - x.double().numpy()[..., None]).argmin(-1)]
    assert torch.equal((out * 255).round(), torch.tensor(wanted).float())


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.floats(-1000, 1000, width=32), min_size=1, max_size=9),
    st.integers(2, 8),
    st.sampled_from([0.5, 0.75, 1.0]),
)
def test_features_are_multiples_of_one_power_of_two(values: list[float], bits: int, threshold: float) -> None:
    x = torch.tensor([values])
    out = Precision(bits, threshold).round(x).double()
    span = max(max(values), 0) - min(min(values), 0)
    if span == 0:
        assert torch.equal(out, x.double())
        return
    step = 2.0 ** np.ceil(np.log2(span / (2**bits - 1)))
    assert torch.equal(out / step, (out / step).round())
    assert len(torch.arange(min(0, int(out.min() / step)), max(0, int(out.max() / step)) + 1)) <= 2**bits + 1
    kept = x.double().abs() >= threshold * step
    assert bool((out[~kept] == 0).all())
    assert bool(((out - x)[kept].abs() <= step / 2 * (1 + 1e-6)).all())


@pytest.mark.parametrize("make", [rows, images])
@pytest.mark.parametrize("bits", [2, 5])
def test_a_rounded_set_loads_as_it_was_and_rounding_again_changes_nothing(tmp_path: Path, make, bits: int) -> None:
    small = Precision(bits).of(make())
    save_set(small, tmp_path / "one")
    again = load_set(tmp_path / "one")
    assert torch.equal(again.data, small.data)
    assert again.meta["bits"] == bits
    assert Precision.from_meta(again) == Precision(bits)
    save_set(again, tmp_path / "two")
    for name in ("set.safetensors", "card.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_damaged_set_is_refused(tmp_path: Path) -> None:
    small = Precision(3).of(rows())
    payload = small.payload()
    payload["features"] = payload["features"][:-1]
    with pytest.raises(ValueError, match="holds features that cannot be read: the coded array"):
        SyntheticSet.from_payload(payload, task="multiclass", features="continuous", meta={})


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
def test_fewer_bits_take_fewer_bytes_in_any_unit(scale: float) -> None:
    whole = rows(60, 40, scale)
    sizes = [Precision(bits).of(whole).nbytes for bits in (2, 4, 6, 8)]
    assert sizes == sorted(sizes)
    assert sizes[-1] < whole.nbytes
    assert Precision(4, 0.75).of(whole).nbytes < sizes[1]


def test_graphs_integers_and_full_precision_stay_as_they_are() -> None:
    y = torch.arange(3)
    integers = SyntheticSet(torch.arange(6).view(3, 2), y, class_weights(y))
    assert Precision(2).of(integers) is integers
    assert FULL.of(rows()).nbytes == rows().nbytes
    graphs = real_graphs().select(torch.tensor([0, 1, 2]))
    assert not roundable(graphs)
    assert Precision(2).of(graphs) is graphs
    tiles = SyntheticSet.expanded(Tiles.of(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([3]), 2))
    assert Precision(2).of(tiles) is tiles
    assert precisions(integers) == (FULL,)
    assert Precision.from_meta(rows()) == FULL
    assert str(FULL) == "full precision"
    assert torch.equal(Precision(2).round(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_images_are_rounded_and_rows_also_cut() -> None:
    assert [p.threshold for p in precisions(images())] == [0.5] * 8
    assert {p.threshold for p in precisions(rows())} == {0.5, 0.75}
    assert precisions(rows())[-1] == precisions(images())[-1] == FULL


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"bits": 1}, "bits must be from 2 to 8, got 1"),
        ({"bits": 9}, "bits must be from 2 to 8, got 9"),
        ({"bits": 2, "threshold": 0.4}, "threshold must be 0.5 or more, got 0.4"),
    ],
)
def test_words_that_cannot_be(words: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Precision(**words)  # type: ignore[arg-type]
