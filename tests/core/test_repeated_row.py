"""The row of RS2: other entries in every step, and the storage of all the data."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import graphdistill.core.evaluation.protocol as module
from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.data.training_data import Kind
from graphdistill.core.evaluation.protocol import SetProtocol, rs2_row
from graphdistill.core.training.fit import FitConfig
from tests.condense.samples import data


def protocol(kind: Kind, batch_size: int) -> SetProtocol:  # type: ignore[type-arg]
    return replace(protocol_of(data(kind), 2), fit=FitConfig(steps=8, batch_size=batch_size, eval_every=4))


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_steps_are_as_on_a_set_and_storage_is_not(kind: Kind) -> None:
    here = protocol(kind, 1 << 30)
    row, whole = rs2_row(here, 6), here.full()
    assert (row.nbytes, row.entries, len(row.test)) == (whole.nbytes, whole.entries, 2)
    assert row.name == "RS2: new random subset every step"


@pytest.mark.parametrize(("size", "batch_size", "taken"), [(6, 100, 6), (6, 4, 4)])
def test_a_step_takes_as_many_entries_as_a_set_has_and_no_more_than_other_rows(
    monkeypatch: pytest.MonkeyPatch, size: int, batch_size: int, taken: int
) -> None:
    seen: list[torch.Tensor] = []
    here = protocol("images", batch_size)
    augment = lambda x, draws: seen.append(x) or x  # noqa: E731
    rs2_row(replace(here, augment=augment, networks=1), size)
    assert [len(x) for x in seen] == [taken] * 8
    whole = here.full().inputs
    assert isinstance(whole, torch.Tensor)
    together = torch.cat(seen)[: len(whole)]
    alike = (together[:, None] == whole).flatten(2).all(dim=2)
    assert alike.any(dim=1).all()
    assert alike.any(dim=0).sum() == min(len(whole), 8 * taken)


def test_the_row_is_training_on_all_the_data_where_a_set_is_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    here = protocol("images", 100)
    assert rs2_row(here, 10**6).test == module.train_rows(here, "all", [here.full()]).test
