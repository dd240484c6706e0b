import gzip
import shutil
import sys
from pathlib import Path

import pytest
import torch

from graphdistill import CondenseConfig, distill_condense
from graphdistill.datasets import _ogb, load

TRIANGLES = {
    "edge": [(0, 1), (1, 2), (0, 1), (0, 1)],
    "num-node-list": [3, 2, 4],
    "num-edge-list": [2, 1, 1],
    "train": [0],
    "valid": [1],
    "test": [2],
}
ATOMS = {
    "node-feat": [[n] * 9 for n in range(9)],
    "edge-feat": [[1, 0, 0], [0, 0, 1], [3, 0, 1], [2, 0, 0]],
}


def tree(folder):
    return sorted((str(p), p.stat().st_mtime_ns) for p in folder.rglob("*"))


def test_molbace_has_its_published_numbers_and_its_folder_is_left_alone(data_root, capfd):
    before = tree(data_root)
    data = load("ogbg-molbace", data_root)
    assert tree(data_root) == before
    assert capfd.readouterr() == ("", "")
    assert len(data.graphs) == 1513
    assert data.graphs.num_nodes / 1513 == pytest.approx(34.0892, abs=1e-4)
    assert data.graphs.edge_index.shape[1] / 1513 == pytest.approx(73.7184, abs=1e-4)
    positives = [(len(s), int(data.y[s].sum())) for s in (data.train, data.valid, data.test)]
    assert positives == [(1210, 480), (151, 130), (152, 81)]
    assert (data.task, data.metric, data.features, data.y.dtype) == (
        "multiclass",
        "rocauc",
        "ogb",
        torch.long,
    )
    assert data.graphs.x.shape[1] == 9
    assert data.graphs.edge_attr.shape[1] == 3


def test_the_cache_gives_the_same_tensors(data_root, monkeypatch):
    first = load("ogbg-molbace", data_root)
    monkeypatch.setattr(_ogb, "PygGraphPropPredDataset", None)
    second = load("ogbg-molbace", data_root)
    for name in ("x", "edge_index", "edge_attr", "node_ptr", "edge_ptr"):
        a, b = getattr(first.graphs, name), getattr(second.graphs, name)
        assert a.dtype == b.dtype
        assert torch.equal(a, b)


def test_a_root_of_ogb_itself_and_half_written_files_in_it_are_fine(data_root, tmp_path):
    shutil.copytree(data_root / "ogb" / "ogbg_molbace", tmp_path / "ogbg_molbace")
    (tmp_path / "ogbg_molbace" / "processed").mkdir()
    (tmp_path / "ogbg_molbace" / "processed" / "geometric_data_processed.pt").write_bytes(b"half")
    assert len(load("ogbg-molbace", tmp_path).graphs) == 1513


def test_a_damaged_cache_file_is_made_again(cache, write_ogb):
    root = write_ogb("ogbg-molclintox", "scaffold", **TRIANGLES, **ATOMS, y=[[0, 1], [1, 1], [0, 0]])
    load("ogbg-molclintox", root)
    (path,) = (cache / "graphdistill" / "prepared").glob("ogbg-molclintox-*")
    path.write_bytes(path.read_bytes()[:100])
    assert len(load("ogbg-molclintox", root).graphs) == 3
    assert not list(path.parent.glob("*.partial"))
    assert not list((cache / "graphdistill" / "scratch").iterdir())


def test_many_tasks_keep_their_missing_labels(write_ogb):
    root = write_ogb("ogbg-molmuv", "scaffold", **TRIANGLES, **ATOMS, y=[[0, ""], ["", 1], [1, 0]])
    data = load("ogbg-molmuv", root)
    assert data.task == "multilabel"
    assert torch.equal(data.y.nan_to_num(-1), torch.tensor([[0.0, -1], [-1, 1], [1, 0]]))
    assert data.graphs[2].num_nodes == 4
    assert data.graphs[0].edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert data.graphs[0].edge_attr.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]


@pytest.fixture
def clintox(write_ogb):
    """A tiny data set, and the path of its table of SMILES."""
    root = write_ogb("ogbg-molclintox", "scaffold", **TRIANGLES, **ATOMS, y=[[0, 1], [1, 1], [0, 0]])
    path = root / "ogb" / "ogbg_molclintox" / "mapping" / "mol.csv.gz"
    path.parent.mkdir()
    return root, path


