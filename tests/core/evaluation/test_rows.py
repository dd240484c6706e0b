"""Rows of images and nodes, and the row of RS2: other entries in every step, and the storage of all the data."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.data.training_data import Kind
from graphdistill.core.command.report import Row
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.evaluation.protocol import SetProtocol, valid_score
from graphdistill.core.evaluation.rows import Plan, baseline_rows, break_even, rs2_plan, train_plans, train_rows
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import FitConfig
from tests.condense.graph_samples import QUICK, chains
from tests.condense.samples import data
from tests.core.evaluation.samples import PROTOCOLS, row_of, small


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> SetProtocol[Any]:
    return PROTOCOLS[request.param]


def test_a_row_has_every_draw_and_network(protocol: SetProtocol[Any]) -> None:
    sets = [small(protocol, 10), small(protocol, 12)]
    (row,) = train_rows(protocol, "two sets", sets, 3.0)
    assert (len(row.test), len(row.valid), row.entries) == (4, 4, 11)
    assert row.nbytes == round((sets[0].nbytes + sets[1].nbytes) / 2)
    assert (row.distill_seconds, row.group) == (3.0, protocol.networks[0])
    assert row.train_seconds is not None
    assert row.train_seconds > 0
    first = row_of(protocol, *sets[:1])
    assert (first.test, first.valid) == (row.test[:2], row.valid[:2])
    assert first.distill_seconds is None


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
    one, two = row_of(protocol, chosen_set), row_of(other, chosen_set)
    assert one.valid == two.valid
    if not isinstance(data, ImageDataset):
        assert two.test == pytest.approx([1 - score for score in one.test])
    for ours, theirs in zip(protocol.random_sets(10_000, 2), other.random_sets(10_000, 2), strict=True):
        assert torch.equal(ours.data, theirs.data)  # type: ignore[arg-type]
        assert torch.equal(ours.y, theirs.y)


def test_baselines(protocol: SetProtocol[Any]) -> None:
    rows = {row.name: row for row in baseline_rows(protocol, [small(protocol, 10), small(protocol, 20)])}
    test_y, most = protocol.labels("test"), protocol.labels("train").mode().values
    assert rows["majority class"].test == (pytest.approx(float((test_y == most).double().mean())),)
    linear = rows[protocol.linear]
    assert (len(linear.test), len(linear.valid)) == (2, 2)
    assert linear.mean > 0.8
    assert linear.train_seconds is not None
    untrained = rows["untrained network"]
    assert untrained.test == tuple(
        protocol.score(protocol.network(protocol.networks[0], seed), "test") for seed in range(2)
    )
    assert untrained.valid == ()
    assert all(row.nbytes is None for row in rows.values())


def test_a_linear_model_takes_the_likeliest_class_of_soft_labels(protocol: SetProtocol[Any]) -> None:
    hard = small(protocol, 20)
    soft = SyntheticSet(hard.data, 0.6 * torch.eye(2)[hard.y] + 0.2, hard.weight)
    one, other = (baseline_rows(protocol, [s])[1] for s in (hard, soft))
    assert one.test == other.test


def row(name: str, distil: float | None, train: float) -> Row:
    return Row(
        name=name, group="ConvNet", test=(0.5,), valid=(), nbytes=1, entries=1, distill_seconds=distil,
        train_seconds=train,
    )  # fmt: skip


def test_break_even() -> None:
    assert break_even(row("small", 60.0, 2.0), row("all", None, 14.0)) == 5.0
    assert math.isinf(break_even(row("small", 60.0, 2.0), row("all", None, 2.0)))
    assert break_even(row("small", 0.0, 1.0), row("all", None, 2.0)) == 0.0


def rs2_row(protocol: SetProtocol[Any], size: int) -> Row:
    (row,) = train_plans(protocol, [rs2_plan(protocol, size, protocol.full())])
    return row


def shortened(kind: Kind, batch_size: int) -> SetProtocol:  # type: ignore[type-arg]
    return replace(protocol_of(data(kind), trainings=2), fit=FitConfig(steps=8, batch_size=batch_size, eval_every=4))


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_steps_are_as_on_a_set_and_storage_is_not(kind: Kind) -> None:
    here = shortened(kind, 1 << 30)
    row, whole = rs2_row(here, 6), here.full()
    assert (row.nbytes, row.entries, len(row.test)) == (whole.nbytes, whole.entries, 2)
    assert row.name == "RS2: new random subset every step"


@pytest.mark.parametrize(("size", "batch_size", "taken"), [(6, 100, 6), (6, 4, 4)])
def test_a_step_takes_as_many_entries_as_a_set_has_and_no_more_than_other_rows(
    monkeypatch: pytest.MonkeyPatch, size: int, batch_size: int, taken: int
) -> None:
    seen: list[torch.Tensor] = []
    here = shortened("images", batch_size)
    augment = lambda x, draws: seen.append(x) or x  # noqa: E731
    rs2_row(replace(here, augment=augment, trainings=1), size)
    assert [len(x) for x in seen] == [taken] * 8
    whole = here.full().inputs
    assert isinstance(whole, torch.Tensor)
    together = torch.cat(seen)[: len(whole)]
    alike = (together[:, None] == whole).flatten(2).all(dim=2)
    assert alike.any(dim=1).all()
    assert alike.any(dim=0).sum() == min(len(whole), 8 * taken)


def test_the_row_is_training_on_all_the_data_where_a_set_is_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    here = shortened("images", 100)
    assert rs2_row(here, 10**6).test == row_of(here, here.full()).test


def test_networks_are_an_axis_of_the_rows() -> None:
    both = GraphSetProtocol(chains(), networks=("GCN", "GIN"), trainings=2, fit=QUICK)
    sets = both.random_sets(120, 2)
    rows = train_plans(both, [Plan("every seed", sets), Plan("one seed each", sets, paired=True, trainings=3)])
    assert [(row.name, row.group, len(row.test)) for row in rows] == [
        ("every seed", "GCN", 4),
        ("every seed", "GIN", 4),
        ("one seed each", "GCN", 3),
        ("one seed each", "GIN", 3),
    ]
    for every, paired in zip(rows[:2], rows[2:], strict=True):
        assert paired.test[:2] == (every.test[0], every.test[3])
        alone = replace(both, networks=(str(every.group),))
        assert train_rows(alone, "every seed", sets)[0].test == every.test
    assert [row.group for row in baseline_rows(both, sets) if row.name == "untrained network"] == ["GCN", "GIN"]


def test_equal_work_is_done_once_and_the_longest_first(
    protocol: SetProtocol[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[int, int, int]] = []
    train = type(protocol).train_all

    def spy(self: Any, part: Any, seed: int, config: FitConfig) -> Any:
        found.append((part.entries, seed, config.steps))
        return train(self, part, seed, config)

    monkeypatch.setattr(type(protocol), "train_all", spy)
    one, larger = small(protocol, 10), small(protocol, 12)
    again = SyntheticSet(one.data.clone(), one.y, one.weight)  # type: ignore[union-attr]
    plans = [Plan("one", [one]), Plan("again", [again], trainings=1), Plan("larger", [larger], trainings=1)]
    plans.append(Plan("other config", [one], trainings=1, fit=replace(protocol.fit, steps=5)))
    first, second, _, _ = train_plans(protocol, plans)
    assert found == [(12, 0, 20), (10, 0, 20), (10, 1, 20), (10, 0, 5)]
    assert second.test == first.test[:1]
