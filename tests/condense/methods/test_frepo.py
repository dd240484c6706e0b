from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from sklearn.linear_model import Ridge

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import Step
from graphdistill.condense.methods import frepo
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from tests.condense.samples import context_of, real_data, seeded


def step_of(kind: Kind = "images", *, augment: Augment = NO_AUGMENT, soft: bool = False, per_class: int = 2) -> Step:
    real = real_data(kind)
    index = real.sample_indices(per_class, seeded(7))
    with scoped(0, "weights"):
        net = real.network()
    return Step(real.init_from(index, torch.rand(len(index), 3) if soft else None), real, net, augment, seeded())


@pytest.mark.parametrize("kind", ["images", "nodes"])
@torch.no_grad()
def test_the_loss_is_the_error_of_ridge_regression_on_features(kind: Kind) -> None:
    """With as many weights as features instead of a kernel: scikit-learn's linear model."""
    here = step_of(kind)
    with torch.enable_grad():
        loss = frepo.FeatureRidge(share=0.01, batch=1 << 30).accumulate(here)
    everything = here.real.inputs(torch.cat(here.real.members))
    ours, theirs = here.net.embed(here.synthetic.inputs()).double(), here.net.embed(everything).double()
    model = Ridge(alpha=0.01 * float(ours.square().sum(dim=1).mean()), fit_intercept=False)
    model.fit(ours.numpy(), (torch.eye(3)[here.synthetic.y] - 1 / 3).double().numpy())
    wanted = torch.eye(3)[here.real.y[torch.cat(here.real.members)]].double() - 1 / 3
    error = (torch.from_numpy(model.predict(theirs.numpy())) - wanted).square().sum(dim=1).mean()
    assert loss == pytest.approx(float(error), rel=1e-4)


def test_a_step_down_the_gradient_lowers_the_loss() -> None:
    here = step_of()
    objective = frepo.FeatureRidge(share=0.01, batch=100)
    first = objective.accumulate(here)
    grad = here.synthetic.x.grad
    assert grad is not None
    with torch.no_grad():
        here.synthetic.x -= 0.01 * grad / grad.abs().max()
    assert objective.accumulate(here) < first


def test_the_network_itself_gets_no_gradient_but_soft_labels_do() -> None:
    here = step_of(soft=True)
    frepo.FeatureRidge().accumulate(here)
    assert all(p.grad is None for p in here.net.parameters())
    assert here.synthetic.logits is not None
    assert here.synthetic.logits.grad is not None
    assert float(here.synthetic.logits.grad.abs().sum()) > 0


def test_both_sides_see_the_same_augmentation() -> None:
    """Where the set is the training images themselves and nothing is added, they are given back, however augmented."""
    here = step_of(augment=Augment(("cutout",)), per_class=3)
    real = type(here.real)(here.synthetic.x.detach().clone(), here.synthetic.y, 3)  # type: ignore[call-arg]
    for _ in range(5):
        assert frepo.FeatureRidge(share=1e-9).accumulate(replace(here, real=real)) == pytest.approx(0, abs=1e-3)


@pytest.mark.bits
@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_the_same_seed_gives_the_same_set(kind: Kind) -> None:
    here = context_of(1, kind=kind)
    recipe = replace(frepo.recipe(here, frepo.Config()), steps=4)
    first, again = (distill(here.real, 1, recipe, validate=lambda s: 0.0, generator=seeded()) for _ in range(2))
    assert torch.equal(first.data, again.data)
