import shutil
import zipfile

import pytest
import torch

from graphdistill.datasets import load
from graphdistill.datasets._tu import load_tu


# graphs, nodes and edges a graph, width of one-hot labels, graphs per class
@pytest.mark.parametrize(
    ("name", "graphs", "nodes", "edges", "labels", "edge_labels", "classes"),
    [
        ("NCI1", 4110, 29.9, 64.6, 37, None, [2053, 2057]),
        ("MUTAG", 188, 17.9, 39.6, 7, 4, [63, 125]),
        pytest.param("DD", 1178, 284.3, 1431.3, 89, None, [691, 487], marks=pytest.mark.long),
    ],
)
def test_the_published_numbers(data_root, name, graphs, nodes, edges, labels, edge_labels, classes):
    before = sorted((str(p), p.stat().st_mtime_ns) for p in data_root.rglob("*"))
    data = load(name, data_root)
    assert sorted((str(p), p.stat().st_mtime_ns) for p in data_root.rglob("*")) == before
    assert len(data.graphs) == graphs
    assert round(data.graphs.num_nodes / graphs, 1) == nodes
    assert round(data.graphs.edge_index.shape[1] / graphs, 1) == edges
    assert (data.graphs.x.shape[1], data.graphs.x.dtype, int(data.graphs.x.max()) + 1) == (
        1,
        torch.long,
        labels,
    )
    if edge_labels is None:
        assert data.graphs.edge_attr is None
    else:
        assert int(data.graphs.edge_attr.max()) + 1 == edge_labels
    assert torch.bincount(data.y).tolist() == classes
    assert (data.metric, data.features) == ("accuracy", "categorical")
    parts = [data.train, data.valid, data.test]
    assert torch.cat(parts).sort()[0].tolist() == list(range(graphs))
    for part, share in zip(parts, (0.8, 0.1, 0.1), strict=True):
        assert (torch.bincount(data.y[part]) - share * torch.tensor(classes)).abs().max() <= 1


def test_labels_are_those_of_the_file(data_root):
    data = load("MUTAG", data_root)
    lines = (data_root / "tu" / "MUTAG" / "raw" / "MUTAG_node_labels.txt").read_text().split()
    assert data.graphs.x.view(-1).tolist() == [int(line) for line in lines]


def test_the_split_follows_the_seed(data_root):
    first, again, other = (load("MUTAG", data_root, seed=s) for s in (0, 0, 1))
    assert torch.equal(first.test, again.test)
    assert not torch.equal(first.test, other.test)


# Three graphs make no split that :func:`load` takes, so these are read one floor below it.
BASE = {
    "A": [(1, 2), (2, 1), (4, 5), (5, 4)],
    "graph_indicator": [1, 1, 1, 2, 2, 3],
    "graph_labels": [-1, 1, 1],
}


def test_without_labels_the_in_degree_stands_in_and_isolated_nodes_stay(write_tu):
    graphs = load_tu("plain", write_tu("plain", **BASE), 0).graphs
    assert graphs.x.view(-1).tolist() == [1, 1, 0, 1, 1, 0]
    assert graphs.node_ptr.tolist() == [0, 3, 5, 6]
    assert graphs.edge_ptr.tolist() == [0, 2, 4, 4]
    assert graphs.edge_attr is None


def test_many_label_columns_stay_apart(write_tu):
    labels = [(3, 0), (5, 1), (3, 1), (4, 0), (3, 0), (5, 0)]
    data = load_tu("two", write_tu("two", **BASE, node_labels=labels, edge_labels=[2, 2, 7, 7]), 0)
    assert data.graphs.x.tolist() == [[0, 0], [2, 1], [0, 1], [1, 0], [0, 0], [2, 0]]
    assert data.graphs.edge_attr.view(-1).tolist() == [0, 0, 5, 5]
    assert data.y.tolist() == [0, 1, 1]


def test_labels_go_before_attributes(write_tu):
    attributes = [(n / 2, 1.0) for n in range(6)]
    both = {"node_attributes": attributes, "node_labels": [0, 1, 0, 1, 1, 0]}
    assert load_tu("both", write_tu("both", **BASE, **both), 0).graphs.x.view(-1).tolist() == [0, 1, 0, 1, 1, 0]


def test_attributes_alone_are_continuous(write_tu):
    data = load_tu("cont", write_tu("cont", **BASE, node_attributes=[(n / 2, 1.0) for n in range(6)]), 0)
    assert data.features == "continuous"
    assert data.graphs.x.tolist() == [[n / 2, 1.0] for n in range(6)]


def test_regression_is_refused(write_tu):
    root = write_tu("energy", **BASE, graph_attributes=[0.5, 1.5, 2.5])
    with pytest.raises(ValueError, match=r"name='energy' has labels that are not one class a graph.*NCI1"):
        load("energy", root)


def test_a_zip_that_is_none_is_named(tmp_path):
    (tmp_path / "tu" / "zips").mkdir(parents=True)
    (tmp_path / "tu" / "zips" / "DD.zip").write_text("<html>not found</html>")
    with pytest.raises(OSError, match=r"DD cannot be read: .*DD\.zip is not a zip file"):
        load("DD", tmp_path)


