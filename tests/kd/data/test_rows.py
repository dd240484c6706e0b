import csv

import pytest
import torch
from sklearn.metrics import roc_auc_score

from graphdistill.compress import command as compress_command
from graphdistill.compress.config import Command as CompressCommand
from graphdistill.core.command import cli
from graphdistill.datasets import load
from graphdistill.kd import command
from graphdistill.kd.config import Command, KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.rows import RowView
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.methods import FAMILY
from tests.kd.methods.checks import train


def test_networks_get_the_features_of_rows():
    data = load("breast-cancer")
    view = view_of(data)
    assert isinstance(view, RowView)
    assert torch.equal(view.inputs(torch.tensor([3, 1]))["x"], data.x[[3, 1]])
    for build in (*view.TEACHERS.values(), *view.STUDENTS.values()):
        assert view.predict(build(view), torch.arange(2)).logits.shape == (2, 2)


def test_two_classes_are_scored_by_roc_auc_of_scikit_learn():
    view = view_of(load("biased-table"))
    network = fit_labels(view.STUDENTS["MLP-8"](view), view, KDConfig(steps=5, eval_every=5))
    test = view.data.test
    with torch.no_grad():
        logits = network(view.data.x[test])
    wanted = roc_auc_score(view.data.y[test], logits[:, 1] - logits[:, 0])
    assert view.score(network, "test") == pytest.approx(wanted)
    assert view_of(load("iris")).metric == "accuracy"


def test_targets_are_refused():
    with pytest.raises(
        ValueError,
        match=r"diabetes has targets of regression, but only classes .* by label= \(--label-column\), or cut",
    ):
        view_of(load("diabetes"))


@pytest.mark.parametrize("method", FAMILY.names("rows"))
@pytest.mark.filterwarnings("ignore:the teacher's validation")
def test_methods_for_rows_train_on_them(method):
    view = view_of(load("iris"))
    torch.manual_seed(0)
    student, teacher = view.STUDENTS["MLP-8"](view), view.TEACHERS["MLP"](view)
    before = [p.detach().clone() for p in student.parameters()]
    train(student, teacher, view, FAMILY.config(method), steps=3)
    assert any(not torch.equal(old, new) for old, new in zip(before, student.parameters(), strict=True))
    assert all(bool(p.isfinite().all()) for p in student.parameters())


@pytest.mark.parametrize(("main", "config"), [(command, Command), (compress_command, CompressCommand)])
def test_commands_read_a_table_by_its_columns(main, config, tmp_path, capsys):
    path = tmp_path / "people.csv"
    with path.open("w", newline="") as file:
        rows = [(20 + i % 37, "fm"[i % 2], ["low", "high"][i % 37 > 18]) for i in range(120)]
        csv.writer(file).writerows([("age", "sex", "income"), *rows, (40, "f", "")])
    words = ("--dataset", path, "--label-column", "income", "--output", tmp_path / "out", "--seeds", 1, "--jobs", 1)
    argv = [str(word) for word in (*words, "--group-column", "sex", "--steps", 20)]
    assert cli.run(main.main, config, prog="kd", description="Test.", argv=argv) != 0
    assert "line 122: income is empty. Correct them, or leave them out with --skip-invalid" in capsys.readouterr().err
    assert cli.run(main.main, config, prog="kd", description="Test.", argv=[*argv, "--skip-invalid"]) == 0
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "1 of 121 rows skipped as invalid" in report
    assert "groups of sex: 0 f, 1 m" in report
    assert "people.csv: MLP" in " ".join(capsys.readouterr().out.split())
