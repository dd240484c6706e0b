from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from torch import Tensor, nn

from graphdistill.condense.matching.experts import Window
from graphdistill.condense.matching.unroll import FlatNetwork
from graphdistill.condense.methods import smooth_experts
from graphdistill.condense.methods.mtt import LOG_LR, TrajectoryMatch
from graphdistill.condense.methods.smooth_experts import SmoothMatch, moved
from graphdistill.core.networks.convnet import ConvNet
from tests.condense.methods.test_mtt import match as plain_match
from tests.condense.methods.test_mtt import step
from tests.condense.quick import quick, quick_config
from tests.condense.samples import seeded


def match(**changes: object) -> SmoothMatch:
    fields = vars(plain_match(steps=5))
    return replace(SmoothMatch(**fields), **changes)  # type: ignore[arg-type]


def test_a_student_is_compared_with_every_epoch_on_its_way() -> None:
    here = match()
    targets = here.targets(here.experts[0], 1)
    assert sorted(targets) == [2, 5]
    assert torch.equal(targets[2], here.experts[0, 2])
    assert torch.equal(targets[5], here.experts[0, 3])


@pytest.mark.parametrize("soft", [False, True])
def test_the_sweep_is_the_gradient_of_the_whole_unroll(soft: bool) -> None:
    found = []
    for unroll in ("reverse", "full"):
        here = step(2, soft=soft)
        match(unroll=unroll).accumulate(here)
        found.append({name: value.grad for name, value in here.synthetic.parameters().items()})
    assert found[0].keys() >= {"x", LOG_LR}
    for name, value in found[0].items():
        assert value is not None
        torch.testing.assert_close(value, found[1][name], rtol=1e-4, atol=1e-6)


def test_without_its_parts_the_loss_is_that_of_mtt() -> None:
    """One epoch, no noise, and a window whose middle has the factor 1."""
    plain, ours = plain_match(steps=4, span=1), match(steps=4, span=1, perturbation=0.0, balance=8.0)
    window = Window(0, 0)
    one, other = (replace(m, window=window).accumulate(step()) for m in (plain, ours))
    assert other == pytest.approx(one)


def test_late_students_have_larger_losses() -> None:
    """The published factors, with the middle of the window at 10."""
    here = match(experts=torch.zeros(1, 30, 4), window=Window(0, 20))
    assert here.factor(10) == pytest.approx(math.log(8, 5))
    assert here.factor(20) == pytest.approx(math.log(18, 5))
    assert here.factor(4) == pytest.approx(1 / math.log(14, 5))
    factors = [here.factor(epoch) for epoch in range(21)]
    assert factors == sorted(factors)


def test_noise_moves_convolutions_alone() -> None:
    net = ConvNet((1, 8, 8), 3, width=4)
    factors = moved(FlatNetwork(net), 0.7, seeded())
    parts = factors.split([value.numel() for value in net.parameters()])
    for value, part in zip(net.parameters(), parts, strict=True):
        assert float((part - 1).norm()) == pytest.approx(0.7 if value.dim() == 4 else 0.0, abs=1e-6)
    assert not torch.equal(factors, moved(FlatNetwork(net), 0.7, seeded(1)))


def test_a_step_is_taken_at_moved_weights() -> None:
    here, objective = step(), match(perturbation=0.5)
    theta = objective.experts[0, 0]
    loss = objective.student_loss(here, 1)
    assert torch.equal(loss(0, theta), loss(0, theta))
    shares = [moved(objective.network, 0.5, draws) for draws in [seeded()] for _ in range(5)]
    nn.utils.vector_to_parameters(theta * shares[2], objective.network.net.parameters())
    with torch.no_grad():
        wanted = F.cross_entropy(objective.network.net(here.synthetic.inputs()), here.synthetic.labels)
    assert loss(2, theta).item() == pytest.approx(float(objective.factor(1) * wanted))


def test_the_set_begins_with_the_images_nearest_to_means_of_features() -> None:
    context = quick()
    recipe = smooth_experts.recipe(context, quick_config("smooth-experts"))  # type: ignore[arg-type]
    start, objective = recipe.start, recipe.objective
    assert isinstance(objective, TrajectoryMatch)
    assert start is not None
    assert start.y.tolist() == [0, 0, 1, 1, 2, 2]  # type: ignore[union-attr]
    assert start.parameters().keys() == {"x", LOG_LR}  # type: ignore[union-attr]
    net = context.real.network()
    nn.utils.vector_to_parameters(objective.experts[0, -1], net.parameters())
    with torch.no_grad():
        features: Tensor = net.embed(context.real.inputs(torch.arange(len(context.real))))  # type: ignore[operator]
        chosen: Tensor = net.embed(start.inputs())  # type: ignore[operator,union-attr]
    for label, members in enumerate(context.real.members):
        means = torch.from_numpy(KMeans(2, n_init=10, random_state=0).fit(features[members].numpy()).cluster_centers_)
        nearest = features[members][torch.cdist(means, features[members]).argmin(dim=1)]
        ours = chosen[2 * label : 2 * label + 2]
        assert float(torch.cdist(means, ours).min(dim=1).values.sum()) < 1.2 * float(
            (means - nearest).norm(dim=1).sum()
        )