def test_smiles_are_those_of_the_table_and_are_not_needed(clintox):
    root, path = clintox
    plain = load("ogbg-molclintox", root)
    assert plain.smiles is None
    path.write_bytes(gzip.compress(b"FDA,CT,smiles,mol_id\n0,1,C1CC1,a\n1,1,C=O,b\n0,0,CC(C)C,c\n"))
    data = load("ogbg-molclintox", root)
    assert data.smiles == ("C1CC1", "C=O", "CC(C)C")
    assert data.with_splits(data.test, data.valid, data.train).smiles == data.smiles
    assert data.digest == plain.digest


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (gzip.compress(b"smiles\nC\nCC\n"), r"mol\.csv\.gz has 2 rows for 3 graphs"),
        (gzip.compress(b"text\nC\nCC\nCCC\n"), r"mol\.csv\.gz is damaged or has no column smiles"),
        (gzip.compress(b"smiles\nC\nCC\nCCC\n")[:-9], r"mol\.csv\.gz is damaged or"),
        (b"smiles\nC\nCC\nCCC\n", r"mol\.csv\.gz is damaged or"),
        (gzip.compress(b""), r"mol\.csv\.gz is damaged or"),
    ],
    ids=["short", "column", "cut", "no gzip", "empty"],
)
def test_a_table_of_smiles_that_does_not_fit_is_refused(clintox, content, problem):
    root, path = clintox
    path.write_bytes(content)
    with pytest.raises(OSError, match=f"^ogbg-molclintox: .*{problem}.*; replace it, or remove it to load the graphs"):
        load("ogbg-molclintox", root)


def test_ppa_has_graphs_without_node_features(write_ogb):
    root = write_ogb("ogbg-ppa", "species", **TRIANGLES, **{"edge-feat": [[0.1] * 7] * 4}, y=[0, 36, 5])
    data = _ogb.load_ogbg("ogbg-ppa", root)  # three graphs make no split that :func:`load` takes
    assert data.graphs.x.tolist() == [[0]] * 9
    assert data.graphs.edge_attr.shape == (8, 7)
    assert (data.features, data.metric, data.num_outputs) == ("categorical", "accuracy", 37)


def test_arxiv_gets_both_directions_of_its_edges(write_ogb):
    files = {**TRIANGLES, "num-node-list": [3], "num-edge-list": [3], "edge": [(0, 1), (1, 2), (2, 2)]}
    files |= {"node-feat": [[0.5, 1], [1, 2], [3, 4]], "node_year": [1, 2, 3], "y": [0, 2, 1]}
    data = _ogb.load_ogbn("ogbn-arxiv", write_ogb("ogbn-arxiv", "time", label="node-label", **files))
    assert data.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert data.y.tolist() == [0, 2, 1]
    assert data.x.dtype == torch.float


