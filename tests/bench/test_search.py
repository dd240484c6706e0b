from dataclasses import replace

import pytest
import torch

from graphdistill.bench import search
from graphdistill.bench.options import SearchBench
from graphdistill.core.training.fit import FitConfig
from graphdistill.core.trees.build import build_forest
from tests.condense.graph_samples import chains
from tests.condense.samples import pairs, shortened


def test_networks_are_chosen_on_every_source(monkeypatch, capsys):
    short = FitConfig(steps=3, eval_every=3, batch_size=1 << 30)
    monkeypatch.setattr(search, "load", lambda name, root: pairs())
    monkeypatch.setattr(search, "_Nodes", shortened(search._Nodes, short))
    search.main(SearchBench(parts=("networks",), datasets=("pairs",), per_class=1, seeds=1, jobs=1))
    printed = " ".join(capsys.readouterr().out.split())
    assert "pairs: one of 24 networks, 1 sets" in printed
    for source in ("the set of gcdm", "random nodes, equal number", "random nodes, equal bytes", "all the data"):
        assert f"│ {source} │" in printed
    assert "a network at random" in printed


def test_there_are_24_different_networks_of_each_kind():
    for names in (search.IMAGES, search.NODES, search.GRAPHS):
        assert len(names) == 24
    for make in search.IMAGES.values():
        assert make((1, 16, 16), 3)(torch.rand(2, 1, 16, 16)).shape == (2, 3)


@pytest.mark.parametrize("name", ["GCN 16x1", "GIN 16x2", "GAT 16x3"])
def test_networks_on_graphs_read_trees_of_their_own_depth(name):
    data = chains()
    protocol = search._Graphs(data)
    net = protocol.network(name, 0).eval()
    graphs, _ = data.split("test")
    out = net(build_forest(graphs, search.HOPS))
    assert torch.allclose(out, net.net(build_forest(graphs, net.depth)), atol=1e-5)


def test_random_graphs_are_as_many_as_asked_for_and_of_all_classes():
    data = chains()
    some = search._some_graphs(data, 6, 0)
    assert len(some) == 6
    assert some.y.bincount().tolist() == [3, 3]
    assert torch.equal(some.y, search._some_graphs(data, 6, 0).y)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"per_class": 0}, "--per-class must be 1 or more, got 0"),
        ({"seeds": 0}, "--seeds must be 1 or more, got 0"),
        ({"memory": 0}, "--memory must be 1 or more, got 0"),
        ({"jobs": 0}, "--jobs must be"),
    ],
)
def test_options_that_cannot_be(words, message):
    with pytest.raises(ValueError, match=message):
        replace(SearchBench(), **words)
