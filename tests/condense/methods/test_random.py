from __future__ import annotations

import torch

from graphdistill.condense.methods import random
from tests.condense.samples import real, seeded


def test_every_class_has_its_number_and_nothing_comes_twice() -> None:
    rows = random.select(real(), 5, seeded())
    assert real().y[rows].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert len(set(rows.tolist())) == 15


def test_draws_are_by_the_generator() -> None:
    assert torch.equal(random.select(real(), 5, seeded(1)), random.select(real(), 5, seeded(1)))
    assert not torch.equal(random.select(real(), 5, seeded(1)), random.select(real(), 5, seeded(2)))
