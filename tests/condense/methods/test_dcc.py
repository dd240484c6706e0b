from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from graphdistill.condense.methods import dc, dcc
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from tests.condense.methods.steps import step_of
from tests.condense.samples import context_of, real
from tests.reference import row_distance_naive


@pytest.mark.parametrize("augment", [NO_AUGMENT, Augment()])
@pytest.mark.parametrize("seed", range(3))
def test_with_one_class_it_is_dc(augment: Augment, seed: int) -> None:
    one, other = (step_of(augment, per_class=3, classes=1, seed=seed) for _ in range(2))
    ours, theirs = dcc.ContrastiveMatch().accumulate(one), dc.GradientMatch().accumulate(other)
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)
    torch.testing.assert_close(one.synthetic.x.grad, other.synthetic.x.grad, rtol=1e-4, atol=1e-6)


def test_the_loss_is_that_of_the_mean_gradient_of_classes() -> None:
    here, images = step_of(NO_AUGMENT, per_class=2), real()
    loss = dcc.ContrastiveMatch(batch=100).accumulate(here)
    sides = []
    for x, y in ((images.x, images.y), (here.synthetic.x, here.synthetic.y)):
        # All classes have the same number of images, so the mean over classes is the mean over images.
        here.net.zero_grad()
        F.cross_entropy(here.net(x), y).backward()
        sides.append([p.grad.clone() for p in here.net.parameters()])  # type: ignore[union-attr]
    assert loss == pytest.approx(row_distance_naive(sides[0], sides[1]), rel=1e-3)


def test_it_begins_class_by_class() -> None:
    for fraction_done, same in ((0.0, True), (0.24, True), (0.25, False), (0.9, False)):
        one, other = (step_of(NO_AUGMENT, fraction_done=fraction_done) for _ in range(2))
        ours, theirs = dcc.ContrastiveMatch().accumulate(one), dc.GradientMatch().accumulate(other)
        assert (ours == theirs) == same


def test_the_recipe_is_that_of_dsa_but_for_the_objective() -> None:
    recipe, base = dcc.recipe(context_of(10), dcc.Config()), dc.recipe(context_of(10), dc.Config())
    assert (recipe.schedule, recipe.lr, recipe.augment) == (base.schedule, base.lr, Augment())
