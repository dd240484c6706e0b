from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from sklearn.kernel_ridge import KernelRidge
from torch import Tensor

from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import Step
from graphdistill.condense.matching.ridge import arc_cosine, krr_score
from graphdistill.condense.methods import gc_sntk
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.augment import NO_AUGMENT
from tests.condense.samples import context_of, seeded


def step_of(*, soft: bool) -> Step:
    real = context_of(kind="nodes").real
    index = real.sample_indices(2, seeded())
    logits = torch.randn(len(index), 3, generator=seeded()) if soft else None
    return Step(real.init_from(index, logits), real, None, NO_AUGMENT, seeded())


def error(x: Tensor, labels: Tensor, step: Step, share: float) -> float:
    """Squared error of scikit-learn's ridge regression by the same kernel."""
    gram = arc_cosine(x, x)
    model = KernelRidge(alpha=share * float(gram.diagonal().mean()), kernel="precomputed")
    model.fit(gram.numpy(), (labels - 1 / 3).numpy())
    guess = torch.from_numpy(model.predict(arc_cosine(step.real.flat(), x).numpy()))
    wanted = torch.nn.functional.one_hot(step.real.y, 3) - 1 / 3
    return float((guess - wanted).square().sum()) / len(wanted)


@pytest.mark.parametrize("soft", [False, True])
def test_the_loss_is_the_error_of_scikit_learn(soft: bool) -> None:
    here = step_of(soft=soft)
    loss = gc_sntk.KernelRidge(share=0.1).accumulate(here)
    labels = here.synthetic.labels.detach() if soft else torch.nn.functional.one_hot(here.synthetic.y, 3)
    x = here.synthetic.features().detach()  # type: ignore[attr-defined]
    assert loss == pytest.approx(error(x, labels.double(), here, 0.1), rel=1e-6)


@pytest.mark.parametrize("name", ["x", "logits"])
def test_the_gradient_is_that_of_the_loss(name: str) -> None:
    here, objective, place, reach = step_of(soft=True), gc_sntk.KernelRidge(share=0.1), (1, 2), 1e-2
    tensor = here.synthetic.parameters()[name]
    objective.accumulate(here)
    assert tensor.grad is not None
    grad, losses = tensor.grad[place].item(), []
    for sign in (1, -2):
        with torch.no_grad():
            tensor[place] += sign * reach
        losses.append(objective.accumulate(here))
    assert grad == pytest.approx((losses[0] - losses[1]) / (2 * reach), rel=0.05)


def test_ridge_regression_learns_more_from_what_it_made() -> None:
    here, context = step_of(soft=False), context_of(1, kind="nodes")
    recipe = replace(gc_sntk.recipe(context, gc_sntk.Config()), steps=20)
    errors: list[float] = []

    def validate(synthetic: SyntheticSet) -> float:
        assert isinstance(synthetic.data, Tensor)
        labels = torch.nn.functional.one_hot(synthetic.y, 3).double()
        errors.append(error(synthetic.data, labels, here, recipe.objective.share))  # type: ignore[attr-defined]
        return float(len(errors))

    made = distill(context.real, 1, recipe, validate=validate, generator=seeded())
    assert all(later < sooner for sooner, later in pairwise(errors))
    assert len(errors) == 6
    assert krr_score(context.protocol, made, "train") > 0.9


@pytest.mark.bits
def test_the_same_seed_gives_the_same_nodes() -> None:
    here = context_of(1, kind="nodes")
    recipe = replace(gc_sntk.recipe(here, gc_sntk.Config()), steps=4)
    first, again = (distill(here.real, 1, recipe, validate=lambda s: 0.0, generator=seeded()) for _ in range(2))
    assert torch.equal(first.data, again.data)
