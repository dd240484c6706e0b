from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from graphdistill.condense.methods import cda, sre2l
from tests.condense.matching.test_symmetry import context_on
from tests.condense.methods.test_sre2l import step, synthetic, teacher
from tests.condense.samples import bars


def test_all_but_the_curriculum_is_sre2ls() -> None:
    here = context_on(bars())
    ours, theirs = cda.recipe(here, cda.Config()), sre2l.recipe(here, sre2l.Config())
    assert replace(ours, objective=theirs.objective, start=None) == replace(theirs, start=None)
    assert isinstance(ours.objective, sre2l.Recover)
    assert isinstance(theirs.objective, sre2l.Recover)
    assert ours.objective.curriculum > theirs.objective.curriculum == 0
    assert isinstance(ours.start, sre2l.Relabelled)
    assert isinstance(theirs.start, sre2l.Relabelled)
    assert torch.equal(ours.start.x, theirs.start.x)


def test_it_begins_with_whole_images_and_ends_as_sre2l() -> None:
    ours, theirs = (sre2l.Recover((teacher(),), curriculum=share) for share in (0.5, 0.0))
    first, plain = synthetic(), synthetic()
    with torch.no_grad():
        whole = sum(sre2l.forward_with_statistics(teacher(), x, 1, 1.0, 10.0)[1] for x in (first.x[::2], first.x[1::2]))
        wanted = 2 * F.cross_entropy(teacher()(first.x), first.y) + ours.statistics * whole
    assert ours.accumulate(step(first, 0.0)) == pytest.approx(float(wanted), rel=1e-4)
    assert ours.accumulate(step(plain, 0.9)) == theirs.accumulate(step(plain, 0.9))


def test_the_options_of_sre2l_are_used() -> None:
    recipe = cda.recipe(context_on(bars()), cda.Config(first_layer=3.0, smallest_crop=0.5, curriculum=0.2))
    assert isinstance(recipe.objective, sre2l.Recover)
    assert (recipe.objective.first_layer, recipe.objective.smallest_crop) == (3.0, 0.5)
    assert recipe.objective.curriculum == 0.2
