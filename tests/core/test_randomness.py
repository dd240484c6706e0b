from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.randomness import class_balanced_order, generator, random_state, scoped, set_random_state


def draw(seed: int, *purpose: object) -> list[int]:
    return torch.randint(2**40, (8,), generator=generator(seed, *purpose)).tolist()


@given(st.integers(0, 2**31 - 1), st.text(max_size=5))
def test_a_stream_is_reproducible(seed: int, purpose: str) -> None:
    assert draw(seed, purpose, 3) == draw(seed, purpose, 3)


def test_streams_of_seeds_and_purposes_differ() -> None:
    keys = [
        (seed, *p) for seed in range(20) for p in ((), ("a",), ("b",), ("a", 1), ("a", 11), (1, "a"), ("split", "NCI1"))
    ]
    assert len({tuple(draw(*key)) for key in keys}) == len(keys)
    assert draw(1, 2) != draw(12)


def test_streams_are_not_shifted_copies() -> None:
    one, other = (torch.randn(4000, generator=generator(0, p)) for p in ("a", "b"))
    assert abs(float((one * other).mean())) < 0.08
    assert not set(one.tolist()) & set(other[:50].tolist())


@pytest.mark.bits
def test_another_process_draws_the_same() -> None:
    code = "from graphdistill.core.randomness import generator; import torch; "
    code += "print(torch.randint(2**40, (8,), generator=generator(5, 'batches', 2)).tolist())"
    environment = {**os.environ, "PYTHONHASHSEED": "3"}
    command = [sys.executable, "-c", code]
    folder = Path(__file__).parents[2]
    there = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == str(draw(5, "batches", 2))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    torch.rand(3, generator=generator(0, "x"))
    with scoped(0, "x"):
        torch.rand(3)
    with pytest.raises(ZeroDivisionError), scoped(0, "x"):
        _ = torch.rand(3) / (1 // 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_scope_draws_the_stream_of_its_purpose() -> None:
    def inside(*key: int | str) -> list[float]:
        with scoped(int(key[0]), *key[1:]):
            return torch.rand(4).tolist()

    assert inside(0, "dropout") == torch.rand(4, generator=generator(0, "dropout")).tolist()
    assert inside(0, "dropout") == inside(0, "dropout")
    assert len({tuple(inside(*key)) for key in ((0, "dropout"), (1, "dropout"), (0, "weights"))}) == 3


def test_scopes_nest() -> None:
    with scoped(0, "outer"):
        torch.rand(2)
        with scoped(0, "inner"):
            torch.rand(7)
        nested = torch.rand(2)
    with scoped(0, "outer"):
        torch.rand(2)
        assert torch.equal(torch.rand(2), nested)


def test_a_state_of_the_global_generator_can_be_set_again() -> None:
    before = random_state()
    assert len(before) == 1 + torch.cuda.device_count() * torch.cuda.is_initialized()
    first = torch.rand(3)
    set_random_state(before)
    assert torch.equal(torch.rand(3), first)


@pytest.mark.parametrize("in_use", [True, False])
def test_the_generators_of_gpus_are_seeded_and_restored(in_use: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a driver in the GPUs' place."""
    calls: list[tuple[str, object]] = []
    states = [torch.tensor([1]), torch.tensor([2])]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: in_use)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: states)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", lambda states: calls.append(("state", states)))
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: calls.append(("seed", seed)))
    with scoped(3, "dropout"):
        calls.append(("inside", 0))
    wanted = [("seed", generator(3, "dropout").initial_seed()), ("inside", 0)]
    # A GPU that was not in use has no state to go back to.
    assert calls == wanted + [("state", states)] * in_use


@pytest.mark.gpu
def test_dropout_on_a_gpu_follows_the_seed() -> None:
    x = torch.ones(1000, device="cuda")
    before = torch.cuda.get_rng_state()
    drawn = []
    for seed in (0, 0, 1):
        with scoped(seed, "dropout"):
            drawn.append(torch.dropout(x, 0.5, train=True))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(torch.cuda.get_rng_state(), before)


@given(st.lists(st.sampled_from([0, 1, 2, 7]), min_size=1, max_size=30), st.integers(0, 99))
def test_classes_take_turns_while_they_last(labels: list[int], seed: int) -> None:
    label = torch.tensor(labels)
    order = class_balanced_order(label, generator(seed, "turns"))
    assert sorted(order.tolist()) == list(range(len(labels)))
    left, taken = Counter(labels), label[order].tolist()
    while taken:
        # A round takes one of each class that is left, in the order of classes.
        classes = sorted(c for c, n in left.items() if n)
        assert taken[: len(classes)] == classes
        taken = taken[len(classes) :]
        left.subtract(classes)


def test_within_a_class_the_order_is_drawn() -> None:
    label = torch.arange(60) % 2
    one, same, other = (class_balanced_order(label, generator(seed, "turns")).tolist() for seed in (0, 0, 1))
    assert one == same
    assert one != other
    # Any of the thirty may come first.
    first = {int(class_balanced_order(label, generator(seed, "turns"))[0]) for seed in range(300)}
    assert first == set(range(0, 60, 2))


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^seed must be 0 or more, got -1$"):
        generator(-1, "x")
    with pytest.raises(ValueError, match=r"^seed must be 0 or more, got -5$"), scoped(-5):
        pass
