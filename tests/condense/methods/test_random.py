from __future__ import annotations

import pytest

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.methods import random
from tests.condense.samples import chosen, setting


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_every_class_has_its_number_and_nothing_comes_twice(kind: Kind) -> None:
    asked = setting(5, kind=kind)
    small = random.select(asked, random.Config())
    rows = chosen(small, asked.real)
    assert small.y.tolist() == asked.real.y[rows].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert len(set(rows)) == 15


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_draws_are_by_the_seed(kind: Kind) -> None:
    one, other, third = (
        chosen(random.select(s, random.Config()), s.real) for s in (setting(5, seed, kind) for seed in (1, 1, 2))
    )
    assert one == other != third
