from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import BestScore, Keep, LeastLoss, MeanOfLast, Training, train, train_together

X = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
Y = (X.sum(dim=1) > 0).long()
RULES = (BestScore(), LeastLoss(), MeanOfLast(1), MeanOfLast(3))


def network(seed: int = 0) -> nn.Module:
    with scoped(seed, "weights"):
        return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))


def loss_of(net: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda index: F.cross_entropy(net(X[index]), Y[index])


def shuffled(seed: int = 0) -> Callable[[int], Iterable[Tensor]]:
    draws = torch.Generator().manual_seed(seed)
    return lambda epoch: torch.randperm(12, generator=draws).split(5)


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


class Counter(nn.Module):
    """A weight that counts the steps, by SGD with lr 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))


def counting(
    values: Iterable[float], keep: Keep | None = None, **more: object
) -> tuple[Counter, Training[int], list[int]]:
    """A training whose checks have the values; the weight at each check is recorded."""
    net, script, at = Counter(), iter(values), list[int]()

    def check() -> float:
        assert not net.training
        assert not torch.is_grad_enabled()
        at.append(int(net.weight))
        return next(script)

    def loss(batch: int) -> Tensor:
        assert net.training
        return -net.weight

    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    return net, Training(net, optimizer, loss, check, keep, **more), at  # type: ignore[arg-type]


def chosen(rule: Keep, values: list[float], epochs: list[int]) -> int:
    """The epoch of the checkpoint, written by comparing all of them at the end; 0 for none."""
    pairs = list(zip(values, epochs, strict=True))
    if isinstance(rule, BestScore):
        return next(e for v, e in pairs if v == max(values))
    if isinstance(rule, LeastLoss):
        numbers = [v for v in values if not math.isnan(v)]
        return [e for v, e in pairs if v == min(numbers)][-1] if numbers else 0
    assert isinstance(rule, MeanOfLast)
    k = rule.count
    means = [(sum(values[i + 1 - k : i + 1]) / k, epochs[i]) for i in range(k - 1, len(values))]
    if not means:
        return epochs[-1]
    return max(means)[1]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_training_is_that_of_a_naive_loop(name: str) -> None:
    ours, naive = network(), network()
    optimizers = [getattr(torch.optim, name)(net.parameters(), lr=0.1) for net in (ours, naive)]
    with scoped(3, "dropout"):
        train(Training(ours, optimizers[0], loss_of(ours)), shuffled(), epochs=4)
    batches, naive_loss = shuffled(), loss_of(naive)
    with scoped(3, "dropout"):
        naive.train()
        for epoch in range(4):
            for index in batches(epoch):
                optimizers[1].zero_grad()
                naive_loss(index).backward()
                optimizers[1].step()
    assert same(ours, naive)


@pytest.mark.parametrize("rule", RULES, ids=str)
@given(
    # Eighths have exact means.
    values=st.lists(st.integers(0, 3).map(lambda n: n / 8), min_size=1, max_size=12),
    eval_every=st.integers(1, 3),
    rest=st.integers(0, 2),
)
def test_the_checkpoint_is_chosen_by_the_rule(rule: Keep, values: list[float], eval_every: int, rest: int) -> None:
    rest = min(rest, eval_every - 1)
    epochs = eval_every * (len(values) - 1) + (rest or eval_every)
    checked = [min(eval_every * (i + 1), epochs) for i in range(len(values))]
    net, training, at = counting(values, rule)
    result = train(training, lambda epoch: [0, 1], epochs, eval_every=eval_every)
    assert at == [2 * epoch for epoch in checked]  # two steps an epoch
    assert result.step == chosen(rule, values, checked)
    assert int(net.weight) == 2 * result.step
    assert not net.training
    window = rule.count if isinstance(rule, MeanOfLast) else 1
    last = checked.index(result.step) + 1
    found = values[max(0, last - window) : last]
    assert result.valid == pytest.approx(sum(found) / len(found))


def test_a_loss_that_is_no_number_is_never_chosen() -> None:
    nan = float("nan")
    net, training, _ = counting([nan, 0.5, nan, 0.75], LeastLoss())
    assert train(training, lambda epoch: [0], 4).step == 2
    assert int(net.weight) == 2
    net, training, _ = counting([nan, nan], LeastLoss())
    result = train(training, lambda epoch: [0], 2)
    assert (result.step, math.isnan(result.valid)) == (0, True)
    assert int(net.weight) == 2


def test_a_score_that_is_no_number_keeps_the_first_checkpoint() -> None:
    net, training, _ = counting([float("nan")] * 3, BestScore())
    assert train(training, lambda epoch: [0], 3).step == 1
    assert int(net.weight) == 1


@pytest.mark.parametrize(("patience", "stops_at"), [(1, 3), (2, 6), (3, 10), (None, 10)])
def test_training_stops_when_patience_is_used_up(patience: int | None, stops_at: int) -> None:
    values = [0.1, 0.3, 0.2, 0.4, 0.4, 0.3, 0.5, 0.2, 0.1, 0.0]
    _, training, at = counting(values, BestScore(), patience=patience)
    result = train(training, lambda epoch: [0], 10)
    assert at[-1] == stops_at
    assert training.stopped == (patience is not None)
    assert result.step == at[max(range(len(at)), key=lambda i: values[i])]


def test_without_a_rule_the_last_weights_stay() -> None:
    net, training, at = counting([0.3, 0.9, 0.1])
    result = train(training, lambda epoch: [0], 3)
    assert at == [1, 2, 3]
    assert int(net.weight) == 3
    assert (result.step, math.isnan(result.valid)) == (0, True)


def test_without_checks_the_network_stays_in_training_mode() -> None:
    net = network().eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    result = train(Training(net, optimizer, loss_of(net)), shuffled())
    assert net.training
    assert result.seconds > 0
    before = copy.deepcopy(net)
    train(Training(net, optimizer, loss_of(net)), shuffled(), epochs=0)
    assert same(net, before)


def test_hooks_change_gradients_and_follow_steps() -> None:
    net, steps = Counter(), list[tuple[int, float, float]]()

    def reverse() -> None:
        assert net.weight.grad is not None
        net.weight.grad *= -3

    def after(batch: int, loss: Tensor) -> None:
        assert not loss.requires_grad
        steps.append((batch, float(loss), float(net.weight.detach())))

    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    training = Training[int](net, optimizer, lambda batch: -net.weight, after_backward=reverse, after_step=after)
    train(training, lambda epoch: [10 * epoch, 10 * epoch + 1], 2)
    assert steps == [(10, 0.0, -3.0), (11, 3.0, -6.0), (20, 6.0, -9.0), (21, 9.0, -12.0)]


def test_only_parameters_of_the_network_get_gradients() -> None:
    net, x = network(), X.clone().requires_grad_()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net.register_parameter("unused", nn.Parameter(torch.ones(1)))
    train(Training(net, optimizer, lambda inputs: F.cross_entropy(net(inputs), Y)), lambda epoch: [x], 2)
    assert x.grad is None
    assert net.unused.grad is None
    assert net[0].weight.grad is not None


def test_an_optimizer_may_evaluate_the_gradient_several_times() -> None:
    net = nn.Linear(3, 1)
    wanted = X @ torch.tensor([[1.0], [-2.0], [0.5]])
    optimizer = torch.optim.LBFGS(net.parameters(), line_search_fn="strong_wolfe")
    train(Training(net, optimizer, lambda x: F.mse_loss(net(x), wanted)), lambda epoch: [X], epochs=5)
    torch.testing.assert_close(net(X), wanted, atol=1e-3, rtol=1e-3)


def test_networks_that_are_trained_together_are_what_they_are_alone() -> None:
    def training(seed: int, patience: int | None) -> Training[Tensor]:
        net = network(seed)

        def check() -> float:
            return float((net(X).argmax(dim=1) == Y).float().mean())

        optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
        return Training(net, optimizer, loss_of(net), check, BestScore(), patience)

    plans = [(0, 1), (1, None), (2, 3)]
    together, alone = ([training(*plan) for plan in plans] for _ in range(2))
    with scoped(5, "dropout"):
        results = train_together(together, shuffled(), 30, eval_every=2)
    for one, other, found in zip(together, alone, results, strict=True):
        with scoped(5, "dropout"):
            result = train(other, shuffled(), 30, eval_every=2)
        assert (result.valid, result.step) == (found.valid, found.step)
        assert same(one.module, other.module)
        assert one.stopped == other.stopped
    assert {one.stopped for one in together} == {True, False}


def test_seconds_are_those_of_batches_and_steps_without_checks() -> None:
    def slow(epoch: int) -> Iterator[int]:
        time.sleep(0.02)
        yield 0

    net = Counter()

    def check() -> float:
        time.sleep(0.2)
        return 0.0

    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    result = train(Training[int](net, optimizer, lambda batch: -net.weight, check, BestScore()), slow, 4)
    assert 0.08 <= result.seconds < 0.8


def test_progress_counts_epochs_under_the_label() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.calls = list[tuple[int, str]]()

        def track(self, items: Iterable[int], label: str, total: float | None = None) -> Iterator[int]:
            for item in items:
                self.calls.append((item, label))
                yield item

    recorder = Recorder()
    _, training, _ = counting([0.3, 0.2, 0.1, 0.0], BestScore(), patience=2)
    train(training, lambda epoch: [0], 9, progress=recorder, label="student")  # type: ignore[arg-type]
    assert recorder.calls == [(1, "student"), (2, "student"), (3, "student")]
