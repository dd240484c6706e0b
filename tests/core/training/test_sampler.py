from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from graphdistill.core.training.sampler import RepeatedRandomSampler


def sampler(count: int, size: int, seed: int = 0) -> RepeatedRandomSampler:
    return RepeatedRandomSampler(count, size, torch.Generator().manual_seed(seed))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 99), st.data())
def test_no_entry_is_taken_more_than_once_oftener_than_another(
    count: int, rounds: int, seed: int, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, count))
    walk = sampler(count, size, seed)
    taken = torch.cat([walk.round() for _ in range(rounds)])
    assert len(taken) == rounds * size
    times = torch.bincount(taken, minlength=count)
    assert {int(times.min()), int(times.max())} <= {rounds * size // count, -(-rounds * size // count)}


def test_an_order_is_used_up_before_the_next_one_begins() -> None:
    walk = sampler(5, 2)
    taken = torch.cat([walk.round() for _ in range(5)])
    assert sorted(taken[:5].tolist()) == sorted(taken[5:].tolist()) == list(range(5))
    assert taken[:5].tolist() != taken[5:].tolist()


def test_a_loader_gets_other_entries_each_epoch() -> None:
    data = TensorDataset(torch.arange(6))
    loader = DataLoader(data, batch_size=2, sampler=sampler(6, 3))
    assert len(loader) == 2
    epochs = [torch.cat([batch for (batch,) in loader]) for _ in range(2)]
    assert torch.cat(epochs).sort().values.tolist() == list(range(6))


def test_the_same_seed_gives_the_same_walk() -> None:
    walks = [sampler(7, 3, seed) for seed in (1, 1, 2)]
    first, again, other = ([[*walk] for _ in range(4)] for walk in walks)
    assert first == again
    assert first != other


@pytest.mark.parametrize("size", [0, 5])
def test_a_round_that_cannot_be_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"size must be from 1 to the number of entries, 4, got {size}"):
        sampler(4, size)
