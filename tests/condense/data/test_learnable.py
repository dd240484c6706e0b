from __future__ import annotations

import pytest
import torch

from graphdistill.condense.data.learnable import LearnableSet, frozen
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet
from tests.core.sets.samples import as_bytes, coded_bytes
from tests.second_device import second_device

Y = torch.tensor([0, 0, 1])


def test_hard_labels_stay() -> None:
    x = torch.rand(3, 1, 4, 4)
    synthetic = LearnableSet(x, Y)
    assert list(synthetic.parameters()) == ["x"]
    with torch.no_grad():
        synthetic.x += 1
    assert float(x.max()) <= 1  # a copy
    assert torch.equal(synthetic.labels, Y)


def test_soft_labels_are_learnt() -> None:
    synthetic = LearnableSet(torch.rand(3, 1, 4, 4), Y, torch.zeros(3, 2))
    assert list(synthetic.parameters()) == ["x", "logits"]
    synthetic.labels[:, 0].sum().backward()
    assert synthetic.logits is not None
    assert synthetic.logits.grad is not None
    torch.testing.assert_close(synthetic.labels.sum(dim=1), torch.ones(3))
    assert synthetic.freeze().y.shape == (3, 2)


def test_what_is_frozen_has_eight_bits_and_is_stored_so(tmp_path) -> None:
    synthetic = LearnableSet(torch.rand(3, 1, 4, 4) * 2 - 0.5, Y)
    kept = synthetic.freeze({"method": "dm"})
    assert isinstance(kept, SyntheticSet)
    assert isinstance(kept.data, torch.Tensor)
    assert kept.nbytes == coded_bytes(as_bytes(kept.data), Y.to(torch.uint8))
    assert float(kept.data.min()) >= 0
    assert float(kept.data.max()) <= 1
    assert (kept.data - synthetic.x.detach().clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6
    save_set(kept, tmp_path)
    again = load_set(tmp_path)
    assert isinstance(again.data, torch.Tensor)
    assert torch.equal(again.data, kept.data)
    assert torch.equal(again.weight, torch.tensor([0.5, 0.5, 1.0]))
    assert again.meta == {"method": "dm"}


def test_freezing_twice_changes_nothing_and_leaves_the_set_alone() -> None:
    synthetic = LearnableSet(torch.rand(3, 1, 4, 4), Y)
    before = synthetic.x.detach().clone()
    kept = synthetic.freeze()
    assert isinstance(kept.data, torch.Tensor)
    again = frozen(kept.data, kept.y).data
    assert isinstance(again, torch.Tensor)
    assert torch.equal(again, kept.data)
    assert torch.equal(synthetic.x, before)


def test_clipping_keeps_what_is_inside() -> None:
    synthetic = LearnableSet(torch.tensor([[-1.0, 0.3, 2.0]]), Y[:1])
    synthetic.clip()
    assert synthetic.x.tolist() == [[0.0, pytest.approx(0.3), 1.0]]
    assert synthetic.x.requires_grad


def test_inputs_are_all_or_those_that_are_named() -> None:
    synthetic = LearnableSet(torch.rand(3, 1, 4, 4), Y)
    assert synthetic.inputs() is synthetic.x
    assert torch.equal(synthetic.inputs(Y == 0), synthetic.x[:2])
    assert torch.equal(synthetic.inputs(torch.tensor([2, 0])), synthetic.x[[2, 0]])


def test_backward_reaches_all_that_is_learnt_and_nothing_else() -> None:
    synthetic, other = LearnableSet(torch.rand(3, 1, 4, 4), Y, torch.zeros(3, 2)), torch.ones((), requires_grad=True)
    synthetic.extra["rate"] = torch.tensor(2.0, requires_grad=True)
    assert list(synthetic.parameters()) == ["x", "logits", "rate"]
    loss = other * synthetic.extra["rate"] * (synthetic.labels[:, 0].sum() + synthetic.x.sum())
    assert synthetic.backward(loss) == loss.item()
    assert other.grad is None
    assert synthetic.extra["rate"].grad is not None
    assert float(synthetic.extra["rate"].grad) == pytest.approx(loss.item() / 2)
    assert synthetic.x.grad is not None
    assert synthetic.x.grad.unique().tolist() == [2.0]
    assert synthetic.logits is not None
    assert synthetic.logits.grad is not None
    assert len(synthetic.freeze().payload()) == 2  # the rate stays behind


def test_gradients_add_up() -> None:
    synthetic = LearnableSet(torch.rand(3, 1, 4, 4), Y)
    for _ in range(2):
        synthetic.backward(synthetic.x.sum())
    assert synthetic.x.grad is not None
    assert synthetic.x.grad.unique().tolist() == [2.0]


def test_every_image_has_a_label() -> None:
    with pytest.raises(ValueError, match="y has 3 entries but x has 2; give each one"):
        LearnableSet(torch.rand(2, 1, 4, 4), Y)
    with pytest.raises(ValueError, match="logits has 2 entries but x has 3; give each one"):
        LearnableSet(torch.rand(3, 1, 4, 4), Y, torch.zeros(2, 2))


def test_on_another_device_learnt_tensors_are_leaves_of_their_own() -> None:
    synthetic = LearnableSet(torch.rand(3, 1, 4, 4), Y, torch.zeros(3, 2))
    synthetic.extra["step"] = torch.ones((), requires_grad=True)
    assert synthetic.to("cpu") is synthetic
    with second_device() as device:
        there = synthetic.to(device)
        assert list(there.parameters()) == list(synthetic.parameters()) == ["x", "logits", "step"]
        for value in there.parameters().values():
            assert (value.device, value.requires_grad, value.is_leaf) == (device, True, True)
        assert there.y.device == there.inputs().device == there.labels.device == device
        there.backward(there.inputs().sum() + there.labels[:, 0].sum())
        assert synthetic.x.grad is None
        kept, there_kept = synthetic.freeze(), there.freeze()
        assert all(map(torch.equal, kept.payload().values(), there_kept.payload().values()))
        assert there_kept.y.device.type == "cpu"
        assert torch.equal(there.to("cpu").x, synthetic.x)
