from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.methods import k_center
from tests.condense.samples import chosen, context_of, seeded
from tests.reference import cover_naive


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 9), st.integers(0, 99), st.data())
def test_as_by_trying_every_row(index: int, seed: int, data: st.DataObject) -> None:
    # Of two rows both are as far from their mean, so there are three or more.
    x = torch.rand(index, 3, generator=seeded(seed), dtype=torch.float64)
    size = data.draw(st.integers(1, index))
    assert k_center.cover(x, size).tolist() == cover_naive(x, size)


def test_twins_are_still_different_images() -> None:
    assert sorted(k_center.cover(torch.zeros(4, 2), 4).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_classes_follow_one_another_each_covered(kind: Kind) -> None:
    context = context_of(3, kind=kind)
    synthetic = k_center.select(context, k_center.Config())
    assert synthetic.y.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    wanted = [members[cover_naive(context.real.flat()[members], 3)] for members in context.real.members]
    assert chosen(synthetic, context.real) == torch.cat(wanted).tolist()
