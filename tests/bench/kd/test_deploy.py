import torch

from graphdistill.bench.kd import deploy, main
from graphdistill.bench.options import KDBench
from graphdistill.core.networks.tree_gnn import GNN
from graphdistill.core.trees.build import build_forest
from graphdistill.datasets import load


def test_the_teacher_on_every_node_is_the_teacher_on_trees():
    data = load("pains")
    graphs = data.graphs.subset(torch.arange(20))
    torch.manual_seed(0)
    network = GNN("GIN", data.graphs, "ogb", 2, num_layers=2).eval()
    torch.testing.assert_close(deploy.on_nodes(network, graphs), network(build_forest(graphs, 2)), rtol=1e-4, atol=1e-5)


def test_tables_have_scores_speeds_and_bytes(monkeypatch, capsys):
    data = load("pains")
    monkeypatch.setattr(deploy, "DATASETS", ("pains",))
    monkeypatch.setattr(
        deploy, "load_graphs", lambda *_, **__: data.with_splits(data.train[:300], data.valid, data.test[:99])
    )
    monkeypatch.setattr(deploy, "BATCH", 8)
    monkeypatch.setattr(deploy, "SINGLES", 5)
    main(KDBench(parts=("deploy",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert "pains, test metric in %" in out
    assert all(word in out for word in ("teacher", "labels", "linear", "MLP", "graphs/s", "p99", "kB"))
