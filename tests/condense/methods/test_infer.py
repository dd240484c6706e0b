from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphdistill.condense.methods import infer, random
from graphdistill.condense.methods.infer import Config, compensator
from graphdistill.condense.methods.sre2l import forward_with_statistics, squeeze
from graphdistill.core.sets.compensated import Compensated
from graphdistill.core.sets.synthetic import to_uint8
from tests.condense.quick import quick

SHORT = Config(compensators=2, compensator_steps=3, mixtures=1)


def test_the_images_are_those_of_random_and_every_entry_has_the_logits_of_the_teacher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Sum(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0.3 * x.sum(dim=(1, 2, 3))[:, None] * torch.tensor([[1.0, 0.9, -1.0]])

    monkeypatch.setattr(infer, "train_teachers", lambda context: [Sum()])
    monkeypatch.setattr(infer, "predict", lambda net, x: net(x))
    here = quick()
    synthetic = infer.select(here, SHORT)
    stored, plain = synthetic.expansion, random.select(here, random.Config())
    assert isinstance(stored, Compensated)
    by_index = to_uint8(plain.data).unflatten(0, (3, 2)).transpose(0, 1).flatten(0, 1)  # type: ignore[arg-type]
    assert torch.equal(stored.images, by_index)
    assert stored.compensator.shape == (2, 2, 1, 2, 2)
    assert len(synthetic) == 2 * 3 * (1 + 2) * (1 + 1)
    x = stored.unmixed().float() / 255
    wanted = Sum()(x) / 2
    wanted = (wanted - wanted.amax(dim=1, keepdim=True)).clamp(min=-5)
    assert (stored.logits / 4 - wanted).abs().max() <= 1 / 8 + 1e-6


def test_a_compensator_lowers_the_loss_that_all_classes_share() -> None:
    here = quick()
    teacher = squeeze(here)
    index = torch.stack([members[:2] for members in here.real.members], dim=1)  # (P, C)
    x = here.real.inputs(index.flatten()).unflatten(0, (2, 3))  # type: ignore[union-attr]

    def loss(u: torch.Tensor) -> float:
        moved = (x + F.interpolate(u.float() / 255, scale_factor=4, mode="bilinear")[:, None]).clamp(0, 1)
        logits, distance = forward_with_statistics(teacher, moved.flatten(0, 1), 2, 1.0, 1.0)
        return float(2 * F.cross_entropy(logits, torch.arange(3).repeat(2)) + distance)

    learnt = compensator(x, teacher, Config(compensator_steps=20))
    assert learnt.shape == (2, 1, 2, 2)
    assert learnt.dtype == torch.int8
    assert loss(learnt) < loss(torch.zeros_like(learnt))


def test_teachers_of_compensators_differ() -> None:
    here = quick()
    first, second = squeeze(here), squeeze(here, 1)
    assert not torch.equal(first.head.weight, second.head.weight)
    assert torch.equal(first.head.weight, squeeze(here, 0).head.weight)


def test_sides_that_coarseness_does_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="--coarseness 3 does not divide the sides of images of 8 x 8 pixels"):
        infer.select(quick(), replace(SHORT, coarseness=3))
