from dataclasses import replace

import pytest
import torch

from graphdistill.core.randomness import scoped
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.methods import sfd, sim
from graphdistill.generate.methods.sfd import Config
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.teacher import denoising_loss
from tests.generate.methods.plane import SCHEDULE, context, rows


@pytest.fixture(scope="module")
def teacher():
    """A network that denoises three classes apart from one another."""
    with scoped(0, "teacher"):
        made = Denoiser(NetworkConfig(width=32, depth=2).build((2,), 3), SCHEDULE)
    draws, (z, y) = torch.Generator().manual_seed(0), rows().split("train")
    optimizer = torch.optim.Adam(made.parameters(), lr=3e-3)
    for _ in range(300):
        index = torch.randint(len(z), (64,), generator=draws)
        optimizer.zero_grad()
        denoising_loss(made, z[index], y[index], draws).backward()
        optimizer.step()
    return made.frozen()


def places(generator):
    """The class whose entries are nearest, of draws of each class: shares ``[asked, seen]``."""
    y = torch.arange(3).repeat_interleave(500)
    drawn = generator.draw(y, generator=torch.Generator().manual_seed(0))
    z, labels = rows().split("train")
    seen = torch.cdist(drawn, torch.stack([z[labels == label].mean(0) for label in range(3)])).argmin(1)
    return torch.nn.functional.one_hot(seen, 3).float().view(3, 500, 3).mean(1)


def test_the_class_is_gone_and_the_others_stay(teacher):
    setting = context(teacher=teacher, steps=80, batch_size=64, lr=1e-3, ema=0.9)
    seen = places(sfd.distill(setting, Config(forget=2, override=0, critic_steps=2)))
    assert seen[:, 2].max() < 0.02
    assert seen[2, 0] > 0.98
    assert min(seen[0, 0], seen[1, 1]) > 0.95
    kept = places(sim.distill(setting, sim.Config(distance="squared", critic_steps=2)))
    assert kept.diagonal().min() > 0.95


def test_the_teacher_is_asked_for_the_class_that_overrides(teacher):
    setting = context(steps=1)
    found = sfd.distill(setting, Config(forget=1, override=2))
    again = sfd.distill(setting, Config(forget=1, override=2))
    other = sfd.distill(setting, Config(forget=1, override=0))
    pairs = list(zip(found.parameters(), again.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert not all(torch.equal(a, c) for a, _, c in pairs)


def test_no_real_entries_are_read():
    setting = context(steps=1)
    nothing = replace(setting, entries=replace(setting.entries, z=torch.full_like(setting.entries.z, torch.nan)))
    assert all(bool(torch.isfinite(p).all()) for p in sfd.distill(nothing, Config()).parameters())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"forget": 1}, "--forget and --override must be two different classes, got 1 and 1"),
        ({"forget": -1}, "--forget and --override must be two different classes, got -1 and 1"),
        ({"critic_steps": 0}, "--critic-steps must be 1 or more, got 0"),
    ],
)
def test_bad_options_are_rejected(words, text):
    with pytest.raises(ValueError, match=text):
        Config(**words)


@pytest.mark.parametrize("name", ["forget", "override"])
def test_classes_that_the_teacher_does_not_know_are_rejected(name):
    with pytest.raises(ValueError, match=f"--{name} must be a class from 0 to 2, got 3"):
        sfd.distill(context(), Config(**{name: 3}))
