import csv
import io
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from graphdistill.core.command import report
from graphdistill.core.command.report import Report, Row, table, write_report

NETS = ("GCN", "SAGE", "GAT", "GIN")


def row(name="distilled set", group="GCN", test=(0.7, 0.72), **more):
    more = {"valid": (), "nbytes": None, "entries": None} | more
    return Row(name=name, group=group, test=test, **more)


def example(nets=NETS[1:]):
    rows = []
    for i, network in enumerate(nets):
        size = {"nbytes": 21_300, "entries": 40, "distill_seconds": 1.834, "train_seconds": 0.5 + i}
        rows.append(row(test=(0.70 + i / 100, 0.72 + i / 100), valid=(0.8, 0.81), **size))
        rows[-1] = Row(**{**vars(rows[-1]), "group": network})
        rows.append(row("random graphs, equal bytes", network, nbytes=21_280, entries=123))
        rows.append(row("all the data", network, nbytes=6_100_000, entries=32_901, train_seconds=1234.0))
    rows.append(row("logistic regression on tree counts", None, (0.778,)))
    return Report(
        title="ogbg-molhiv [Mirage]",
        metric="rocauc",
        rows=tuple(rows),
        facts={"training_bytes": 6_100_000},
        notes=("scaffold split",),
    )


def drawn(shown, width):
    out = io.StringIO()
    Console(file=out, width=width).print(shown)
    return out.getvalue()


def test_mean_and_std():
    assert row(test=(0.5, 0.7)).mean == pytest.approx(0.6)
    assert row(test=(0.5, 0.7)).std == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert row(test=(0.5,)).std == 0


