from __future__ import annotations

import pytest
import torch

from graphdistill.condense.data.learnable import LearnableSet, frozen
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet

Y = torch.tensor([0, 0, 1])


def test_hard_labels_stay() -> None:
    x = torch.rand(3, 1, 4, 4)
    small = LearnableSet(x, Y)
    assert list(small.parameters()) == ["x"]
    with torch.no_grad():
        small.x += 1
    assert float(x.max()) <= 1  # a copy
    assert torch.equal(small.labels, Y)


def test_soft_labels_are_learnt() -> None:
    small = LearnableSet(torch.rand(3, 1, 4, 4), Y, torch.zeros(3, 2))
    assert list(small.parameters()) == ["x", "logits"]
    small.labels[:, 0].sum().backward()
    assert small.logits is not None
    assert small.logits.grad is not None
    torch.testing.assert_close(small.labels.sum(dim=1), torch.ones(3))
    assert small.freeze().y.shape == (3, 2)


def test_what_is_frozen_has_eight_bits_and_is_stored_so(tmp_path) -> None:
    small = LearnableSet(torch.rand(3, 1, 4, 4) * 2 - 0.5, Y)
    kept = small.freeze({"method": "dm"})
    assert isinstance(kept, SyntheticSet)
    assert isinstance(kept.data, torch.Tensor)
    assert kept.nbytes == 3 * 16 + 3
    assert float(kept.data.min()) >= 0
    assert float(kept.data.max()) <= 1
    assert (kept.data - small.x.detach().clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6
    save_set(kept, tmp_path)
    again = load_set(tmp_path)
    assert isinstance(again.data, torch.Tensor)
    assert torch.equal(again.data, kept.data)
    assert torch.equal(again.weight, torch.tensor([0.5, 0.5, 1.0]))
    assert again.meta == {"method": "dm"}


def test_freezing_twice_changes_nothing_and_leaves_the_set_alone() -> None:
    small = LearnableSet(torch.rand(3, 1, 4, 4), Y)
    before = small.x.detach().clone()
    kept = small.freeze()
    assert isinstance(kept.data, torch.Tensor)
    again = frozen(kept.data, kept.y).data
    assert isinstance(again, torch.Tensor)
    assert torch.equal(again, kept.data)
    assert torch.equal(small.x, before)


def test_clipping_keeps_what_is_inside() -> None:
    small = LearnableSet(torch.tensor([[-1.0, 0.3, 2.0]]), Y[:1])
    small.clip()
    assert small.x.tolist() == [[0.0, pytest.approx(0.3), 1.0]]
    assert small.x.requires_grad


def test_inputs_are_all_or_those_that_are_named() -> None:
    small = LearnableSet(torch.rand(3, 1, 4, 4), Y)
    assert small.inputs() is small.x
    assert torch.equal(small.inputs(Y == 0), small.x[:2])
    assert torch.equal(small.inputs(torch.tensor([2, 0])), small.x[[2, 0]])


def test_backward_reaches_all_that_is_learnt_and_nothing_else() -> None:
    small, other = LearnableSet(torch.rand(3, 1, 4, 4), Y, torch.zeros(3, 2)), torch.ones((), requires_grad=True)
    small.extra["rate"] = torch.tensor(2.0, requires_grad=True)
    assert list(small.parameters()) == ["x", "logits", "rate"]
    loss = other * small.extra["rate"] * (small.labels[:, 0].sum() + small.x.sum())
    assert small.backward(loss) == loss.item()
    assert other.grad is None
    assert small.extra["rate"].grad is not None
    assert float(small.extra["rate"].grad) == pytest.approx(loss.item() / 2)
    assert small.x.grad is not None
    assert small.x.grad.unique().tolist() == [2.0]
    assert small.logits is not None
    assert small.logits.grad is not None
    assert len(small.freeze().payload()) == 2  # the rate stays behind


def test_gradients_add_up() -> None:
    small = LearnableSet(torch.rand(3, 1, 4, 4), Y)
    for _ in range(2):
        small.backward(small.x.sum())
    assert small.x.grad is not None
    assert small.x.grad.unique().tolist() == [2.0]


def test_every_image_has_a_label() -> None:
    with pytest.raises(ValueError, match="y has 3 entries but x has 2; give each one"):
        LearnableSet(torch.rand(2, 1, 4, 4), Y)
    with pytest.raises(ValueError, match="logits has 2 entries but x has 3; give each one"):
        LearnableSet(torch.rand(3, 1, 4, 4), Y, torch.zeros(2, 2))
