from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.datasets._splits import by_scaffold, per_class, stratified


def each_once(parts: tuple[torch.Tensor, ...], count: int) -> bool:
    return torch.cat(parts).sort()[0].tolist() == list(range(count))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 5))
def test_a_tenth_of_each_class_is_for_validation_and_for_test(labels: list[int], seed: int) -> None:
    y = torch.tensor(labels)
    parts = stratified(y, seed, "demo")
    assert each_once(parts, len(y))
    for label in set(labels):
        tenth = round(labels.count(label) / 10)
        assert [int((y[part] == label).sum()) for part in parts[1:]] == [tenth, tenth]


def test_the_seed_and_the_name_decide() -> None:
    y = torch.arange(100) % 2
    one, same, seed, name = (stratified(y, *words)[2] for words in ((0, "a"), (0, "a"), (1, "a"), (0, "b")))
    assert torch.equal(one, same)
    assert not torch.equal(one, seed)
    assert not torch.equal(one, name)


def test_many_tasks_are_split_as_one_class() -> None:
    parts = stratified(torch.zeros(40, 3), 0, "tasks")
    assert [len(part) for part in parts] == [32, 4, 4]


def test_a_number_of_each_class_is_for_training() -> None:
    y = torch.arange(90) % 3
    train, valid, test = per_class(y, 0, "nodes", train=5, valid=4)
    assert torch.bincount(y[train]).tolist() == [5, 5, 5]
    assert torch.bincount(y[valid]).tolist() == [4, 4, 4]
    assert each_once((train, valid, test), 90)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=50))
def test_a_scaffold_is_in_one_part(scaffolds: list[str]) -> None:
    parts = by_scaffold(scaffolds)
    assert each_once(parts, len(scaffolds))
    found = [{scaffolds[i] for i in part.tolist()} for part in parts]
    assert sum(map(len, found)) == len(set(scaffolds))


@pytest.mark.parametrize(("scaffolds", "sizes"), [(["a"] * 8 + ["b", "c"], [8, 1, 1]), (["a"] * 10, [0, 0, 10])])
def test_large_scaffolds_come_first(scaffolds: list[str], sizes: list[int]) -> None:
    assert [len(part) for part in by_scaffold(scaffolds)] == sizes
