from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.methods import herding
from tests.condense.samples import chosen, context_of, seeded
from tests.reference import herd_naive


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 9), st.integers(0, 99), st.data())
def test_as_by_trying_every_row(index: int, seed: int, data: st.DataObject) -> None:
    # Of two rows both are as far from their mean, so there are three or more.
    x = torch.rand(index, 3, generator=seeded(seed), dtype=torch.float64)
    size = data.draw(st.integers(1, index))
    assert herding.herd(x, size).tolist() == herd_naive(x, size)


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_the_mean_of_the_chosen_is_nearer_to_that_of_the_class_than_a_random_one(kind: Kind) -> None:
    context = context_of(4, kind=kind)
    synthetic, x = herding.select(context, herding.Config()), context.real.flat()
    index = torch.tensor(chosen(synthetic, context.real))
    assert synthetic.y.tolist() == context.real.y[index].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for label, members in enumerate(context.real.members):
        mean, found = x[members].mean(dim=0), x[index[synthetic.y == label]].mean(dim=0)
        assert (found - mean).norm() < (x[members[:4]].mean(dim=0) - mean).norm()
        assert members[herd_naive(x[members].double(), 4)].tolist() == index[synthetic.y == label].tolist()
