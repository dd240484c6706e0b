from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from sklearn.linear_model import Ridge

from graphdistill.condense.data.unlabelled import UnlabelledImages
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import Step
from graphdistill.condense.methods import krr_st
from graphdistill.core.evaluation.protocol import SELECTION_SEED
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from tests.condense.quick import quick
from tests.condense.samples import real_data, seeded

ALL = krr_st.TargetRidge(share=0.01, batch=1000, augment=NO_AUGMENT)


def step_of(count: int = 6) -> Step:
    real = real_data("unlabelled images")
    with scoped(0, "weights"):
        net = real.network()
    return Step(real.init_from(real.sample_indices(count, seeded(7))), real, net, NO_AUGMENT, seeded())


@torch.no_grad()
def test_the_loss_is_the_error_of_ridge_regression_on_features() -> None:
    """With as many weights as features instead of a kernel: scikit-learn's linear model."""
    here = step_of()
    with torch.enable_grad():
        loss = ALL.accumulate(here)
    assert isinstance(here.real, UnlabelledImages)
    ours, theirs = (torch.hstack([here.net.embed(x), torch.ones(len(x), 1)]) for x in (here.synthetic.x, here.real.x))
    model = Ridge(alpha=0.01 * float(ours.square().sum()), fit_intercept=False)
    model.fit(ours.double().numpy(), here.synthetic.labels.double().numpy())
    error = torch.from_numpy(model.predict(theirs.double().numpy())) - here.real.encoder(here.real.x)
    assert loss == pytest.approx(float(error.square().sum(dim=1).mean()), rel=1e-4)


def test_images_and_targets_have_gradients_and_networks_none() -> None:
    here = step_of()
    first = ALL.accumulate(here)
    assert all(p.grad is None for p in here.net.parameters())
    for value in here.synthetic.parameters().values():
        assert value.grad is not None
        with torch.no_grad():
            value -= 0.01 * value.grad / value.grad.abs().max()
    assert ALL.accumulate(here) < first


def test_real_images_are_augmented_and_their_targets_with_them() -> None:
    here = step_of()
    one, other = (replace(ALL, augment=augment).accumulate(here) for augment in (NO_AUGMENT, Augment(("rotate",))))
    assert one != other


def test_the_set_begins_with_images_near_means_of_targets_and_is_chosen_without_labels() -> None:
    context = quick("unlabelled images", per_class=4)
    recipe = krr_st.recipe(context, krr_st.Config())
    assert isinstance(context.real, UnlabelledImages)
    assert recipe.start is not None
    assert recipe.validate is not None
    synthetic = recipe.start.freeze()  # type: ignore[union-attr]
    assert len(synthetic) == 4
    assert all(bool((context.real.targets == target).all(dim=1).any()) for target in synthetic.y)
    protocol = context.protocol
    error = protocol.pretrained(synthetic, SELECTION_SEED)[1].valid  # type: ignore[attr-defined]
    assert recipe.validate(synthetic) == -error < 0


@pytest.mark.bits
def test_the_same_seed_gives_the_same_set() -> None:
    here = quick("unlabelled images")
    recipes = [replace(krr_st.recipe(here, krr_st.Config()), steps=4) for _ in range(2)]
    first, again = (distill(here.real, 2, recipe, validate=lambda s: 0.0, generator=seeded()) for recipe in recipes)
    assert torch.equal(first.data, again.data)  # type: ignore[arg-type]
    assert torch.equal(first.y, again.y)
