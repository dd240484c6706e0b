from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from graphdistill.condense.methods import random, reinforcement
from graphdistill.condense.methods.reinforcement import Config, largest
from graphdistill.core.sets.replays import Replays
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import soft_labels, to_uint8
from graphdistill.core.sets.views import views
from tests.condense.quick import quick


class Mean(nn.Module):
    """Logits that follow the lightness of an image."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.slope * x.mean(dim=(1, 2, 3))[:, None] * torch.tensor([[1.0, 2.0, -1.0]])


def test_views_are_replayed_bit_for_bit_with_the_labels_of_just_that_view(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    teachers = [Mean(1.0), Mean(9.0)]
    monkeypatch.setattr(reinforcement, "train_teachers", lambda context, count: teachers[:count])
    here = quick()
    synthetic = reinforcement.select(here, Config(views=5, teachers=2, temperature=2.0, top=2))
    assert isinstance(synthetic.expansion, Replays)
    plain = random.select(here, random.Config())
    assert torch.equal(synthetic.expansion.images, to_uint8(plain.data))  # type: ignore[arg-type]
    replayed = views(synthetic.expansion.images, *synthetic.expansion.replays.tolist()).float() / 255
    wanted = torch.stack([(net(replayed) / 2).softmax(dim=1) for net in teachers]).mean(dim=0).detach()
    assert torch.equal(synthetic.y, soft_labels(largest(wanted, 2), "multiclass"))
    save_set(synthetic, tmp_path)
    again = load_set(tmp_path)
    assert torch.equal(again.data, replayed)  # type: ignore[arg-type]
    assert torch.equal(again.y, synthetic.y)


def test_the_seed_of_the_views_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reinforcement, "train_teachers", lambda context, count: [Mean(1.0)])
    first, same, other = (reinforcement.select(quick(seed=s), Config(views=2)).payload() for s in (0, 0, 1))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["replays"], other["replays"])


def test_the_largest_probabilities_are_kept_and_sum_to_one() -> None:
    labels = torch.rand(50, 6, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    kept = largest(labels, 3)
    assert ((kept > 0).sum(dim=1) == 3).all()
    assert torch.allclose(kept.sum(dim=1), torch.ones(50))
    for row, full in zip(kept, labels, strict=True):
        assert set(row.nonzero().view(-1).tolist()) == set(full.argsort(descending=True)[:3].tolist())
    assert torch.allclose(largest(labels, 99), labels)
