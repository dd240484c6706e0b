from dataclasses import replace

import pytest
import rich.console
import torch

from graphdistill.bench import condense, fairness
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.methods import fair_latent
from graphdistill.core.evaluation.group_gaps import parity_gap
from graphdistill.core.training.fit import FitConfig
from graphdistill.datasets import load
from tests.condense.samples import shortened


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Few rows and steps; what methods reach is measured elsewhere."""

    def quick(data, config, **more):
        quick = {"fair-latent": fair_latent.Config(teacher_steps=5, student_steps=5)}.get(config.method, config.method)
        steps = None if config.method == "random" else 2
        return distill_condense(data, CondenseConfig(method=quick, per_class=2, steps=steps, bits="full"), **more)

    def few(seed):
        data = load("biased-table", seed=seed)
        return replace(data, train=data.train[:100])

    monkeypatch.setattr(fairness, "distill_condense", quick)
    monkeypatch.setitem(fairness.TABLES, "biased-table", few)
    fit = FitConfig(steps=10, eval_every=5)
    monkeypatch.setattr(fairness, "TableProtocol", shortened(fairness.TableProtocol, fit))
    monkeypatch.setattr(fairness, "console", rich.console.Console(width=200))


def test_every_row_has_its_score_and_both_gaps(capsys):
    condense.main(
        condense.Bench(
            parts=("fair",),
            datasets=("biased-table",),
            per_class=(2,),
            methods=("fair-latent", "random"),
            seeds=2,
            trainings=1,
        )
    )
    printed = capsys.readouterr().out
    cells = {}
    for line in printed.splitlines():
        if line.startswith("│"):
            name, *rest = (cell.strip() for cell in line.strip("│").split("│"))
            cells[name] = rest
    assert list(cells) == [
        "all the data",
        "all the data, reweighed by group",
        "all the data without columns that show the group",
        "fair-latent, 2 of each class",
        "random rows in the bytes of fair-latent, 2",
        "random, 2 of each class",
        "untrained network",
        "majority class",
    ]
    assert cells["all the data"][1] == "+0.000"
    assert cells["majority class"][2:4] == ["0.000 ± 0.000", "0.000 ± 0.000"]
    assert cells["fair-latent, 2 of each class"][5] == "4"
    assert "repair" in printed
    assert "biased-table: 2 splits x 1 trainings, test rows" in printed


def test_groups_of_a_column_are_its_halves_and_it_is_no_feature():
    data = fairness.grouped("breast-cancer", "mean texture", 0)
    assert "mean texture" not in data.columns
    assert data.x.shape == (569, 29)
    assert float(data.group[data.train].double().mean()) == pytest.approx(0.5, abs=0.01)
    sexes = fairness.grouped("diabetes", "sex", 0)
    assert torch.equal(sexes.group, (load("diabetes").x[:, 1] > 0).long())
    assert sexes.y[sexes.train].bincount().tolist() == [173, 173]


def test_three_groups_are_of_other_sizes_and_classes_depend_on_them():
    data = fairness.three_groups(0)
    assert (data.group.bincount() / len(data.x)).tolist() == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    assert int(data.y.max()) == 2
    assert parity_gap(data.y, data.group) > 0.2
    assert not torch.equal(fairness.three_groups(1, 100).x, fairness.three_groups(0, 100).x)
