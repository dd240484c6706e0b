from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch import nn

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import Step
from graphdistill.condense.methods import sre2l
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import NO_AUGMENT
from tests.condense.matching.test_symmetry import context_on
from tests.condense.quick import quick, quick_config
from tests.condense.samples import bars, real, seeded
from tests.core.sets.samples import as_bytes, coded_bytes


@cache
def teacher() -> ConvNet:
    """Batch norm that has seen something, in evaluation mode."""
    with scoped(0, "weights"):
        net = ConvNet((1, 8, 8), 3, width=4, norm="batch")
    net(real().x)
    return net.eval().requires_grad_(False)


def synthetic(per_class: int = 2) -> sre2l.Relabelled:
    index = real().sample_indices(per_class, seeded(3))
    return sre2l.Relabelled(real().x[index], real().y[index], teacher())


def step(of: sre2l.Relabelled, fraction_done: float = 0.5) -> Step:
    return Step(of, real(), None, NO_AUGMENT, seeded(1), fraction_done)


def loss_by_hooks(net: ConvNet, x: torch.Tensor, y: torch.Tensor, statistics: float, variance: float) -> torch.Tensor:
    """One round; the inputs of every norm are recorded by hooks."""
    inputs: list[torch.Tensor] = []
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(lambda _, args: inputs.append(args[0])) for norm in norms]
    total = F.cross_entropy(net(x), y)
    for hook in hooks:
        hook.remove()
    for number, (norm, z) in enumerate(zip(norms, inputs, strict=True)):
        index = z.transpose(0, 1).flatten(1)
        mean = ((index.mean(1) - norm.running_mean) ** 2).sum().sqrt()
        spread = (((index - index.mean(1, keepdim=True)) ** 2).mean(1) - norm.running_var).square().sum().sqrt()
        total = total + statistics * (10 if number == 0 else 1) * (mean + variance * spread)
    return total


@pytest.mark.parametrize("teachers", [1, 2])
def test_the_loss_is_that_of_each_round_by_itself(teachers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sre2l, "crop", lambda x, u, low, ratio: x)
    here = synthetic()
    objective = sre2l.Recover((teacher(),) * teachers, statistics=0.3, variance=2.0)
    loss = objective.accumulate(step(here))
    wanted = torch.zeros(())
    for index in ([0, 2, 4], [1, 3, 5]):  # the first and the second image of each class
        wanted = wanted + loss_by_hooks(teacher(), here.x[index], here.y[index], 0.3, 2.0)
    (gradient,) = torch.autograd.grad(wanted, here.x)
    assert loss == pytest.approx(wanted.item(), rel=1e-4)
    torch.testing.assert_close(here.x.grad, gradient, rtol=1e-3, atol=1e-6)


