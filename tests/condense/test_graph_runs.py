"""Whole runs on graphs: every method for them, a run that is cut, the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import graphdistill.condense.command as command
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data import kinds
from graphdistill.condense.data.graphs import TrainingGraphs
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import Recipe
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.condense.methods import FAMILY, doscond
from graphdistill.core.command import cli
from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.sets.storage import load_set
from tests.condense.graph_samples import QUICK, chains, graph_context, real
from tests.condense.quick import quick_config
from tests.condense.samples import seeded, shortened


def recipe(steps: int = 6) -> Recipe:
    return Recipe(
        objective=doscond.OneStepMatch(batch=8),
        schedule=Schedule(),
        steps=steps,
        lr={"x": 0.5, "theta": 0.5},
        optimizer="adam",
    )


def payload(synthetic) -> list[list[int]]:
    return [tensor.flatten().tolist() for tensor in synthetic.payload().values()]


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(kinds, "GraphSetProtocol", shortened(GraphSetProtocol, QUICK))


def test_graphs_have_their_protocol_and_their_training_data() -> None:
    assert isinstance(training_data_of(protocol_of(chains())), TrainingGraphs)


@pytest.mark.parametrize("name", [n for n in FAMILY.names() if "graphs" in FAMILY.kinds(n)])
def test_every_method_for_graphs_gives_graphs_of_each_class(name: str) -> None:
    method, context, config = FAMILY.module(name), graph_context(3), quick_config(name)
    if hasattr(method, "recipe"):
        assert isinstance(method.recipe(context, config), Recipe)
        return
    synthetic = method.select(context, config)
    assert torch.bincount(synthetic.y).tolist() == [3, 3]
    assert payload(synthetic) == payload(method.select(graph_context(3), config))


@pytest.mark.bits
def test_a_run_that_was_cut_ends_in_the_same_bytes(tmp_path: Path) -> None:
    scores = iter(range(99))
    whole = distill(real(), 2, recipe(), validate=lambda _: next(scores), generator=seeded())
    calls = iter([0, 1, KeyboardInterrupt])

    def cut(_) -> float:
        value = next(calls)
        if isinstance(value, int):
            return value
        raise value

    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        distill(real(), 2, recipe(), validate=cut, generator=seeded(), checkpoint=path)
    rest = iter(range(2, 99))
    again = distill(
        real(), 2, recipe(), validate=lambda _: next(rest), generator=seeded(), checkpoint=path, resume=True
    )
    assert payload(again) == payload(whole)
    assert payload(whole) != payload(real().init_random(2, seeded()).freeze())


@pytest.mark.bits
@pytest.mark.usefixtures("quick")
def test_the_same_seed_gives_the_same_set() -> None:
    config = CondenseConfig(method="doscond", per_class=2, steps=4)
    first, second = (distill_condense(chains(), config, generator=seeded(3)) for _ in range(2))
    assert payload(first) == payload(second)
    assert first.meta["method"] == "doscond"
    assert first.meta["lr"].keys() == {"x", "theta"}


@pytest.mark.usefixtures("quick")
def test_the_command_reports_on_graphs(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "load", lambda *_, **__: chains())
    options = ["--method", "doscond", "--per-class", "2", "--steps", "4", "--seeds", "2", "--trainings", "1", "--quiet"]
    argv = [*options, "--output", str(tmp_path / "out")]
    assert cli.run(command.main, command.Command, prog="condense", description="", argv=argv, family=FAMILY) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["metric"] == "rocauc"
    rows = [row["name"] for row in results["rows"]]
    assert rows[:4] == [
        "distilled set",
        "random graphs, equal bytes",
        "random graphs, equal number",
        "all the data",
    ]
    assert "number of nodes" in rows
    assert any("edge features are left out" in note for note in results["notes"])
    assert (tmp_path / "out" / "set.png").is_file()
    assert torch.bincount(load_set(tmp_path / "out").y).tolist() == [2, 2]
