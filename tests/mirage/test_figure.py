from __future__ import annotations

import os
import struct
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from matplotlib.figure import Figure
from ogb.utils import smiles2graph
from torch_geometric.data import Data

from graphdistill.core.command.report import Report, Row
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.graph_forest import graph_forest
from graphdistill.datasets import load
from graphdistill.mirage import MirageConfig, distill_mirage
from graphdistill.mirage.bytes_curve import SERIES
from graphdistill.mirage.figure import (
    _coverage,
    _covered,
    _leaning,
    draw,
)
from tests.figure_checks import check
from tests.strategies import graph_lists

ROOT = Path(os.environ.get("GRAPHDISTILL_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


def molecule(smiles: str) -> Data:
    graph = smiles2graph(smiles)
    return Data(
        x=torch.from_numpy(graph["node_feat"]),
        edge_index=torch.from_numpy(graph["edge_index"]),
        edge_attr=torch.from_numpy(graph["edge_feat"]),
    )


def forest_of(graphs: list[Data], depth: int) -> Forest:
    return build_forest(Graphs.from_data_list(graphs), depth)


def ring(x: torch.Tensor) -> Data:
    source = torch.arange(len(x))
    target = source.roll(1)
    return Data(x=x, edge_index=torch.stack([torch.cat([source, target]), torch.cat([target, source])]))


def row(name: str, score: float, nbytes: int | None, network: str = "GIN") -> Row:
    return Row(name=name, group=network, test=(score, score + 0.02), valid=(), nbytes=nbytes, entries=None)


def report(raw: int = 100_000) -> Report:
    rows = [row("all the data", 0.8, raw), row("untrained network", 0.55, None)]
    for name, score in (("distilled set", 0.7), *((name, 0.62) for name in list(SERIES)[1:])):
        rows += [row(name, score, raw // 10), row(f"{name}, 1 % of the bytes", score - 0.05, raw // 100)]
    return Report(title="Mirage", metric="rocauc", rows=tuple(rows), facts={"raw_bytes": raw})


def as_set(forest: Forest, y: torch.Tensor, features: str, task: str = "multiclass") -> SyntheticSet:
    return SyntheticSet(forest.by_frequency(), y, torch.ones(len(y)), task, features)


def size_of(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def drawn(data: GraphDataset, folder: Path, config: MirageConfig, figures: list[Figure]) -> tuple[int, int]:
    graphs, _ = data.split("train")
    small = distill_mirage(data, config)
    draw(build_forest(graphs, config.hops), small, report(90_000), folder / "figure.png")
    assert [path.name for path in folder.iterdir()] == ["figure.png"]
    check(figures[0])
    return size_of(folder / "figure.png")


@pytest.fixture(scope="module")
def alcohols() -> Forest:
    return forest_of([molecule(s) for s in ("CCO", "CCCO", "c1ccccc1O", "CC#N")], 2)


@pytest.mark.parametrize(("name", "folder"), [("ogbg-molbace", "ogb/ogbg_molbace"), ("NCI1", "tu/NCI1")])
def test_it_draws_real_data(name: str, folder: str, tmp_path: Path, figures: list[Figure]) -> None:
    if not (ROOT / folder).is_dir():
        pytest.skip(f"{name} is not in {ROOT}; set GRAPHDISTILL_DATA to the folder that has {folder}")
    data = load(name, ROOT)
    assert isinstance(data, GraphDataset)
    assert drawn(data, tmp_path, MirageConfig(fraction=0.05), figures) == (1600, 1168)


@pytest.mark.parametrize("hops", [0, 1, 2])
@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_it_draws_own_data_at_any_depth(kind: str, hops: int, tmp_path: Path, figures: list[Figure]) -> None:
    torch.manual_seed(0)
    graphs = [ring(torch.randint(3, (5 + i % 3, 1))) for i in range(60)]
    for number, graph in enumerate(graphs):
        graph.x = graph.x if kind == "categorical" else torch.randn(len(graph.x), 2)
        graph.y = torch.tensor([number % 2])
    data = load(graphs)
    assert isinstance(data, GraphDataset)
    assert drawn(data, tmp_path, MirageConfig(lossless=True, hops=hops), figures)[0] == 1600


@pytest.mark.parametrize("depth", [0, 2])
def test_it_draws_the_least_there_is(depth: int, tmp_path: Path) -> None:
    dot = forest_of([Data(x=torch.tensor([[3]]), edge_index=torch.empty(2, 0).long())], depth)
    for rows in ((), (row("all the data", 0.5, 9),), (row("distilled set", float("nan"), 9),)):
        bare = Report(title="$a dot_ 漢", metric="accuracy", rows=rows)
        draw(dot, as_set(dot, torch.tensor([0]), "categorical"), bare, tmp_path / "dot.png", top=9)
        assert size_of(tmp_path / "dot.png") == (1600, 1168)


def test_equal_input_gives_equal_bytes(alcohols: Forest, tmp_path: Path) -> None:
    small = as_set(alcohols, torch.tensor([0, 0, 1, 1]), "ogb")
    for name in ("a.png", "b.png"):
        draw(alcohols, small, report(), tmp_path / "new" / name)
    assert (tmp_path / "new" / "a.png").read_bytes() == (tmp_path / "new" / "b.png").read_bytes()


def test_a_failure_leaves_the_old_file(alcohols: Forest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(figure: object, target: Path, **_: object) -> None:
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    (tmp_path / "figure.png").write_bytes(b"old")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(KeyboardInterrupt):
        draw(alcohols, as_set(alcohols, torch.zeros(4).long(), "ogb"), report(), tmp_path / "figure.png")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("figure.png", b"old")]


def test_bad_arguments_are_refused(alcohols: Forest, tmp_path: Path) -> None:
    small = as_set(alcohols, torch.zeros(4).long(), "ogb")
    with pytest.raises(ValueError, match="top must be 1 or more, got 0"):
        draw(alcohols, small, report(), tmp_path / "figure.png", top=0)
    with pytest.raises(ValueError, match="depth 2 but train has 1"):
        draw(alcohols.cut(1), small, report(), tmp_path / "figure.png")
    with pytest.raises(ValueError, match="feature tensors, not graphs"):
        draw(alcohols, SyntheticSet(torch.rand(1, 2), torch.tensor([0]), torch.ones(1)), report(), tmp_path / "f.png")
    assert list(tmp_path.iterdir()) == []


def test_a_train_forest_may_be_deeper(alcohols: Forest, tmp_path: Path) -> None:
    small = as_set(alcohols.cut(1), torch.zeros(4).long(), "ogb")
    draw(alcohols, small, report(), tmp_path / "deep.png")
    draw(alcohols.cut(1), small, report(), tmp_path / "cut.png")
    assert (tmp_path / "deep.png").read_bytes() == (tmp_path / "cut.png").read_bytes()


@given(graph_lists())
def test_coverage_is_that_of_counting_nodes(graphs: list[Data]) -> None:
    forest = forest_of(graphs, 2)
    part = forest.subset(torch.tensor([0]))
    ids = [tuple(i) for i in forest.trees.ids()[-1].tolist()]
    nodes = [ids[t] for t, n in zip(forest.tree.tolist(), forest.count.tolist(), strict=True) for _ in range(n)]
    assert len(nodes) == sum(len(graph.x) for graph in graphs)
    total, shares = 0, []
    for _, count in Counter(nodes).most_common():
        total += count
        shares.append(total / len(nodes))
    assert _coverage(forest.multiplicity(torch.long)[-1]).tolist() == pytest.approx(shares)
    mine = {ids[t] for t in forest.tree[: int(forest.ptr[1])].tolist()}
    assert _covered(forest, part) == pytest.approx(sum(node in mine for node in nodes) / len(nodes))


@pytest.mark.parametrize("features", ["ogb", "categorical", "continuous"])
@pytest.mark.parametrize("top", [2, 9])
def test_examples_are_the_graphs_of_a_set(features: str, top: int, tmp_path: Path, figures: list[Figure]) -> None:
    graphs = [molecule(smiles) for smiles in ("CCO", "CCCO", "c1ccccc1O", "CC#N", "C", "CN", "O=C=O", "CCl")]
    if features == "continuous":
        graphs = [Data(x=graph.x.float(), edge_index=graph.edge_index) for graph in graphs]
    forest = graph_forest(Graphs.from_data_list(graphs), 2)
    y = torch.tensor([[1 - p, p] for p in (0.1, 0.2, 0.9, 0.3, 0.8, 0.7, 0.4, 0.6)])
    small = SyntheticSet(forest, y, torch.ones(8), "multiclass", features)
    draw(forest, small, report(), tmp_path / "figure.png", top=top)
    check(figures[0])
    found = [text.get_text() for axes in figures[0].axes for text in axes.texts if "class 1: " in text.get_text()]
    # In the order of the set, classes in turn.
    want = [10, 90, 20, 80, 30, 70, 40, 60][:top]
    assert found == [f"class 1: {share} %" for share in want]
    assert size_of(tmp_path / "figure.png") == (1600, 1168 if top == 2 else 1496)


def test_leaning_weighs_classes_by_occurrences() -> None:
    forest = forest_of([ring(torch.zeros(n, 1).long()) for n in (3, 5)], 0)
    everything = forest.tree >= 0
    soft = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    many = torch.tensor([[float("nan"), 1.0], [1.0, 0.0]])
    assert _leaning(as_set(forest, torch.tensor([0, 1]), "categorical"), everything) == "class 1: 62 %"
    assert _leaning(as_set(forest, torch.tensor([2, 0]), "categorical"), everything) == "class 0: 62 %"
    assert _leaning(as_set(forest, soft, "categorical"), everything) == "class 1: 31 %"
    assert _leaning(as_set(forest, many, "categorical", "multilabel"), everything) == "task 0: 100 %"
