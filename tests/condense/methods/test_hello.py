from __future__ import annotations

import pytest
import torch

from graphdistill.condense.methods import hello, random, reinforcement
from graphdistill.condense.methods.hello import Config, projector, quantized
from graphdistill.core.sets.projected import SCALE, Projected
from graphdistill.core.sets.synthetic import to_uint8
from graphdistill.core.sets.views import views
from tests.condense.methods.test_reinforcement import Mean
from tests.condense.quick import quick


def test_labels_follow_the_teacher_and_take_no_more_bytes_for_more_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hello, "train_teachers", lambda context, count: [Mean(6.0)])
    here = quick()
    config = Config(views=8, features=32, rank=3, projector_steps=60, strength=50)
    synthetic = hello.select(here, config)
    stored = synthetic.expansion
    assert isinstance(stored, Projected)
    plain = random.select(here, random.Config())
    assert torch.equal(stored.images, to_uint8(plain.data))  # type: ignore[arg-type]
    assert torch.equal(stored.y, plain.y)
    x = views(stored.images, *stored.replays.tolist())
    target = reinforcement.probabilities([Mean(6.0)], x, 1.0)
    assert (synthetic.y - target).abs().mean() < 0.02
    more = hello.select(here, Config(views=16, features=32, rank=3, projector_steps=60, strength=50))
    assert len(more) == 2 * len(synthetic)
    assert more.nbytes < synthetic.nbytes + 30


def test_a_projector_of_full_rank_finds_labels_that_are_a_projection() -> None:
    draws = torch.Generator().manual_seed(0)
    phi = torch.randint(256, (400, 6), generator=draws).float()
    target = (phi @ torch.randn(6, 3, generator=draws) / 100).softmax(dim=1)
    down, up = projector(phi, target, Config(rank=3, projector_steps=300))
    found = (phi @ down.float() @ up.float() * SCALE).softmax(dim=1)
    assert (found - target).abs().mean() < 0.01


def test_bytes_keep_the_product() -> None:
    draws = torch.Generator().manual_seed(0)
    a, b = torch.randn(20, 4, generator=draws), torch.randn(4, 5, generator=draws)
    down, up = quantized(a, b)
    wanted = a / 64 @ b
    assert (down.float() @ up.float() * SCALE - wanted).norm() < 0.02 * wanted.norm()
    assert (down.dtype, up.dtype) == (torch.int8, torch.int8)