def test_a_missing_file_is_named(write_ogb):
    root = write_ogb("ogbg-molsider", "scaffold", **TRIANGLES, **ATOMS, y=[[0, 1]] * 3)
    (root / "ogb" / "ogbg_molsider" / "raw" / "edge.csv.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"raw.edge\.csv\.gz is missing, so ogbg-molsider"):
        load("ogbg-molsider", root)


def test_an_older_release_is_refused_without_a_question(write_ogb):
    root = write_ogb("ogbg-molsider", "scaffold", **TRIANGLES, **ATOMS, y=[[0, 1]] * 3)
    (root / "ogb" / "ogbg_molsider" / "RELEASE_v1.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"RELEASE_v1\.txt is missing"):
        load("ogbg-molsider", root)


def test_a_damaged_file_is_named(write_ogb):
    root = write_ogb("ogbg-molsider", "scaffold", **TRIANGLES, **ATOMS, y=[[0, 1]] * 3)
    path = root / "ogb" / "ogbg_molsider" / "raw" / "node-feat.csv.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(OSError, match=r"ogbg-molsider cannot be read: .*node-feat\.csv\.gz is damaged"):
        load("ogbg-molsider", root)


def test_files_that_do_not_fit_each_other_are_refused(write_ogb):
    files = TRIANGLES | {"edge": [(0, 1), (1, 2), (0, 1), (0, 7)]}
    root = write_ogb("ogbg-molsider", "scaffold", **files, **ATOMS, y=[[0, 1]] * 3)
    with pytest.raises(OSError, match="2 of 8 edges point outside of their graph"):
        load("ogbg-molsider", root)


def test_what_is_neither_classification_nor_regression_is_refused():
    with pytest.raises(ValueError, match=r"name='ogbg-code2' is .* which is not supported.* ogbg-molhiv.*ogbg-molesol"):
        load("ogbg-code2")


REGRESSION = [n for n, facts in _ogb.master("graphproppred").items() if facts["task type"] == "regression"]


@pytest.mark.parametrize("name", REGRESSION)
def test_regression_sets_have_their_targets(name, write_ogb):
    assert {"ogbg-molesol", "ogbg-molfreesolv", "ogbg-mollipo"} <= set(REGRESSION)
    root = write_ogb(name, "scaffold", **TRIANGLES, **ATOMS, y=[-0.77, 3, 1e-3])
    data = load(name, root)
    assert (data.task, data.metric, data.features, data.num_outputs) == ("regression", "rmse", "ogb", 1)
    torch.testing.assert_close(data.y, torch.tensor([[-0.77], [3.0], [1e-3]]))
    with pytest.raises(ValueError, match=f"task='classification', but {name} is of regression; leave task out"):
        load(name, root, task="classification")


def test_molesol_has_its_published_numbers(data_root):
    data = load("ogbg-molesol", data_root, task="regression")
    assert [len(s) for s in (data.train, data.valid, data.test)] == [902, 113, 113]
    assert (data.y.shape, data.y.dtype, len(data.smiles)) == ((1128, 1), torch.float32, 1128)
    assert data.graphs.num_nodes / 1128 == pytest.approx(13.3, abs=0.05)
    assert (float(data.y.min()), float(data.y.max())) == (pytest.approx(-11.6), pytest.approx(1.58))


@pytest.mark.parametrize("name", ["ogbn-proteins", "ogbn-mag", "ogbn-papers100M"])
def test_other_node_sets_of_ogb_are_refused(name):
    with pytest.raises(ValueError, match=f"name='{name}' is not supported.*ogbn-arxiv, ogbn-products"):
        load(name)


def offline(*_args, **_kwargs):
    raise OSError("no network")


def test_without_a_network_the_error_tells_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", offline)
    with pytest.raises(FileNotFoundError, match="ogbg-molbbbp was not found") as caught:
        load("ogbg-molbbbp", tmp_path / "new")
    message = str(caught.value)
    assert str(tmp_path / "new" / "ogb" / "ogbg_molbbbp") in message
    assert "pains, digits, digits-knn, mnist5k need no download" in message
    assert "\n" not in message
    assert not (tmp_path / "new").exists()


def test_a_large_download_is_refused_without_a_question(tmp_path, monkeypatch):
    class Large:
        def info(self):
            return {"Content-Length": str(3 << 30)}

    monkeypatch.setattr("ogb.utils.url.ur.urlopen", lambda url: Large())
    with pytest.raises(FileNotFoundError, match="larger than a gigabyte"):
        load("ogbg-ppa", tmp_path)


def test_a_download_leaves_the_official_layout(write_ogb, tmp_path, monkeypatch):
    source = write_ogb("ogbg-molsider", "scaffold", **TRIANGLES, **ATOMS, y=[[0, 1], [1, 0], [1, 1]])

    def fetch(url, folder):
        archive = Path(folder, "sider.zip")
        archive.touch()
        return str(archive)

    def unpack(path, folder):
        shutil.copytree(source / "ogb" / "ogbg_molsider", Path(folder, "sider"))

    monkeypatch.setattr("ogb.graphproppred.dataset_pyg.decide_download", lambda url: True)
    monkeypatch.setattr("ogb.graphproppred.dataset_pyg.download_url", fetch)
    monkeypatch.setattr("ogb.graphproppred.dataset_pyg.extract_zip", unpack)
    root = tmp_path / "user"
    first = load("ogbg-molsider", root)
    assert [p.name for p in (root / "ogb").iterdir()] == ["ogbg_molsider"]
    assert {p.name for p in (root / "ogb" / "ogbg_molsider").iterdir()} == {"RELEASE_v1.txt", "raw", "split"}
    monkeypatch.setattr("ogb.graphproppred.dataset_pyg.download_url", None)
    assert torch.equal(load("ogbg-molsider", root).y, first.y)


def test_torch_stays_as_strict_as_before(data_root):
    before = set(torch.serialization.get_safe_globals())
    load("ogbg-molbace", data_root)
    assert set(torch.serialization.get_safe_globals()) == before


STAND_INS = {"ogbn-arxiv": "time", "ogbn-products": "sales_ranking"}


def stand_in(name, write_ogb, *, classes=3, nodes=60):
    """A small graph of linked classes in the files that OGB leaves on disk, and its edges, features and labels."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(nodes) % classes
    x = torch.randn(nodes, 8, generator=draw) + 2 * torch.nn.functional.one_hot(y, 8)
    source = torch.arange(nodes).repeat(2)
    edges = torch.stack([source, (source + classes * torch.randint(1, 5, source.shape, generator=draw)) % nodes])
    order = torch.randperm(nodes, generator=draw)
    files = {
        "edge": edges.T.tolist(),
        "num-node-list": [nodes],
        "num-edge-list": [edges.shape[1]],
        "node-feat": [[round(value, 4) for value in row] for row in x.tolist()],
        "y": y.tolist(),
        **dict(zip(("train", "valid", "test"), (p.tolist() for p in order.split([30, 10, nodes - 40])), strict=True)),
    }
    files |= {"node_year": [2010 + i % 10 for i in range(nodes)]} if name == "ogbn-arxiv" else {}
    root = write_ogb(name, STAND_INS[name], label="node-label", **files)
    folder = root / "ogb" / name.replace("-", "_")
    (folder / "mapping").mkdir()
    (folder / "mapping" / "nodeidx2id.csv.gz").write_bytes(gzip.compress(b"node idx,id\n0,a\n"))
    return root, edges, x, y, files


@pytest.mark.parametrize("name", STAND_INS)
def test_node_sets_have_their_official_splits_and_need_no_network(name, write_ogb, monkeypatch):
    root, edges, x, y, files = stand_in(name, write_ogb)
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", offline)
    monkeypatch.setattr("socket.socket.connect", offline)
    before = tree(root)
    data = load(name, root)
    assert tree(root) == before
    assert "outdated" not in sys.modules
    for part in ("train", "valid", "test"):
        assert getattr(data, part).tolist() == files[part]
    assert torch.equal(data.y, y)
    torch.testing.assert_close(data.x, x, rtol=0, atol=1e-4)
    wanted = {(s, t) for s, t in torch.cat([edges, edges.flip(0)], dim=1).T.tolist() if s != t}
    found = data.edge_index.T.tolist()
    assert len(found) == len(wanted)
    assert {(s, t) for s, t in found} == wanted
    assert f"official {STAND_INS[name]} split" in data.notes


@pytest.mark.parametrize("name", STAND_INS)
@pytest.mark.parametrize("missing", ["raw/node-feat.csv.gz", "RELEASE_v1.txt", "split/{}/valid.csv.gz"])
def test_a_node_set_that_is_not_complete_is_refused(name, missing, write_ogb):
    root = stand_in(name, write_ogb)[0]
    missing = missing.format(STAND_INS[name])
    (root / "ogb" / name.replace("-", "_") / missing).unlink()
    with pytest.raises(
        FileNotFoundError, match=f"{missing}.* is missing, so {name} is not complete; put the file back"
    ):
        load(name, root)


@pytest.mark.parametrize("method", ["random", "cgc", "bonsai"])
def test_a_node_set_is_condensed_by_name(method, write_ogb):
    data = load("ogbn-arxiv", stand_in("ogbn-arxiv", write_ogb)[0])
    synthetic = distill_condense(data, CondenseConfig(method=method, per_class=2, bits="full"))
    assert synthetic.y[synthetic.labelled].tolist() == [0, 0, 1, 1, 2, 2]
