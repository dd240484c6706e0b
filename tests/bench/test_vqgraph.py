import re
from dataclasses import replace
from functools import partial

import pytest
import rich.console
import torch

from graphdistill.bench import vqgraph
from graphdistill.core.command import cli
from graphdistill.datasets import load
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.vqgraph import evaluate
from graphdistill.vqgraph.evaluate import METHODS, NAMES
from tests.kd.nodes.samples import small

NUMBER = r"\d+\.\d\d"


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    """Small graphs and short trainings; what these reach is measured elsewhere."""
    tiny = {"num_codes": 6, "hidden": 8, "epochs": 8, "teacher": TeacherConfig(epochs=5)}
    monkeypatch.setattr(vqgraph, "load", lambda name, root, *, seed: replace(small(300, seed=seed), name=name))
    monkeypatch.setattr(vqgraph, "DEFAULT", replace(vqgraph.DEFAULT, **tiny))
    monkeypatch.setattr(vqgraph, "VARIANTS", {k: replace(v, **tiny) for k, v in vqgraph.VARIANTS.items()})
    # So wide that no name is wrapped.
    monkeypatch.setattr(vqgraph, "console", rich.console.Console(width=200))
    monkeypatch.setattr(vqgraph, "latency", partial(evaluate.latency, draws=3))


def shown(capsys, *parts, **options):
    """What a run prints: all of it, and the cells of its tables by the name in their first column."""
    vqgraph.main(vqgraph.Bench(parts=parts, **options))
    printed = capsys.readouterr().out
    tables = []
    for line in printed.splitlines():
        if line.startswith("┏"):
            tables.append({})
        elif line.startswith("│"):
            name, *cells = (cell.strip() for cell in line.strip("│").split("│"))
            tables[-1][name] = cells
    return printed, tables


def test_without_parts_it_only_says_what_it_runs_on(capsys):
    printed, tables = shown(capsys)
    assert "'torch'" in printed
    assert "'threads'" in printed
    assert tables == []
    assert len(printed.splitlines()) <= 10


@pytest.mark.long
def test_accuracy_has_every_model_and_variant_on_each_data_set_and_on_their_average(capsys):
    printed, tables = shown(capsys, "accuracy", seeds=2)
    assert len(tables) == 6
    models = [NAMES[name].format("GCN") for name in METHODS]
    for table, columns in zip(tables, [1, 1, 1, 3, 3, 3], strict=True):
        assert list(table) == [*models, *vqgraph.VARIANTS]
        for name, cells in table.items():
            *found, valid, gain = cells
            assert len(found) == columns
            assert all(re.fullmatch(rf"{NUMBER} ± {NUMBER}", cell) for cell in found)
            assert bool(re.fullmatch(rf"{NUMBER} ± {NUMBER}", valid)) == (name != NAMES["untrained"])
            assert bool(re.match(rf"[+-]{NUMBER}", gain)) == (name != NAMES["glnn"])
    for setting in ("transductive", "inductive"):
        assert f"average of cora, citeseer, {setting}" in printed
        for name in ("cora", "citeseer"):
            for seed in (0, 1):
                assert re.search(rf"^{name}, {setting}, seed {seed}: \d+ s$", printed, re.MULTILINE)


def test_the_average_is_that_of_the_data_sets_seed_by_seed(capsys):
    # Two data sets whose seeds deviate in opposite ways: their average does not deviate at all.
    found = {
        name: {
            method: evaluate.Scores({"test": [value + sign, value - sign]}, [0.5, 0.5], [1.0, 1.0])
            for method, value in (("teacher", 0.8), ("glnn", 0.7))
        }
        for name, sign in (("one", 0.1), ("two", -0.1))
    }
    vqgraph._show_average("average", found)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "80.00 ± 0.00" in lines[0]
    assert "+10.00" in lines[0]
    assert "70.00 ± 0.00" in lines[1]


def test_a_single_seed_has_no_deviation_and_no_p_value(capsys):
    printed, tables = shown(capsys, "accuracy", seeds=1, datasets=("cora",), settings=("transductive",))
    assert len(tables) == 1
    assert "±" not in printed
    assert "(p" not in printed


def test_the_published_protocol_stands_beside_the_reported_number(capsys):
    printed, tables = shown(capsys, "paper", seeds=2)
    assert "the paper reports 83.93" in printed
    assert "the paper reports 76.08" in printed
    chosen = ("teacher", "vqgraph", "glnn", "paper teacher", "paper student", "paper ours", "paper glnn")
    for table in tables:
        assert list(table) == [NAMES[name].format("GCN") for name in chosen]
        for name, (_, valid, _) in table.items():
            assert (valid == "") == ("TEST" in name)
    assert len(tables) == 2


def test_cost_tells_seconds_memory_and_the_use_of_the_codes(capsys):
    printed, _ = shown(capsys, "cost")
    text = " ".join(printed.split())
    found = re.search(r"tokenizer on cora: (\d\.\d{3}) CPU s per epoch .* (\d+) of 256 codes live", text)
    assert found is not None
    assert float(found[1]) < 1
    assert 128 <= int(found[2]) <= 256
    assert re.search(rf"peak memory of the process {NUMBER} GB", text)


def test_latency_has_a_line_for_one_node_and_one_for_all(capsys):
    printed, _ = shown(capsys, "latency")
    for name in ("student", "student, full batch"):
        line = next(line for line in printed.splitlines() if line.startswith(f"{name}: "))
        assert re.search(
            r": \d+\.\d{4} ms a node; teacher .* k_hop_subgraph \d+\.\d{3} ms: \d+x; by our .* ms: \d+x$", line
        )


def test_a_large_graph_is_tokenised_whole_and_in_batches(capsys):
    printed, _ = shown(capsys, "large", nodes=1500)
    text = " ".join(printed.split())
    for how in ("whole", "batches of 65,536"):
        words = rf"1,500 nodes, 7,500 directed edges, {how}: an epoch with start and settling of 1,024 codes"
        found = re.search(rf"{words} takes \d+ s, (\d+) codes live; peak memory of the process \d+\.\d GB", text)
        assert found is not None, how
        assert int(found[1]) >= 512


def test_every_variant_takes_something_out_of_the_default():
    assert len({str(config) for config in vqgraph.VARIANTS.values()} - {str(vqgraph.DEFAULT)}) == len(vqgraph.VARIANTS)


def test_data_of_another_kind_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(vqgraph, "load", load)
    words = ["--parts", "latency", "--datasets", "digits"]
    assert cli.run(vqgraph.main, vqgraph.Bench, prog="bench", description="Test.", argv=words) == 2
    assert "datasets must hold the nodes of one graph, got digits" in capsys.readouterr().err


def test_it_leaves_the_global_generator_alone(capsys):
    before = torch.get_rng_state()
    shown(capsys, "cost", "latency", "large", nodes=1100)
    assert torch.equal(torch.get_rng_state(), before)