def test_teachers_follow_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second teacher that knows no statistics changes the gradient of the second images only."""
    monkeypatch.setattr(sre2l, "crop", lambda x, u, low, ratio: x)
    one, other = synthetic(), synthetic()
    with scoped(1, "weights"):
        stranger = ConvNet((1, 8, 8), 3, width=4, norm="batch").eval().requires_grad_(False)
    sre2l.Recover((teacher(), teacher())).accumulate(step(one))
    sre2l.Recover((teacher(), stranger)).accumulate(step(other))
    assert one.x.grad is not None
    assert other.x.grad is not None
    assert torch.equal(one.x.grad[::2], other.x.grad[::2])
    assert not torch.equal(one.x.grad[1::2], other.x.grad[1::2])


@given(st.floats(0.08, 1), st.integers(0, 99))
def test_a_crop_leaves_what_it_should(low: float, seed: int) -> None:
    """On an image that holds its own coordinates corners show which part of it was cropped."""
    index, columns = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    x = torch.stack([columns, index]).expand(2, 2, 64, 64)
    for across, down in sre2l.crop(x, torch.rand(2, 4, generator=seeded(seed)), low):
        width, height = (float(part.max() - part.min()) / 2 for part in (across, down))
        assert low - 0.05 <= width * height <= 1.001
        assert 0.7 < width / height < 1.42
        assert float(across.min()) >= -1.001
        assert float(down.max()) <= 1.001


def test_rounds_have_crops_of_their_own_that_their_images_share() -> None:
    x = torch.rand(1, 1, 8, 8, generator=seeded()).expand(4, 1, 8, 8)
    out = sre2l.crop(x, torch.rand(2, 4, generator=seeded()), 0.08)
    assert torch.equal(out[0], out[1])
    assert torch.equal(out[2], out[3])
    assert not torch.equal(out[0], out[2])


def test_the_curriculum_falls_from_all_to_the_least() -> None:
    shares = [sre2l.least_share(fraction_done / 20, 0.5) for fraction_done in range(20)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert shares[5] == pytest.approx(0.08 + 0.92 * (1 + math.cos(math.pi / 2)) / 2)
    assert set(shares[10:]) == {0.08}
    assert sre2l.least_share(0.0, 0.0) == 0.08


def test_the_teacher_learns_and_stands_still() -> None:
    here = context_on(bars())
    one, other = sre2l.squeeze(here), sre2l.squeeze(here)
    assert here.protocol.score(one, "valid") > 0.9
    assert not any(p.requires_grad for p in one.parameters())
    assert not one.training
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    assert not torch.equal(one.head.weight, sre2l.squeeze(replace(here, seed=1)).head.weight)


def test_frozen_images_have_the_teachers_labels_in_a_byte_a_class() -> None:
    here = synthetic()
    kept = here.freeze({"a": 1})
    labels = (kept.y[:, :-1] * 254).round().to(torch.uint8)
    assert kept.nbytes == coded_bytes(as_bytes(kept.data), labels)  # type: ignore[arg-type]
    torch.testing.assert_close(kept.y, teacher()(kept.data).softmax(dim=1), atol=0.01, rtol=0)
    assert here.labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_noise_is_like_the_real_images_in_the_large() -> None:
    here = replace(context_on(bars()), per_class=100)
    x, y = sre2l.noise(here)
    assert torch.bincount(y).tolist() == [100] * 3
    assert 0 <= float(x.min()) < float(x.max()) <= 1
    assert float(x.mean()) == pytest.approx(float(real().x.mean()), abs=0.02)


def test_recovering_brings_images_near_to_what_the_teacher_remembers() -> None:
    here = replace(context_on(bars()), per_class=1)
    recipe = replace(sre2l.recipe(here, sre2l.Config()), steps=20)
    learnt, losses, checks = recipe.start, [], itertools.count()
    assert isinstance(learnt, sre2l.Relabelled)
    for steps in (0, 20):
        if steps:
            distill(here.real, 1, recipe, validate=lambda synthetic: float(next(checks)), generator=seeded())
        losses.append(recipe.objective.accumulate(step(learnt)))
    assert losses[1] < losses[0] / 2


def test_square_crops_of_square_images_stay_square() -> None:
    index, columns = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    x = torch.stack([columns, index]).expand(2, 2, 64, 64)
    for across, down in sre2l.crop(x, torch.rand(2, 4, generator=seeded()), 0.2, max_aspect_ratio=1.0):
        assert float(across.max() - across.min()) == pytest.approx(float(down.max() - down.min()), rel=1e-3)


@pytest.mark.bits
@pytest.mark.parametrize("name", ["sre2l", "cda", "dwa"])
def test_earlier_work_in_the_process_changes_nothing(name: str) -> None:
    def made(method: str) -> dict[str, torch.Tensor]:
        config = CondenseConfig(method=quick_config(method), per_class=2, steps=3, bits="full")
        return distill_condense(bars(), config, protocol=quick().protocol, generator=seeded(1)).payload()

    first = made(name)
    torch.manual_seed(5)
    kept = [torch.rand(size) for size in range(1, 400, 7)]
    KMeans(3, n_init=1, random_state=0).fit(torch.rand(50, 4).numpy())
    made("dm")
    with one_thread():
        context_on(bars()).protocol.score(teacher(), "valid")
    del kept[::2]
    again = made(name)
    assert again.keys() == first.keys()
    assert all(torch.equal(again[part], value) for part, value in first.items())
