from __future__ import annotations

import pytest

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.methods import random
from tests.condense.samples import chosen, context_of


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_every_class_has_its_number_and_nothing_comes_twice(kind: Kind) -> None:
    context = context_of(5, kind=kind)
    synthetic = random.select(context, random.Config())
    index = chosen(synthetic, context.real)
    assert synthetic.y.tolist() == context.real.y[index].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert len(set(index)) == 15


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_draws_are_by_the_seed(kind: Kind) -> None:
    one, other, third = (
        chosen(random.select(s, random.Config()), s.real) for s in (context_of(5, seed, kind) for seed in (1, 1, 2))
    )
    assert one == other != third
