import copy

import pytest
import torch

from graphdistill.kd.data.view import View
from graphdistill.unlearn.methods import laf
from tests.unlearn.samples import context, losses


def test_losses_are_those_of_naive_loops():
    draws = torch.Generator().manual_seed(0)
    h_r, g_r, h_f, g_f = torch.rand(4, 3, 5, generator=draws)

    def d(a, b):
        return [1 - float(x @ y) / float(x.norm() * y.norm()) for x, y in zip(a, b, strict=True)]

    below = sum(torch.tensor(v / 7.0).exp() for v in d(h_f, g_f))
    expected = sum((torch.tensor(v).exp() / below).log() for v in d(h_r, g_r)) / 3
    torch.testing.assert_close(laf.alignment(h_r, g_r, h_f, g_f, 7.0), expected)
    error = torch.tensor([0.0, 1.0, 1e9])
    torch.testing.assert_close(laf.bounded(error), torch.tensor([0.0, 0.5, 1.0]).exp())


def test_forgotten_features_move_more_than_the_others_and_their_loss_grows():
    found = context()
    given = copy.deepcopy(found.model)
    laf.unlearn(found, laf.Config(unlearn_steps=30, vae_steps=60, stop_at=0.0))
    moved = {}
    for name, index in (("remaining", found.remaining), ("forgotten", found.forget)):
        before, after = (net[:3](found.whole.data.images[index]) for net in (given, found.model))
        moved[name] = (1 - torch.cosine_similarity(before, after)).mean().item()
    assert moved["forgotten"] > moved["remaining"]
    assert losses(found.whole, found.model, found.forget).mean() > losses(found.whole, given, found.forget).mean()
    assert all(torch.equal(a, b) for a, b in zip(given[3].parameters(), found.model[3].parameters(), strict=True))


def test_no_labels_are_read_without_repair(monkeypatch):
    for name in ("labels", "known"):
        monkeypatch.delattr(View, name)
    laf.unlearn(context(), laf.Config(unlearn_steps=2, vae_steps=2))


def test_repair_trains_the_last_linear_layer_alone():
    plain, repaired = context(), context()
    short = {"unlearn_steps": 20, "vae_steps": 20, "unlearn_lr": 3e-3, "stop_at": 0.0}
    laf.unlearn(plain, laf.Config(**short))
    laf.unlearn(repaired, laf.Config(**short, repair_steps=20))
    assert torch.equal(plain.model[1].weight, repaired.model[1].weight)
    assert not torch.equal(plain.model[3].weight, repaired.model[3].weight)
    assert all(p.requires_grad for p in repaired.model.parameters())
    rest = plain.remaining
    assert losses(plain.whole, repaired.model, rest).mean() < losses(plain.whole, plain.model, rest).mean()


def test_the_steps_end_when_the_attack_fails(monkeypatch):
    asked = []
    monkeypatch.setattr(laf.Stopping, "__call__", lambda stopping: asked.append(stopping.threshold) or len(asked) == 2)
    one, other = context(), context()
    laf.unlearn(one, laf.Config(unlearn_steps=40, vae_steps=2, stop_at=0.4))
    laf.unlearn(other, laf.Config(unlearn_steps=10, vae_steps=2, stop_at=0.0))
    assert asked[:2] == [0.4, 0.4]
    assert all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("unlearn_steps", 0, "--unlearn-steps must be 1 or more, got 0"),
        ("vae_steps", 0, "--vae-steps must be 1 or more, got 0"),
        ("repair_steps", -1, "--repair-steps must be 0 or more, got -1"),
        ("align_lr", 0.0, "--align-lr must be above 0, got 0.0"),
        ("temperature", float("nan"), "--temperature must be above 0, got nan"),
        ("stop_at", 1.5, "--stop-at must be from 0 to 1, got 1.5"),
        ("beta", -1.0, "--beta must be 0 or more, got -1.0"),
    ],
)
def test_options_out_of_range_are_refused(option, value, message):
    with pytest.raises(ValueError, match=message):
        laf.Config(**{option: value})
