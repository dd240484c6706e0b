from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from graphdistill.condense.matching.objective import Recipe
from graphdistill.condense.matching.optimizer import SetOptimizer
from graphdistill.condense.methods.dm import MomentMatch
from tests.condense.samples import seeded
from tests.second_device import second_device

Optimizers = dict[str, tuple[dict[str, Any], Callable[[Any], torch.optim.Optimizer]]]
OPTIMIZERS: Optimizers = {
    "sgd": ({}, lambda groups: torch.optim.SGD(groups, momentum=0.5)),
    "no momentum": ({"momentum": 0.0}, torch.optim.SGD),
    "heavy": ({"momentum": 0.9}, lambda groups: torch.optim.SGD(groups, momentum=0.9)),
    "adam": ({"optimizer": "adam"}, torch.optim.Adam),
    "betas": (
        {"optimizer": "adam", "betas": (0.5, 0.9)},
        lambda groups: torch.optim.Adam(groups, betas=(0.5, 0.9)),
    ),
}
LRS = {"x": 0.1, "edge.weight": 0.03}


def recipe(**changes: Any) -> Recipe:
    return Recipe(**{"objective": MomentMatch(), "schedule": None, "steps": 8, "lr": 0.1, **changes})


def parameters() -> dict[str, Tensor]:
    draw = seeded()
    return {"x": torch.rand(3, 2, generator=draw), "edge.weight": torch.rand(4, generator=draw)}


def leaves(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone().requires_grad_() for name, value in tensors.items()}


def loss(tensors: dict[str, Tensor], step: int) -> Tensor:
    """Another one in every step, which both tensors have a part in."""
    return ((tensors["x"] - step).square().sum() + 1) * tensors["edge.weight"].cos().sum()


