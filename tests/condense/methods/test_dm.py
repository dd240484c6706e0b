from __future__ import annotations

import pytest
import torch

from graphdistill.condense.methods import dm
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from tests.condense.methods.steps import step_of
from tests.condense.samples import context_of, real
from tests.reference import class_distance_naive


def test_the_loss_is_the_distance_of_class_means_row_by_row() -> None:
    here, images = step_of(NO_AUGMENT, per_class=2), real()
    loss = dm.MomentMatch(batch=100).accumulate(here)
    theirs, ours = here.net.embed(images.x).detach(), here.net.embed(here.synthetic.x).detach()
    assert loss == pytest.approx(class_distance_naive(theirs, images.y, ours, here.synthetic.y), rel=1e-4)


def test_the_gradient_is_that_of_the_loss() -> None:
    here, images = step_of(NO_AUGMENT), real()
    dm.MomentMatch(batch=100).accumulate(here)
    means = torch.stack([here.net.embed(images.x[index]).mean(dim=0) for index in images.members]).detach()
    loss = (here.net.embed(here.synthetic.x) - means).square().sum()
    (wanted,) = torch.autograd.grad(loss, here.synthetic.x)
    torch.testing.assert_close(here.synthetic.x.grad, wanted, rtol=1e-4, atol=1e-6)


def test_both_sides_see_the_same_augmentation() -> None:
    """Where the set is the training images themselves, no augmentation separates the two."""
    images = real()
    here = step_of(Augment(), per_class=12)
    with torch.no_grad():
        here.synthetic.x.copy_(images.x[torch.cat(images.members)])
    for _ in range(10):
        assert dm.MomentMatch(batch=12).accumulate(here) == pytest.approx(0, abs=1e-8)


def test_the_step_grows_with_the_images_of_a_class() -> None:
    assert dm.recipe(context_of(10), dm.Config()).lr == pytest.approx(10 * dm.recipe(context_of(1), dm.Config()).lr)
    assert dm.recipe(context_of(1), dm.Config()).augment == Augment()
