from __future__ import annotations

from dataclasses import replace

import torch

from graphdistill.condense.methods import dc, dsa
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from tests.condense.methods.steps import step_of
from tests.condense.samples import context_of, real


def test_it_is_dc_with_the_augmentation() -> None:
    assert dsa.recipe(context_of(10), dsa.Config()) == replace(
        dc.recipe(context_of(10), dc.Config()), augment=Augment()
    )


def test_without_operations_it_is_dc_bit_for_bit() -> None:
    one, other = step_of(NO_AUGMENT), step_of(Augment(()))
    assert dc.recipe(context_of(1), dc.Config()).objective.accumulate(one) == dsa.recipe(
        context_of(1), dsa.Config()
    ).objective.accumulate(other)
    assert torch.equal(one.synthetic.x.grad, other.synthetic.x.grad)  # type: ignore[arg-type]


def test_both_sides_see_the_same_draw() -> None:
    """Where the set is the training images themselves, no augmentation separates the two."""
    images = real()
    here = step_of(Augment(), per_class=12)
    with torch.no_grad():
        here.synthetic.x.copy_(images.x[torch.cat(images.members)])
    for _ in range(5):
        assert dc.GradientMatch(batch=12).accumulate(here) < 1e-3
