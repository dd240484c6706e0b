from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from graphdistill.core import evaluate_images
from graphdistill.core.data import ImageDataset
from graphdistill.core.evaluate_images import (
    ImageProtocol,
    baseline_rows,
    break_even,
    full_set,
    random_sets,
    real_set,
    train_rows,
    valid_score,
)
from graphdistill.core.fit import FitConfig
from graphdistill.core.report import Row
from graphdistill.core.synthetic import SyntheticSet

DRAW = torch.Generator().manual_seed(0)
Y = torch.cat([torch.zeros(30), torch.ones(50)]).long()[torch.randperm(80, generator=DRAW)]
X = 0.5 * torch.rand(80, 1, 8, 8, generator=DRAW)
X[Y == 1, :, 2] += 0.4
DATA = ImageDataset("bars", X, Y, torch.arange(40), torch.arange(40, 60), torch.arange(60, 80))
PROTOCOL = ImageProtocol(DATA, networks=2, fit=FitConfig(steps=20, eval_every=10))


def small(count: int = 10) -> SyntheticSet:
    return real_set(X[:count], Y[:count])


def test_a_row_has_every_draw_and_network() -> None:
    row = train_rows(PROTOCOL, "two sets", [small(10), small(12)], 3.0)
    assert (len(row.test), len(row.valid), row.graphs, row.nbytes) == (4, 4, 11, 11 * 65)
    assert (row.distill_seconds, row.network) == (3.0, "ConvNet")
    assert row.train_seconds is not None
    assert row.train_seconds > 0
    first = train_rows(PROTOCOL, "one of them", [small(10)])
    assert first.test == row.test[:2]
    assert first.distill_seconds is None


def test_training_learns() -> None:
    longer = replace(PROTOCOL, fit=FitConfig(steps=60, eval_every=20))
    assert train_rows(longer, "all", [full_set(longer)]).mean > 0.9


def test_test_is_read_once_a_training_and_never_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    split = ImageProtocol.split

    def spy(self: ImageProtocol, name: str) -> tuple[Tensor, Tensor]:
        read.append(name)
        return split(self, name)

    monkeypatch.setattr(ImageProtocol, "split", spy)
    train_rows(PROTOCOL, "two", [small()])
    assert read.count("test") == 2
    read.clear()
    valid_score(PROTOCOL, small())
    assert "test" not in read


def test_networks_that_choose_are_none_of_those_that_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    network = ImageProtocol.network

    def spy(self: ImageProtocol, seed: int) -> Any:
        seeds.append(seed)
        return network(self, seed)

    monkeypatch.setattr(ImageProtocol, "network", spy)
    train_rows(PROTOCOL, "judged", [small()])
    valid_score(PROTOCOL, small())
    assert seeds == [0, 1, evaluate_images.CHOOSER]


def test_random_images_have_equal_bytes_and_take_classes_in_turn() -> None:
    sets = random_sets(PROTOCOL, small(12).nbytes + 5, 3)
    assert [len(s) for s in sets] == [12] * 3
    assert [s.nbytes for s in sets] == [small(12).nbytes] * 3
    assert [torch.bincount(s.y).tolist() for s in sets] == [[6, 6]] * 3
    assert not torch.equal(sets[0].y, sets[1].y) or not torch.equal(sets[0].data, sets[1].data)  # type: ignore[arg-type]
    train = real_set(*PROTOCOL.split("train")).data
    assert isinstance(train, Tensor)
    for s in sets:
        assert isinstance(s.data, Tensor)
        assert all(bool((train == image).flatten(1).all(dim=1).any()) for image in s.data)


def test_a_budget_below_one_of_each_class_or_above_all() -> None:
    assert torch.bincount(random_sets(PROTOCOL, 1, 1)[0].y).tolist() == [1, 1]
    assert len(random_sets(PROTOCOL, 10**9, 1)[0]) == len(full_set(PROTOCOL)) == 40


def test_baselines() -> None:
    rows = {row.name: row for row in baseline_rows(PROTOCOL, [small(10), small(20)])}
    test_y = Y[DATA.test]
    assert rows["majority class"].test == (pytest.approx(float((test_y == 1).double().mean())),)
    assert len(rows["logistic regression on the same set"].test) == 2
    assert rows["logistic regression on the same set"].mean > 0.8
    assert len(rows["untrained network"].test) == 2
    assert rows["untrained network"].valid == ()


def test_a_linear_model_takes_the_likeliest_class_of_soft_labels() -> None:
    hard = small(20)
    soft = SyntheticSet(hard.data, 0.6 * torch.eye(2)[hard.y] + 0.2, hard.weight)
    one, other = (baseline_rows(PROTOCOL, [s])[1] for s in (hard, soft))
    assert one.test == other.test


def test_augmentation_is_for_training_only() -> None:
    calls: list[int] = []

    def black(x: Tensor, generator: torch.Generator) -> Tensor:
        calls.append(len(x))
        return 0 * x

    blind = replace(PROTOCOL, augment=black)
    train_rows(blind, "blind", [small(10)])
    assert set(calls) == {10}
    assert len(calls) == 40


def row(name: str, distil: float | None, train: float) -> Row:
    return Row(
        name=name, network="ConvNet", test=(0.5,), valid=(), nbytes=1, graphs=1, distill_seconds=distil,
        train_seconds=train,
    )  # fmt: skip


def test_break_even() -> None:
    assert break_even(row("small", 60.0, 2.0), row("all", None, 14.0)) == 5.0
    assert math.isinf(break_even(row("small", 60.0, 2.0), row("all", None, 2.0)))
    assert break_even(row("small", 0.0, 1.0), row("all", None, 2.0)) == 0.0


def test_the_network_is_by_its_seed() -> None:
    one, other, third = (PROTOCOL.network(seed).head.weight for seed in (1, 1, 2))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)
    assert evaluate_images.NETWORK == "ConvNet"
