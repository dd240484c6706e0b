import numpy as np
import pytest
import torch
from torch_geometric.data import Data, InMemoryDataset

from graphdistill.datasets import cache_folder, load, load_graphs
from graphdistill.datasets._roots import roots


def graph(y, nodes=3, **more):
    return Data(x=torch.arange(nodes)[:, None], edge_index=torch.tensor([[0, 1], [1, 0]]), y=torch.tensor(y), **more)


def test_own_list_is_split_by_class():
    data = load([graph([i % 2], nodes=2 + i % 5) for i in range(100)])
    assert (data.features, data.metric, data.name) == ("categorical", "rocauc", "own")
    assert [torch.bincount(data.y[s]).tolist() for s in (data.train, data.valid, data.test)] == [
        [40, 40],
        [5, 5],
        [5, 5],
    ]
    assert data.graphs[3].num_nodes == 5


def test_own_in_memory_dataset_and_many_tasks():
    class Own(InMemoryDataset):
        def __init__(self):
            super().__init__()
            self.data, self.slices = self.collate([graph([[i % 2, float("nan")]]) for i in range(20)])

    data = load_graphs(Own())
    assert (data.task, data.y.shape, len(data.test)) == ("multilabel", (20, 2), 2)


def test_own_splits_as_numbers_or_masks():
    graphs = [graph([i % 3]) for i in range(6)]
    mask = torch.tensor([0, 0, 0, 1, 0, 0]).bool()
    data = load(graphs, splits=(torch.tensor([2, 0, 1]), mask, torch.tensor([4, 5])))
    assert [s.tolist() for s in (data.train, data.valid, data.test)] == [[2, 0, 1], [3], [4, 5]]
    assert data.metric == "accuracy"


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        ([], "list is empty"),
        ([graph([0]), "CCO"], r"name\[1\] is a str; give torch_geometric Data"),
        ([graph([0]), Data(x=torch.zeros(2, 1, dtype=torch.long))], r"name\[1\]\.y is missing"),
        ([graph([0]), graph([0, 1])], r"name\[1\]\.y has 2 values but name\[0\]\.y has 1"),
        ([graph([0.0]), graph([0.5])], r"name\[1\]\.y is 0\.5; classes are whole numbers"),
        ([graph([0.0]), graph([float("nan")])], r"name\[1\]\.y is nan"),
        ([graph([0]), graph([-1])], r"name\[1\]\.y is -1"),
    ],
)
def test_own_graphs_that_cannot_be_used(graphs, message):
    with pytest.raises(ValueError, match=message):
        load(graphs)


def test_own_splits_that_cannot_be_used():
    graphs, n = [graph([i % 2]) for i in range(4)], torch.tensor
    with pytest.raises(ValueError, match=r"splits\[2\] must be a mask, bool \[4\], or hold distinct numbers from 0"):
        load(graphs, splits=(n([0]), n([1]), n([4])))
    with pytest.raises(ValueError, match="valid and test share 1 of the graphs, the first is 1"):
        load(graphs, splits=(n([0]), n([1]), n([1, 2])))
    with pytest.raises(ValueError, match="splits are for your own graphs only"):
        load("digits", splits=(n([0]), n([1]), n([2])))


@pytest.mark.parametrize(
    ("name", "near"),
    [("ogbg-molhivv", "ogbg-molhiv"), ("mutag", "MUTAG"), ("planetoid-corra", "planetoid-cora")],
)
def test_a_slip_of_the_pen_is_met_with_near_names(name, near):
    with pytest.raises(ValueError, match=f"name='{name}' is not a known data set. Did you mean .*{near}"):
        load(name)


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match=r"Choices: pains, digits, .*, biased-table \(no download\); ogbg-\*"):
        load("zzzzzz")


@pytest.mark.parametrize(("name", "kind"), [("digits", "images"), ("digits-knn", "nodes of one graph")])
def test_graphs_only(name, kind):
    with pytest.raises(ValueError, match=f"name='{name}' is a set of labelled {kind}"):
        load_graphs(name)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        load("digits", seed=-1)


def test_roots(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("GRAPHDISTILL_DATA", str(tmp_path))
    assert roots(None) == [tmp_path, cache / "graphdistill" / "data"]
    assert roots("here")[0].name == "here"
    monkeypatch.delenv("GRAPHDISTILL_DATA")
    assert roots(None) == [cache / "graphdistill" / "data"]


def test_the_environment_names_the_root(data_root, monkeypatch):
    monkeypatch.setenv("GRAPHDISTILL_DATA", str(data_root))
    assert len(load("MUTAG").graphs) == 188


def test_a_cache_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"cache folder .* cannot be made .* set XDG_CACHE_HOME"):
        load("pains")


def test_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRAPHDISTILL_DATA", "~/shared")
    monkeypatch.setenv("XDG_CACHE_HOME", "~/cache")
    pixels, y = np.zeros((40, 2, 2), dtype=np.uint8), np.arange(40) % 2
    for place in ("one.npz", "shared/images/two.npz", "root/images/three.npz"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, train_images=pixels, train_labels=y, test_images=pixels, test_labels=y)
    assert load("~/one.npz").name == "one.npz"
    assert load("two").name == "two"
    assert load("three", "~/root").name == "three"
    assert cache_folder("x") == tmp_path / "cache" / "graphdistill" / "x"


def test_own_targets_are_split_by_quantile_and_edges_have_no_labels():
    data = load([graph([0.1 * i], nodes=2 + i % 5) for i in range(160)])
    assert (data.task, data.metric, data.y.shape) == ("regression", "rmse", (160, 1))
    for part in (data.valid, data.test):
        assert torch.bincount((10 * data.y[part, 0]).round().long() // 20).tolist() == [2] * 8
    whole = load([graph([i]) for i in range(20)], task="regression")
    assert whole.y.tolist() == [[float(i)] for i in range(20)]
    gaps = load([graph([[0.5 * i, float("nan")] if i % 2 else [float("nan"), 0.3 * i]]) for i in range(40)])
    assert (gaps.task, int(torch.isnan(gaps.y).sum())) == ("regression", 40)
    with pytest.raises(ValueError, match="y holds 2 labels for 2 edges: these are labels of edges"):
        load([graph([0.5, 1.5]) for _ in range(20)])
    with pytest.raises(ValueError, match="y holds 3 labels for 3 nodes: these are labels of nodes"):
        load([graph([0.5, 1.5, 2.5]) for _ in range(20)], task="regression")
    with pytest.raises(ValueError, match="task='regression', but digits is of classification; leave task out"):
        load("digits", task="regression")
