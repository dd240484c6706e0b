from __future__ import annotations

import inspect
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from graphdistill.core.command.report import Row
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.protocol import (
    SELECTION_SEED,
    SetProtocol,
    baseline_rows,
    break_even,
    real_set,
    train_rows,
    valid_score,
)
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import FitConfig
from tests.vqgraph.samples import small as graph

DRAW = torch.Generator().manual_seed(0)
Y = torch.cat([torch.zeros(30), torch.ones(50)]).long()[torch.randperm(80, generator=DRAW)]
X = 0.5 * torch.rand(80, 1, 8, 8, generator=DRAW)
X[Y == 1, :, 2] += 0.4
IMAGES = ImageDataset("bars", X, Y, torch.arange(40), torch.arange(40, 60), torch.arange(60, 80))
FIT = FitConfig(steps=20, eval_every=10)
PROTOCOLS: dict[str, SetProtocol[Any]] = {
    "images": ImageProtocol(IMAGES, networks=2, fit=FIT),
    "nodes": NodeProtocol(graph(120, classes=2), networks=2, fit=replace(FIT, lr=0.02)),
}


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> SetProtocol[Any]:
    return PROTOCOLS[request.param]


def small(protocol: SetProtocol[Any], count: int = 10) -> SyntheticSet:
    """So many training entries."""
    one = protocol.random_sets(1, 1)[0]
    return protocol.random_sets(count * one.nbytes // len(one), 1)[0]


def test_a_row_has_every_draw_and_network(protocol: SetProtocol[Any]) -> None:
    sets = [small(protocol, 10), small(protocol, 12)]
    row = train_rows(protocol, "two sets", sets, 3.0)
    assert (len(row.test), len(row.valid), row.entries) == (4, 4, 11)
    assert row.nbytes == 11 * sets[0].nbytes // 10
    assert (row.distill_seconds, row.group) == (3.0, protocol.NETWORK)
    assert row.train_seconds is not None
    assert row.train_seconds > 0
    first = train_rows(protocol, "one of them", sets[:1])
    assert (first.test, first.valid) == (row.test[:2], row.valid[:2])
    assert first.distill_seconds is None


def test_training_learns(protocol: SetProtocol[Any]) -> None:
    longer = replace(protocol, fit=replace(protocol.fit, steps=60, eval_every=20))
    assert train_rows(longer, "all", [longer.full()]).mean > 0.9


def test_a_score_is_that_of_the_network_with_the_best_validation(protocol: SetProtocol[Any]) -> None:
    net, fitted = protocol.train(small(protocol), 0)
    assert protocol.score(net, "valid") == fitted.valid
    inputs, y = protocol.split("test")
    assert protocol.score(net, "test") == pytest.approx(float((net.eval()(inputs).argmax(dim=1) == y).double().mean()))
    assert train_rows(protocol, "one", [small(protocol)]).test[0] == protocol.score(net, "test")


def test_test_is_read_once_a_training_and_never_to_choose(
    protocol: SetProtocol[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    kind, chosen_set = type(protocol), small(protocol)
    for name in ("split", "flat", "labels"):
        method = getattr(kind, name)

        def spy(self: Any, what: Any, method: Any = method) -> Any:
            read.append(what)
            return method(self, what)

        monkeypatch.setattr(kind, name, spy)
    train_rows(protocol, "two", [chosen_set])
    assert read.count("test") == 2
    read.clear()
    valid_score(protocol, chosen_set)
    protocol.random_sets(10_000, 2)
    protocol.extra_baselines([chosen_set])
    protocol.full()
    assert "valid" in read
    assert "test" not in read


def test_what_is_in_test_changes_nothing_that_is_chosen(protocol: SetProtocol[Any]) -> None:
    """Labels and, of images, pixels; nodes of the test split are in the graph, as everywhere in this task."""
    data = protocol.data
    blind = data.y.clone()
    blind[data.test] = 1 - blind[data.test]
    changed = replace(data, y=blind)
    if isinstance(data, ImageDataset):
        images = data.images.clone()
        images[data.test] = 0.5
        changed = replace(changed, images=images)
    other = replace(protocol, data=changed)
    chosen_set = small(protocol)
    assert valid_score(protocol, chosen_set) == valid_score(other, chosen_set)
    one, two = train_rows(protocol, "row", [chosen_set]), train_rows(other, "row", [chosen_set])
    assert one.valid == two.valid
    if not isinstance(data, ImageDataset):
        assert two.test == pytest.approx([1 - score for score in one.test])
    for ours, theirs in zip(protocol.random_sets(10_000, 2), other.random_sets(10_000, 2), strict=True):
        assert torch.equal(ours.data, theirs.data)  # type: ignore[arg-type]
        assert torch.equal(ours.y, theirs.y)


def test_networks_that_choose_are_none_of_those_of_rows(
    protocol: SetProtocol[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    network = type(protocol).network

    def spy(self: Any, seed: int) -> Any:
        seeds.append(seed)
        return network(self, seed)

    monkeypatch.setattr(type(protocol), "network", spy)
    chosen_set = small(protocol)
    train_rows(protocol, "row", [chosen_set])
    valid_score(protocol, chosen_set)
    assert seeds == [0, 1, SELECTION_SEED]


def test_the_network_is_by_its_seed(protocol: SetProtocol[Any]) -> None:
    before = torch.get_rng_state()
    one, other, third = (protocol.network(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["head.weight"], third["head.weight"])
    assert torch.equal(torch.get_rng_state(), before)


def test_baselines(protocol: SetProtocol[Any]) -> None:
    rows = {row.name: row for row in baseline_rows(protocol, [small(protocol, 10), small(protocol, 20)])}
    test_y, most = protocol.labels("test"), protocol.labels("train").mode().values
    assert rows["majority class"].test == (pytest.approx(float((test_y == most).double().mean())),)
    linear = rows[f"logistic regression on {protocol.LINEAR} of the same set"]
    assert (len(linear.test), len(linear.valid)) == (2, 2)
    assert linear.mean > 0.8
    assert linear.train_seconds is not None
    untrained = rows["untrained network"]
    assert untrained.test == tuple(protocol.score(protocol.network(seed), "test") for seed in range(2))
    assert untrained.valid == ()
    assert all(row.nbytes is None for row in rows.values())


def test_a_linear_model_takes_the_likeliest_class_of_soft_labels(protocol: SetProtocol[Any]) -> None:
    hard = small(protocol, 20)
    soft = SyntheticSet(hard.data, 0.6 * torch.eye(2)[hard.y] + 0.2, hard.weight)
    one, other = (baseline_rows(protocol, [s])[1] for s in (hard, soft))
    assert one.test == other.test


def test_networks_learn_from_soft_labels_and_weights(protocol: SetProtocol[Any]) -> None:
    hard = small(protocol, 20)
    same = SyntheticSet(hard.data, torch.eye(2)[hard.y], hard.weight)
    others = SyntheticSet(hard.data, 1 - torch.eye(2)[hard.y], hard.weight)
    one_class = SyntheticSet(hard.data, hard.y, (hard.y == 0).float())
    row, again, wrong, single = (train_rows(protocol, "row", [s]) for s in (hard, same, others, one_class))
    assert row.test == pytest.approx(again.test)
    assert wrong.mean < 0.5 < row.mean
    assert single.mean == pytest.approx(float((protocol.labels("test") == 0).double().mean()), abs=0.2)


def test_augmentation_is_for_training_only() -> None:
    calls: list[int] = []

    def black(x: Tensor, generator: torch.Generator) -> Tensor:
        calls.append(len(x))
        return 0 * x

    blind = replace(PROTOCOLS["images"], augment=black)
    train_rows(blind, "blind", [real_set(X[:10], Y[:10])])
    assert set(calls) == {10}
    assert len(calls) == 40


def test_choosing_takes_half_the_steps(protocol: SetProtocol[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    train = type(protocol).train

    def spy(self: Any, part: Any, seed: int, config: FitConfig | None = None) -> Any:
        steps.append((config or self.fit).steps)
        return train(self, part, seed, config)

    monkeypatch.setattr(type(protocol), "train", spy)
    valid_score(protocol, small(protocol))
    valid_score(replace(protocol, fit=replace(protocol.fit, steps=1)), small(protocol))
    train_rows(protocol, "row", [small(protocol)])
    assert steps == [10, 1, 20, 20]


def test_every_kind_says_what_it_is(protocol: SetProtocol[Any]) -> None:
    assert not inspect.isabstract(type(protocol))
    assert (protocol.metric, protocol.task, protocol.num_classes) == ("accuracy", "multiclass", 2)
    for name in ("train", "valid", "test"):
        inputs, y = protocol.split(name)
        assert len(inputs) == len(y) == len(protocol.flat(name))
        assert torch.equal(y, protocol.labels(name))


def row(name: str, distil: float | None, train: float) -> Row:
    return Row(
        name=name, group="ConvNet", test=(0.5,), valid=(), nbytes=1, entries=1, distill_seconds=distil,
        train_seconds=train,
    )  # fmt: skip


def test_break_even() -> None:
    assert break_even(row("small", 60.0, 2.0), row("all", None, 14.0)) == 5.0
    assert math.isinf(break_even(row("small", 60.0, 2.0), row("all", None, 2.0)))
    assert break_even(row("small", 0.0, 1.0), row("all", None, 2.0)) == 0.0