def test_a_damaged_zip_is_named(data_root, tmp_path):
    (tmp_path / "tu" / "zips").mkdir(parents=True)
    path = tmp_path / "tu" / "zips" / "MUTAG.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((data_root / "tu" / "MUTAG" / "raw").iterdir()):
            archive.write(file, f"MUTAG/{file.name}")
    assert len(load("MUTAG", tmp_path).graphs) == 188
    damaged = bytearray(path.read_bytes())
    damaged[1000:1100] = bytes(100)
    path.write_bytes(damaged)
    with pytest.raises(OSError, match=r"MUTAG\.zip is damaged"):
        load("MUTAG", tmp_path)


def test_a_missing_file_is_named(data_root, tmp_path):
    shutil.copytree(data_root / "tu" / "MUTAG", tmp_path / "tu" / "MUTAG")
    (tmp_path / "tu" / "MUTAG" / "raw" / "MUTAG_A.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"MUTAG_A\.txt is missing"):
        load("MUTAG", tmp_path)


def test_without_a_network_the_error_tells_the_way_out(tmp_path, monkeypatch):
    def offline(*_args, **_kwargs):
        raise OSError("no network")

    monkeypatch.setattr("torch_geometric.io.fs.cp", offline)
    with pytest.raises(FileNotFoundError, match=r"ENZYMES was not found .*\(no network\).*pains, digits"):
        load("ENZYMES", tmp_path)
    assert not list(tmp_path.iterdir())


def many(**changes):
    """Twenty graphs of two nodes, as text files hold them."""
    nodes = range(1, 41)
    files = {
        "A": [(n, n + 1) for n in nodes if n % 2] + [(n + 1, n) for n in nodes if n % 2],
        "graph_indicator": [(n + 1) // 2 for n in nodes],
        "graph_labels": [g % 2 for g in range(20)],
        "node_attributes": [(n / 2, 1.0) for n in nodes],
    }
    return {**files, **changes}


def put(rows, line, row):
    return [*rows[: line - 1], row, *rows[line:]]


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_numbers_that_cannot_be_used_are_named(write_tu, value):
    attributes = put(many()["node_attributes"], 6, (1.5, value))
    with pytest.raises(ValueError, match=rf"^x holds {value} in row 5, column 1 \(graph 2\); replace it"):
        load("numbers", write_tu("numbers", **many(node_attributes=attributes)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"graph_indicator": put(many()["graph_indicator"], 40, 22)},
            r"_indicator\.txt line 40: graph 22 after graph 20;",
        ),
        ({"graph_indicator": put(many()["graph_indicator"], 3, 1)[:2] + [5] * 38}, r"line 3: graph 5 after graph 1;"),
        ({"graph_indicator": [0] * 2 + [1] * 38}, r"_graph_indicator\.txt line 1: graph 0 at the start; nodes come"),
        ({"A": [(a - 1, b - 1) for a, b in many()["A"]]}, r"_A\.txt line 1: node 0; nodes are numbered from 1 to 40"),
        ({"A": put(many()["A"], 5, (9, 41))}, r"_A\.txt line 5: node 41; nodes are numbered from 1 to 40"),
        ({"A": put(many()["A"], 5, (9, 12))}, r"_A\.txt line 5: an edge from graph 5 to graph 6; edges stay"),
        ({"A": put(many()["A"], 5, "9 10")}, r"_A\.txt line 5 is '9 10'; numbers separated by commas are needed"),
        ({"graph_labels": [0, 1] * 9}, r"_graph_labels\.txt has 18 lines for 20 graphs, one is needed for each"),
        ({"node_attributes": many()["node_attributes"][:39]}, r"_node_attributes\.txt has 39 lines for 40 nodes"),
        (
            {"node_attributes": put(many()["node_attributes"], 7, 3.0)},
            r"_node_attributes\.txt line 7: 1 numbers, but line 1",
        ),
    ],
)
def test_a_line_that_does_not_fit_is_named_and_no_file_is_to_be_removed(write_tu, changes, message):
    root = write_tu("mine", **many(**changes))
    with pytest.raises(OSError, match=message) as caught:
        load("mine", root)
    assert str(root / "tu" / "mine") in str(caught.value)
    assert "remove" not in str(caught.value)


def test_own_files_are_never_to_be_removed(write_tu, cache):
    root = write_tu("MUTAG", **many())
    (root / "tu" / "MUTAG" / "raw" / "MUTAG_A.txt").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"MUTAG_A\.txt is missing, so MUTAG is not complete; put the file back$"
    ):
        load("MUTAG", root)
    place = cache / "graphdistill" / "data" / "tu" / "MUTAG"
    shutil.copytree(root / "tu" / "MUTAG", place)
    with pytest.raises(FileNotFoundError, match=r"put the file back, or remove .* to download it again$"):
        load("MUTAG")
    shutil.rmtree(place)
