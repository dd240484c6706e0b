from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.methods import dq
from tests.condense.quick import quick
from tests.condense.samples import context_of, seeded


def binned_naive(x: Tensor, bins: int) -> list[int]:
    """Bin after bin, each time the best of what is left, by trying every one."""

    def alike(i: int, j: int) -> float:
        a, b = x[i].tolist(), x[j].tolist()
        return sum(p * q for p, q in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))

    order: list[int] = []
    for number in range(bins):
        pool, here = [i for i in range(len(x)) if i not in order], []
        for _ in range(len(x) // bins + (number < len(x) % bins)):
            gain = {
                i: sum(alike(i, j) for j in pool) - 2 * sum(alike(i, j) for j in here) for i in pool if i not in here
            }
            here.append(max(gain, key=lambda i: gain[i]))
        order += here
    return order


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 10), st.integers(0, 999), st.data())
def test_bins_as_by_trying_every_row(index: int, seed: int, data: st.DataObject) -> None:
    # Of two rows of one pool both gain the same, so what is compared are numbers of unlike rows, of which three differ.
    x = torch.rand(index, 3, generator=seeded(seed), dtype=torch.float64)
    bins = data.draw(st.integers(1, index))
    found, wanted = dq.binned(x, bins).tolist(), binned_naive(x, bins)
    assert sorted(found) == list(range(index))
    if index // bins >= 3 and index % bins == 0:
        assert found == wanted


@given(st.integers(0, 50), st.integers(1, 9))
def test_parts_are_as_equal_as_can_be(total: int, parts: int) -> None:
    sizes = dq.sizes(total, parts)
    assert sum(sizes) == total
    assert len(sizes) == parts
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


def test_every_bin_gives_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """With bins in the order of the rows: four of twelve in three bins are two of the first and one of the others."""
    here = context_of(per_class=4)
    monkeypatch.setattr(dq, "train_teachers", lambda s: [None])
    monkeypatch.setattr(dq, "embeddings", lambda s, net: torch.zeros(len(s.real), 2))
    monkeypatch.setattr(dq, "binned", lambda x, bins: torch.arange(len(x)))
    picked: list[Tensor] = []
    monkeypatch.setattr(type(here.real), "select", lambda self, index: picked.append(index))
    dq.select(here, dq.Config(bins=3))
    for index, members in zip(picked[0].split(4), here.real.members, strict=True):
        places = [members.tolist().index(row) for row in index.tolist()]
        assert [place // 4 for place in places] == [0, 0, 1, 2]


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_the_same_seed_gives_the_same_set(kind: Kind) -> None:
    first, again, other = (dq.select(quick(kind, per_class=3, seed=seed), dq.Config()) for seed in (0, 0, 1))
    assert first.y.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert torch.equal(first.data, again.data)
    assert not torch.equal(first.data, other.data)
