"""The bench of bits runs on all kinds of data; what it measures is in docs/benchmarks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rich.console

from graphdistill.bench import set_bytes as module
from graphdistill.bench.options import CondenseBench
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.distill import distill_condense
from graphdistill.core.training.fit import FitConfig
from tests.condense.graph_samples import chains
from tests.condense.samples import bars, pairs, people


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Easy data, few steps and short trainings."""
    data = {"images": bars, "nodes": pairs, "rows": people, "graphs": chains}
    monkeypatch.setattr(module, "load", lambda name, root: data[name]())

    def short(data: Any, config: CondenseConfig, **more: Any) -> Any:
        return distill_condense(data, replace(config, steps=2), **more)

    monkeypatch.setattr(module, "distill_condense", short)
    fit = FitConfig(steps=4, eval_every=2)
    monkeypatch.setattr(module, "protocol_of", lambda data, **options: protocol_of(data, fit=fit, **options))
    monkeypatch.setattr(module, "console", rich.console.Console(width=200))


@pytest.mark.parametrize(("name", "method"), module.METHOD.items())
def test_a_row_for_each_number_of_bits(name: str, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    module.set_bytes(CondenseBench(seeds=2, trainings=1, bits=(6, 3)), name, 2)
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("│")
    ]
    assert [row[0] for row in rows[:3]] == [method, method, f"random {name}, equal bytes"]
    assert [row[1] for row in rows[3:]] == ["full", "6", "6", "3", "3"]
    nbytes = {row[1]: int(row[4].replace(",", "")) for row in rows if row[0] == method}
    assert nbytes["full"] > nbytes["6"] > nbytes["3"]


def test_graphs_are_coded_without_loss(capsys: pytest.CaptureFixture[str]) -> None:
    module.set_bytes(CondenseBench(), "graphs", 2)
    assert "graphs holds graphs, which are coded without loss" in capsys.readouterr().out