def go(set_optimizer: SetOptimizer, steps: range) -> None:
    for step in steps:
        loss(set_optimizer.parameters, step).backward()  # type: ignore[no-untyped-call]
        set_optimizer.step(step / 8)
        set_optimizer.update_ema()


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("lrs", [0.1, LRS], ids=["one lr", "by name"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_goes_where_torchs_optimiser_goes(name: str, lrs: float | dict[str, float], cosine: bool) -> None:
    words, make = OPTIMIZERS[name]
    ours, theirs = leaves(parameters()), leaves(parameters())
    go(SetOptimizer(recipe(lr=lrs, cosine=cosine, **words), ours), range(8))
    each = lrs if isinstance(lrs, dict) else dict.fromkeys(theirs, lrs)
    optimizer = make([{"params": [value], "lr": each[key]} for key, value in theirs.items()])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 8)
    for step in range(8):
        optimizer.zero_grad()
        loss(theirs, step).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if cosine:
            schedule.step()
    for key in ours:
        torch.testing.assert_close(ours[key], theirs[key], rtol=1e-5 if cosine else 0, atol=1e-6 if cosine else 0)
        assert not torch.equal(ours[key], parameters()[key])


def test_a_cosine_begins_whole_is_half_in_the_middle_and_ends_at_nothing() -> None:
    sizes = []
    for fraction_done in (0.0, 0.5, 1.0):
        x = torch.zeros(1, requires_grad=True)
        set_optimizer = SetOptimizer(recipe(cosine=True, lr=0.2), {"x": x})
        x.sum().backward()  # type: ignore[no-untyped-call]
        set_optimizer.step(fraction_done)
        sizes.append(-x.item())
    assert sizes == pytest.approx([0.2, 0.1, 0.0])


@pytest.mark.parametrize("cosine", [False, True])
def test_the_scale_is_a_factor_on_every_step_size(cosine: bool) -> None:
    one, other = leaves(parameters()), leaves(parameters())
    go(SetOptimizer(recipe(lr=LRS, cosine=cosine), one, 0.5), range(8))
    go(SetOptimizer(recipe(lr={name: lr / 2 for name, lr in LRS.items()}, cosine=cosine), other), range(8))
    assert same(one, other)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_the_running_average_number_by_number(decay: float) -> None:
    ours = leaves(parameters())
    set_optimizer = SetOptimizer(recipe(average=decay), ours)
    wanted = {name: value.tolist() for name, value in parameters().items()}
    flat: dict[str, list[float]] = {name: parameters()[name].flatten().tolist() for name in wanted}
    assert same(set_optimizer.averages, parameters())
    for step in range(5):
        go(set_optimizer, range(step, step + 1))
        for name, values in flat.items():
            now = ours[name].flatten().tolist()
            flat[name] = [decay * old + (1 - decay) * new for old, new in zip(values, now, strict=True)]
    for name, values in flat.items():
        assert set_optimizer.averages[name].flatten().tolist() == pytest.approx(values, rel=1e-5)
        assert not set_optimizer.averages[name].requires_grad


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("cut", [0, 1, 5])
def test_from_a_state_it_goes_on_bit_for_bit(name: str, average: float, cut: int) -> None:
    what = recipe(lr=LRS, average=average, cosine=True, **OPTIMIZERS[name][0])
    whole, first = leaves(parameters()), leaves(parameters())
    uncut, before = SetOptimizer(what, whole), SetOptimizer(what, first)
    go(uncut, range(8))
    go(before, range(cut))
    state, now = before.state(), leaves(first)
    kept = {key: value.clone() for key, value in state.items()}
    go(before, range(cut, 8))
    assert same(state, kept)  # copies
    after = SetOptimizer(what, now)
    after.load(state)
    go(after, range(cut, 8))
    assert same(state, kept)
    assert same(now, whole)
    assert same(after.state(), uncut.state())
    assert same(after.averages, uncut.averages)


def test_a_state_has_only_what_the_next_step_depends_on() -> None:
    def names(**words: Any) -> set[str]:
        set_optimizer = SetOptimizer(recipe(**words), leaves(parameters()))
        go(set_optimizer, range(2))
        return set(set_optimizer.state())

    both = ("x", "edge.weight")
    assert names(momentum=0.0) == set()
    assert names() == {f"{name}.momentum_buffer" for name in both}
    assert names(momentum=0.0, average=0.9) == {f"{name}.average" for name in both}
    adam = {f"{name}.{key}" for name in both for key in ("step", "exp_avg", "exp_avg_sq")}
    assert names(optimizer="adam") == adam


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_has_no_gradient_stays_and_gradients_are_forgotten(name: str) -> None:
    ours = leaves(parameters())
    set_optimizer = SetOptimizer(recipe(**OPTIMIZERS[name][0]), ours)
    ours["x"].square().sum().backward()  # type: ignore[no-untyped-call]
    set_optimizer.step(0.0)
    assert ours["x"].grad is None
    assert not torch.equal(ours["x"], parameters()["x"])
    assert torch.equal(ours["edge.weight"], parameters()["edge.weight"])
    again = SetOptimizer(recipe(**OPTIMIZERS[name][0]), ours)
    again.load(set_optimizer.state())
    assert same(again.state(), set_optimizer.state())


def test_every_tensor_needs_a_step_size() -> None:
    with pytest.raises(ValueError, match=r"^lr has no step size for edge.weight, x; it has y$"):
        SetOptimizer(recipe(lr={"y": 0.1}), leaves(parameters()))
    SetOptimizer(recipe(lr={**LRS, "more": 1.0}), leaves(parameters()))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_its_state_is_stored_on_the_cpu_and_restored_on_the_device(optimizer: str) -> None:
    what = recipe(optimizer=optimizer, average=0.5)

    def steps(device: torch.device | str, count: int, state: dict[str, Tensor] | None = None) -> SetOptimizer:
        moved = leaves({name: value.to(device) for name, value in parameters().items()})
        made = SetOptimizer(what, moved)
        made.load(state or {})
        for _ in range(count):
            torch.stack([value.square().sum() for value in moved.values()]).sum().backward()
            made.step(0.0)
            made.update_ema()
        return made

    whole = steps("cpu", 2).state()
    with second_device() as device:
        state = steps(device, 2).state()
        assert state.keys() == whole.keys()
        assert all(value.device.type == "cpu" for value in state.values())
        assert all(map(torch.equal, state.values(), whole.values()))
        onward, here = (steps(where, 1, state).state() for where in (device, "cpu"))
        assert all(map(torch.equal, onward.values(), here.values()))
