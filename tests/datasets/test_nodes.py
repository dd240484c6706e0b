import networkx
import numpy as np
import pytest
import torch
from torch_geometric.io import read_npz

from graphdistill.datasets import load
from graphdistill.datasets._nodes import load_cpf


def edges_of(data):
    return {(int(a), int(b)) for a, b in data.edge_index.T}


@pytest.mark.parametrize(
    ("name", "nodes", "edges_with_loops", "features", "sizes"),
    [("cora", 2485, 12623, 1433, (140, 210, 2135)), ("citeseer", 2110, 9446, 3703, (120, 180, 1810))],
)
def test_cpf_is_the_largest_component(data_root, name, nodes, edges_with_loops, features, sizes):
    data = load(name, data_root)
    assert data.x.shape == (nodes, features)
    assert data.edge_index.shape == (2, edges_with_loops - nodes)
    assert tuple(len(s) for s in (data.train, data.valid, data.test)) == sizes
    edges = edges_of(data)
    assert len(edges) == data.edge_index.shape[1]
    assert all((b, a) in edges and a != b for a, b in edges)


def test_cpf_agrees_with_pyg_and_networkx(data_root):
    data = load("cora", data_root)
    whole = read_npz(str(data_root / "node" / "cpf" / "cora.npz"))
    graph = networkx.Graph(whole.edge_index.T.tolist())
    largest = torch.tensor(sorted(max(networkx.connected_components(graph), key=len)))
    assert torch.equal(data.x, whole.x[largest])
    assert torch.equal(data.y, whole.y[largest])
    ours = {(int(largest[a]), int(largest[b])) for a, b in edges_of(data)}
    assert ours == {(a, b) for a, b in whole.edge_index.T.tolist() if a in set(largest.tolist())}


def test_cpf_keeps_the_values_of_features(tmp_path):
    (tmp_path / "node" / "cpf").mkdir(parents=True)
    csr = {
        "data": np.ones(2),
        "indices": np.array([1, 2]),
        "indptr": np.array([0, 1, 2, 2, 2]),
        "shape": [4, 4],
    }
    attr = csr | {"data": np.array([0.25, 0.5], dtype=np.float32)}
    arrays = {f"adj_{k}": v for k, v in csr.items()} | {f"attr_{k}": v for k, v in attr.items()}
    np.savez(tmp_path / "node" / "cpf" / "mine.npz", labels=np.array([0, 1, 0, 1], dtype=np.int8), **arrays)
    data = load_cpf("mine", tmp_path, 0)  # four nodes make no split that :func:`load` takes
    assert data.x.tolist() == [[0, 0.25, 0, 0], [0, 0, 0.5, 0], [0, 0, 0, 0]]
    assert edges_of(data) == {(0, 1), (1, 0), (1, 2), (2, 1)}


@pytest.mark.parametrize("name", ["cora", "digits-knn"])
def test_splits_are_by_class_and_seed(data_root, name):
    first, again, other = (load(name, data_root, seed=s) for s in (3, 3, 4))
    assert set(torch.bincount(first.y[first.train]).tolist()) == {20}
    assert set(torch.bincount(first.y[first.valid]).tolist()) == {30}
    assert torch.cat([first.train, first.valid, first.test]).sort()[0].tolist() == list(range(len(first.y)))
    assert torch.equal(first.train, again.train)
    assert not torch.equal(first.train, other.train)


def test_planetoid_has_its_public_split(data_root, capfd):
    data = load("planetoid-cora", data_root)
    assert capfd.readouterr() == ("", "")
    assert data.x.shape == (2708, 1433)
    assert data.edge_index.shape == (2, 10556)
    assert tuple(len(s) for s in (data.train, data.valid, data.test)) == (140, 500, 1000)
    assert data.train.tolist() == list(range(140))


def test_digits_knn_joins_each_digit_to_its_nearest():
    data = load("digits-knn")
    assert data.x.shape == (1797, 64)
    assert (float(data.x.min()), float(data.x.max())) == (0, 1)
    edges = edges_of(data)
    assert all((b, a) in edges and a != b for a, b in edges)
    assert int(torch.bincount(data.edge_index[0]).min()) >= 10
    distances = (data.x - data.x[0]).norm(dim=1)
    distances[0] = torch.inf
    assert all((0, int(n)) in edges for n in distances.topk(10, largest=False)[1])


def test_a_cpf_file_that_is_absent(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"pubmed was not found \(searched .*pubmed\.npz\) and has no loader"):
        load("pubmed", tmp_path)


def test_a_cpf_file_that_is_damaged(data_root, tmp_path):
    (tmp_path / "node" / "cpf").mkdir(parents=True)
    whole = (data_root / "node" / "cpf" / "cora.npz").read_bytes()
    (tmp_path / "node" / "cpf" / "cora.npz").write_bytes(whole[:2000])
    with pytest.raises(OSError, match=r"cora cannot be read: .*cora\.npz is damaged"):
        load("cora", tmp_path)
