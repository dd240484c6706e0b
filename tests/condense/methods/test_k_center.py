from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.condense.methods import k_center
from tests.condense.samples import real, seeded
from tests.reference import cover_naive


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 9), st.integers(0, 99), st.data())
def test_as_by_trying_every_row(rows: int, seed: int, data: st.DataObject) -> None:
    # Of two rows both are as far from their mean, so there are three or more.
    x = torch.rand(rows, 3, generator=seeded(seed), dtype=torch.float64)
    size = data.draw(st.integers(1, rows))
    assert k_center.cover(x, size).tolist() == cover_naive(x, size)


def test_twins_are_still_different_images() -> None:
    assert sorted(k_center.cover(torch.zeros(4, 2), 4).tolist()) == [0, 1, 2, 3]


def test_classes_follow_one_another() -> None:
    assert real().y[k_center.select(real(), 2, seeded())].tolist() == [0, 0, 1, 1, 2, 2]
