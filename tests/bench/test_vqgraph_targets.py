import re
from dataclasses import replace

import pytest
import rich.console

from graphdistill.bench import vqgraph_targets
from graphdistill.bench.options import VQGraphBench
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.vqgraph.evaluate import accuracy, macro_f1
from tests.kd.nodes.samples import small


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    tiny = {"hidden": 8, "epochs": 8, "teacher": TeacherConfig(epochs=5)}
    monkeypatch.setattr(vqgraph_targets, "load", lambda name, root, *, seed: replace(small(90, seed=seed), name=name))
    monkeypatch.setattr(vqgraph_targets, "CONFIG", replace(vqgraph_targets.CONFIG, **tiny))
    monkeypatch.setattr(vqgraph_targets, "console", rich.console.Console(width=200))


def test_every_graph_and_their_mean_have_paired_differences(capsys):
    bench = VQGraphBench(graphs=("one", "twitch"), seeds=2, first_seed=7, settings=("inductive",), jobs=1)
    vqgraph_targets.compare_targets(bench)
    printed = capsys.readouterr().out
    assert (
        len(re.findall(r"^(one|twitch), inductive, seed [78]: teacher .* vqgraph \d+\.\d\d; targets: ", printed, re.M))
        == 4
    )
    lines = [line for line in printed.splitlines() if line.startswith("│")]
    assert [line.split("│")[1].strip() for line in lines] == ["one", "twitch", "mean"]
    assert all(len(re.findall(r"[+-]\d+\.\d\d ± \d+\.\d\d \(\d of 2 seeds\)", line)) == 2 for line in lines)


def test_twitch_is_scored_by_macro_f1(monkeypatch):
    seen = []
    original = vqgraph_targets.score_seed

    def score_seed(data, name, setting, config, scores, **options):
        seen.append((data.name, scores["glnn"].measure))
        return original(data, name, setting, config, scores, **options)

    monkeypatch.setattr(vqgraph_targets, "score_seed", score_seed)
    bench = VQGraphBench(graphs=("one", "twitch-de"), seeds=1, settings=("transductive",), jobs=1)
    for name in bench.graphs:
        vqgraph_targets._score((bench, "transductive", vqgraph_targets.CONFIG), (name, 0))
    assert seen == [("one", accuracy), ("twitch-de", macro_f1)]
