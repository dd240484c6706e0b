from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.condense.data.training_data import TrainingData
from graphdistill.condense.matching.experts import (
    Curriculum,
    ExpertTraining,
    Sharpness,
    Smoothness,
    Window,
    expert_logits,
    record_trajectories,
)
from graphdistill.condense.matching.unroll import FlatNetwork, flat_weights
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import Augment
from tests.condense.oracles_trajectories import flat_naive, sharpness_naive, student_naive
from tests.condense.samples import real, real_data, seeded


class Watched:
    """Real data that record the indices that are read."""

    def __init__(self, inner: TrainingData):
        self.inner, self.context = inner, list[list[int]]()

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def __len__(self) -> int:
        return len(self.inner)

    def inputs(self, index: Tensor) -> object:
        self.context.append(index.tolist())
        return self.inner.inputs(index)


def record(data: TrainingData | Watched, count: int = 1, seed: int = 0, **how: object) -> Tensor:
    training = ExpertTraining(**{"epochs": 2, "lr": 0.1, **how})  # type: ignore[arg-type]
    return record_trajectories(data, training, count, seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_experts_are_trained_as_by_a_stock_optimiser(kind: str) -> None:
    data = real_data(kind)  # type: ignore[arg-type]
    paths = record(data, epochs=3, lr=0.3, batch=1000)
    with scoped(0, "expert", 0):
        net = data.network()
    assert torch.equal(paths[0, 0], flat_naive(net))
    everything = data.inputs(torch.arange(len(data)))
    for epoch in range(1, 4):
        wanted = student_naive(net, everything, data.y, 0.3, epoch)
        torch.testing.assert_close(paths[0, epoch], wanted, rtol=1e-4, atol=1e-5)


def test_an_epoch_of_images_sees_each_once_and_one_of_nodes_may_take_many_passes() -> None:
    images, nodes = Watched(real_data("images")), Watched(real_data("nodes"))
    record(images, batch=10, epochs=1)
    assert [len(index) for index in images.context] == [10, 10, 10, 6]
    assert sorted(row for index in images.context for row in index) == list(range(36))
    assert record(nodes, batch=10, epochs=2, passes=3).shape[:2] == (1, 3)
    assert nodes.context == [list(range(24))] * 6


def test_momentum_is_that_of_torch() -> None:
    data = real_data("nodes")
    with scoped(0, "expert", 0):
        net = data.network()
    optimizer, everything = torch.optim.SGD(net.parameters(), 0.3, momentum=0.9), data.inputs(torch.arange(len(data)))
    for _ in range(4):
        optimizer.zero_grad()
        F.cross_entropy(net(everything), data.y).backward()
        optimizer.step()
    torch.testing.assert_close(record(data, epochs=4, lr=0.3, momentum=0.9)[0, -1], flat_naive(net))


def test_a_step_to_flat_places_is_as_the_papers_write_it() -> None:
    data = real_data("images")
    paths = record(data, epochs=1, lr=0.2, batch=1000, sharpness=Sharpness(rho=0.5, alpha=0.4))
    with scoped(0, "expert", 0):
        net = data.network()
    everything = data.inputs(torch.arange(len(data)))
    wanted = paths[0, 0] - 0.2 * sharpness_naive(net, everything, data.y, 0.5, 0.4)
    torch.testing.assert_close(paths[0, 1], wanted, rtol=1e-4, atol=1e-6)
    plain = record(data, epochs=1, lr=0.2, batch=1000)
    assert float((paths - plain).norm()) > 1e-3


def test_without_climbing_steps_are_those_of_sgd() -> None:
    data = real_data("images")
    assert torch.allclose(record(data, sharpness=Sharpness(rho=0, alpha=0.7)), record(data), atol=1e-5)


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_a_smooth_step_is_as_the_paper_writes_it(penalty: float) -> None:
    """Cross-entropy of augmented images with a factor, and the slopes of images as they are."""
    data = real_data("images")
    training = {"lr": 0.2, "batch": 1000, "augment": Augment(("cutout",))}
    paths = record(data, epochs=1, smoothness=Smoothness(penalty, first_factor=0.5, ramp=4), **training)
    plain = record(data, epochs=1, **training)
    with scoped(0, "expert", 0):
        net = data.network()
    x = data.inputs(torch.arange(len(data)))
    assert isinstance(x, Tensor)
    x = x.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    wanted = sum(((size - 1) ** 2 for size in slopes.square().sum(dim=1).sqrt().flatten()), torch.tensor(0.0))
    parts = torch.autograd.grad(penalty * wanted / slopes[:, 0].numel(), list(net.parameters()), materialize_grads=True)
    moved = paths[0, 0] + 0.5 * (plain[0, 1] - plain[0, 0]) - 0.2 * torch.cat([part.flatten() for part in parts])
    torch.testing.assert_close(paths[0, 1], moved, rtol=1e-4, atol=1e-5)


def test_factors_grow_evenly_and_stay_at_one() -> None:
    """The published ones: one half and 0.05 more in each of ten epochs."""
    found = [Smoothness(0.0, first_factor=0.5, ramp=10).factor(epoch) for epoch in range(1, 13)]
    assert found == pytest.approx([*(0.5 + 0.05 * epoch for epoch in range(10)), 1, 1])


def test_a_curriculum_goes_from_easy_to_hard() -> None:
    nodes = Watched(real_data("nodes"))
    record(nodes, epochs=4, curriculum=Curriculum(torch.arange(24.0).flip(0), first=0.25, until=0.5))
    assert [len(index) for index in nodes.context] == [6, 12, 24, 24]
    assert nodes.context[0] == [23, 22, 21, 20, 19, 18]


@given(first=st.floats(0.05, 1), until=st.floats(0.1, 1), fraction_done=st.floats(0, 0.99), more=st.floats(0, 0.5))
def test_a_curriculum_never_forgets(first: float, until: float, fraction_done: float, more: float) -> None:
    plan = Curriculum(torch.rand(20, generator=seeded()), first, until)
    early, late = plan.index(fraction_done).tolist(), plan.index(min(1, fraction_done + more)).tolist()
    assert late[: len(early)] == early
    assert len(early) >= 1
    assert sorted(plan.index(until).tolist()) == list(range(20))


@pytest.mark.bits
@pytest.mark.parametrize("augment", [Augment(()), Augment()])
def test_the_same_seed_gives_the_same_bytes_and_leaves_the_global_generator(augment: Augment) -> None:
    before = torch.get_rng_state()
    one, same, other = (record(real(), 2, seed, batch=8, augment=augment) for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one, same)
    assert not torch.equal(one[0], other[0])
    assert not torch.equal(one[0], one[1])
    assert one.dtype == torch.float32


@given(
    earliest=st.integers(0, 5),
    first=st.integers(0, 5),
    more=st.integers(0, 5),
    until=st.floats(0.1, 1),
    fraction_done=st.floats(0, 0.99),
)
def test_a_window_only_moves_on(earliest: int, first: int, more: int, until: float, fraction_done: float) -> None:
    first += earliest
    window = Window(earliest, first + more, first, until)
    assert window.limit(0) == first
    assert first <= window.limit(fraction_done) <= window.limit(min(1, fraction_done + 0.1)) <= first + more
    assert window.limit(until) == first + more
    assert earliest <= window.sample_epoch(fraction_done, seeded()) <= window.limit(fraction_done)


def test_every_epoch_of_a_window_is_drawn() -> None:
    draws, window = seeded(), Window(2, 4)
    assert {window.sample_epoch(0.0, draws) for _ in range(60)} == {2, 3, 4}


def test_windows_and_trainings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="0 <= earliest <= first_latest <= latest, got 3, 2, 2"):
        Window(3, 2)
    with pytest.raises(ValueError, match="epochs must be 1 or more, got 0"):
        ExpertTraining(epochs=0, lr=0.1)


def test_logits_are_of_the_experts_that_are_right() -> None:
    data = real()
    weights = record(data, 3, epochs=1, lr=0.01)[:, 1]
    with scoped(1, "shape"):
        net = FlatNetwork(data.network())
    logits, right = expert_logits(data, net, weights)
    everything = data.inputs(torch.arange(len(data)))
    for row, true in enumerate(data.y.tolist()):
        every = [net(theta, everything)[row] for theta in weights]
        good = [z for z in every if int(z.argmax()) == true]
        assert int(right[row]) == len(good)
        wanted = torch.stack(good or every).mean(dim=0)
        wanted[true] = wanted.max()
        torch.testing.assert_close(logits[row], wanted)
    assert 0 < int((right == 0).sum()) < len(right)


def test_flat_weights_are_in_the_order_of_the_network() -> None:
    net = real().network()
    assert torch.equal(flat_weights(net), flat_naive(net))