def test_a_score_that_is_undefined_stays_visible(tmp_path):
    lost = row(test=(0.5, math.nan), nbytes=5)
    assert math.isnan(lost.mean)
    assert math.isnan(lost.std)
    rep = Report(title="t", metric="rocauc", rows=(lost,))
    assert "nan" in drawn(table(rep), 80)
    write_report(rep, tmp_path)
    (written,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["rows"]
    assert (written["test"], written["mean"], written["std"]) == ([0.5, None], None, None)


def test_rows_are_checked():
    with pytest.raises(ValueError, match=r"row 'distilled set': test is empty"):
        row(test=())
    with pytest.raises(ValueError, match=r"valid has 1 seeds and test has 2"):
        row(valid=(0.5,))
    with pytest.raises(ValueError, match=r"two rows are named 'distilled set' in group GCN"):
        Report(title="t", metric="accuracy", rows=(row(), row()))


def test_table_has_a_line_per_set():
    shown = table(example())
    columns = {str(c.header).replace("\n", " "): list(map(str, c.cells)) for c in shown.columns}
    assert columns == {
        "set": [
            "distilled set",
            "random graphs, equal bytes",
            "all the data",
            "logistic regression on tree counts",
        ],
        "graphs": ["40", "123", "32,901", ""],
        "bytes": ["21.3 kB\n0.35%", "21.3 kB\n0.35%", "6.1 MB\n100%", ""],
        "SAGE": ["0.710\n±0.014"] * 3 + [""],
        "GAT": ["0.720\n±0.014", "0.710\n±0.014", "0.710\n±0.014", ""],
        "GIN": ["0.730\n±0.014", "0.710\n±0.014", "0.710\n±0.014", ""],
        "average": ["0.720\n±0.014", "0.710\n±0.014", "0.710\n±0.014", "0.778"],
        "distil s": ["1.8", "", "", ""],
        "train s": ["1.5", "", "1,234", ""],
    }


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("nets", [NETS, NETS[1:], NETS[:1]])
def test_table_fits_its_terminal(width, nets):
    lines = drawn(table(example(nets)), width).splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    assert "ogbg-molhiv [Mirage]" in text
    assert "test rocauc, mean ± standard deviation over 2 seeds" in text
    assert "scaffold split" in text
    assert len(lines) <= 18


def test_average_goes_seed_by_seed_and_survives_unequal_seeds():
    equal = (row(group="GCN", test=(0.1, 0.3)), row(group="GIN", test=(0.3, 0.1)))
    assert report._average([r.test for r in equal]) == "0.200\n±0.000"
    unequal = (row(group="GCN", test=(0.1, 0.3)), row(group="GIN", test=(0.3, 0.1, 0.5)))
    assert report._average([r.test for r in unequal]) == "0.250"
    assert "over 2 to 3 seeds" in drawn(table(Report(title="t", metric="m", rows=unequal)), 100)


@pytest.mark.parametrize("rows", [(), (row(group=None, test=(0.5,)),)])
def test_table_without_networks(rows):
    shown = table(Report(title="t", metric="accuracy", rows=rows))
    assert [c.header for c in shown.columns][:4] == ["set", "graphs", "bytes", "average"]
    assert drawn(shown, 80)


@pytest.mark.parametrize(
    ("count", "whole", "text"),
    [
        (0, None, "0 B"),
        (999, None, "999 B"),
        (1000, None, "1 kB"),
        (21_345, 6_100_000, "21.3 kB\n0.35%"),
        (999_960, None, "1 MB"),
        (3_000, 1_000, "3 kB\n300%"),
        (5, 0, "5 B"),
    ],
)
def test_bytes(count, whole, text):
    assert report._bytes(count, whole) == text


@dataclass(frozen=True)
class Config:
    root: Path
    fraction: float


def test_results_json_holds_everything_and_no_path(tmp_path):
    facts = {
        "config": Config(root=Path("/home/someone/data"), fraction=0.01),
        "dataset": "/home/someone/molecules.csv",
        "output": Path("runs/pains"),
        "seeds": np.int64(5),
        "ratio": np.float32(0.5),
        "lost": math.nan,
        "shape": (1, 2),
        "none": None,
        "dtype": np.dtype("int8"),
        3: True,
    }
    rep = Report(title="t", metric="accuracy", rows=(row(nbytes=5, valid=(0.8, 0.9)),), facts=facts, notes=("n",))
    write_report(rep, tmp_path / "new")
    text = (tmp_path / "new" / "results.json").read_text()
    assert "/home" not in text
    got = json.loads(text)
    assert got["facts"] == {
        "config": {"root": "data", "fraction": 0.01},
        "dataset": "molecules.csv",
        "output": "runs/pains",
        "seeds": 5,
        "ratio": 0.5,
        "lost": None,
        "shape": [1, 2],
        "none": None,
        "dtype": "int8",
        "3": True,
    }
    assert got["rows"] == [
        {
            "name": "distilled set",
            "group": "GCN",
            "test": [0.7, 0.72],
            "valid": [0.8, 0.9],
            "others": {},
            "nbytes": 5,
            "entries": None,
            "distill_seconds": None,
            "train_seconds": None,
            "mean": rep.rows[0].mean,
            "std": rep.rows[0].std,
            "seeds": 2,
        }
    ]
    assert (got["title"], got["metric"], got["notes"]) == ("t", "accuracy", ["n"])
    assert got["versions"] == report.versions()
    assert set(got["versions"]) > {"python", "torch", "torch-geometric", "numpy", "platform"}


def test_results_csv_has_a_line_per_seed(tmp_path):
    write_report(example(("GIN",)), tmp_path)
    with (tmp_path / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 7
    assert lines[1] == {
        "name": "distilled set",
        "group": "GIN",
        "seed": "1",
        "valid": "0.81",
        "test": "0.72",
        "entries": "40",
        "nbytes": "21300",
        "distill_seconds": "1.834",
        "train_seconds": "0.5",
    }
    assert lines[-1]["group"] == lines[-1]["valid"] == ""
    assert b"\r" not in (tmp_path / "results.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["results.csv", "results.json"]


@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_peak_memory_is_in_bytes(monkeypatch, system, unit):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("resource.getrusage", lambda who: SimpleNamespace(ru_maxrss=1000))
    assert report.peak_memory() == 1000 * unit


def test_the_heading_of_the_number_of_entries_can_be_set():
    row = Row(name="all the data", group="ConvNet", test=(0.7,), valid=(), nbytes=900, entries=3)
    shown = report.table(Report(title="demo", metric="accuracy", rows=(row,), unit="images"))
    assert [c.header for c in shown.columns][1] == "images"


def test_further_metrics_have_columns_of_their_own(tmp_path):
    rows = (
        row(group="GCN", test=(1.0, 2.0), others={"mae": (0.5, 0.6)}),
        row(group="GIN", test=(3.0, 4.0), others={"mae": (0.7, 0.8)}),
        row(name="untrained network", group="GIN", test=(9.0, 9.5)),
    )
    rep = Report(title="t", metric="rmse", rows=rows)
    shown = {str(c.header): list(map(str, c.cells)) for c in table(rep).columns}
    assert shown["average"] == ["2.500\n±0.707", "9.250\n±0.354"]
    assert shown["mae"] == ["0.650\n±0.071", ""]
    assert "test rmse, lower is better, mean ± standard deviation over 2 seeds" in drawn(table(rep), 100)
    write_report(rep, tmp_path)
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert lines[0].startswith("name,group,seed,valid,test,mae,entries")
    assert [line.split(",")[4:6] for line in lines[1:]] == [
        ["1.0", "0.5"],
        ["2.0", "0.6"],
        ["3.0", "0.7"],
        ["4.0", "0.8"],
        ["9.0", ""],
        ["9.5", ""],
    ]
