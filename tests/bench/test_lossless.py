import re

import pytest
import torch
from torch_geometric.data import Batch

from graphdistill.bench import lossless as bench
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.mirage import lossless
from tests.mirage.layered.samples import graphs


@pytest.fixture(params=[False, True], ids=["numbers", "categories"])
def toy(request):
    data = graphs()
    for graph in data:
        graph.x, graph.edge_attr = graph.x.float(), graph.edge_attr.float()
        if request.param:
            graph.x, graph.edge_attr = graph.x.ceil().long(), graph.edge_attr.ceil().long()
    every = torch.arange(len(data))
    y = torch.cat([graph.y for graph in data])
    return GraphDataset("toy", Graphs.from_data_list(data), y, every, every, every, "accuracy", "continuous")


@pytest.mark.parametrize("network", bench.CONVS)
def test_the_models_of_the_bench_are_exact(network, toy):
    model = bench.Model(network, toy, 2).double()
    data = [toy.graphs[i] for i in range(len(toy.graphs))]
    for graph in data:
        graph.x = graph.x.double() if graph.x.is_floating_point() else graph.x
        graph.edge_attr = graph.edge_attr.double() if graph.edge_attr.is_floating_point() else graph.edge_attr
    assert torch.allclose(lossless(data, 2).run(model), model(Batch.from_data_list(data)), rtol=0, atol=1e-9)


def test_a_row_has_seconds_and_gains_of_both_parts(toy, monkeypatch, capsys):
    monkeypatch.setattr(bench, "load_graphs", lambda name, root: toy)
    bench.main(bench.Bench(parts=("steps", "epochs"), networks=("GIN",), depths=(2,), batch_size=20))
    printed = capsys.readouterr().out
    assert "toy, depth 2" in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("GIN ")]
    assert len(re.findall(r"\d+\.\d\d s", line)) == 6
    assert len(re.findall(r"\d+\.\dx", line)) == 4


@pytest.mark.parametrize("toy", [True], indirect=True, ids=["categories"])
def test_a_plateau_and_the_large_network_have_their_seconds(toy, monkeypatch, capsys):
    monkeypatch.setattr(bench, "load_graphs", lambda name, root: toy)
    monkeypatch.setattr(bench, "OGB_CHANNELS", 8)
    monkeypatch.setattr("graphdistill.bench.lossless_plateau.PATIENCE", 1)
    bench.main(bench.Bench(parts=("plateau", "large"), batch_size=20, budgets=(2000,), target=0.0, seeds=1))
    printed = capsys.readouterr().out
    for name in ("full batches of distinct trees", "mini-batches of 20 ", "coded set of 2 kB"):
        (line,) = [line for line in printed.splitlines() if line.startswith(f"│ {name}")] or [""]
        assert len(re.findall(r"\d+\.\d ", line)) == 3, name
    assert re.search(r"ordinary \d+\.\d\d s; lossless \d+\.\d\d s, \d+\.\dx; accelerated", printed)
