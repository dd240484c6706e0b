from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from graphdistill.condense.matching.schedule import Schedule
from graphdistill.condense.methods import dc
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from tests.condense.methods.steps import step_of
from tests.condense.samples import context_of, real
from tests.reference import row_distance_naive


def test_the_loss_is_the_sum_over_classes_number_by_number() -> None:
    here, images = step_of(NO_AUGMENT, per_class=2), real()
    loss, wanted = dc.GradientMatch(batch=100).accumulate(here), 0.0
    for label in range(3):
        sides = []
        for x, y in ((images.x, images.y), (here.synthetic.x, here.synthetic.y)):
            here.net.zero_grad()
            F.cross_entropy(here.net(x[y == label]), y[y == label]).backward()
            sides.append([p.grad.clone() for p in here.net.parameters()])  # type: ignore[union-attr]
        wanted += row_distance_naive(sides[0], sides[1])
    assert loss == pytest.approx(wanted, rel=1e-4)


def test_the_gradient_points_downhill() -> None:
    here = step_of(NO_AUGMENT)
    before = dc.GradientMatch(batch=100).accumulate(here)
    assert here.synthetic.x.grad is not None
    assert all(p.grad is None for p in here.net.parameters())
    with torch.no_grad():
        here.synthetic.x -= 0.01 * here.synthetic.x.grad / here.synthetic.x.grad.norm()
    assert dc.GradientMatch(batch=100).accumulate(here) < before


def test_all_images_are_learnt_and_a_class_sees_only_its_own() -> None:
    one, other = step_of(NO_AUGMENT, per_class=2), step_of(NO_AUGMENT, per_class=2)
    with torch.no_grad():
        other.synthetic.x[4:] = 0.5  # the last class
    for here in (one, other):
        dc.GradientMatch(batch=100).accumulate(here)
    assert one.synthetic.x.grad is not None
    assert other.synthetic.x.grad is not None
    assert bool((one.synthetic.x.grad.flatten(1).norm(dim=1) > 0).all())
    torch.testing.assert_close(one.synthetic.x.grad[:4], other.synthetic.x.grad[:4], rtol=0, atol=0)


def test_networks_are_trained_between_matches_only_where_a_class_has_more_images_than_one() -> None:
    assert dc.recipe(context_of(1), dc.Config()).schedule == Schedule()
    assert dc.recipe(context_of(10), dc.Config()).schedule.inner > 0
    assert dc.recipe(context_of(10), dc.Config()).augment == NO_AUGMENT != Augment()
