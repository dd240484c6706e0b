from __future__ import annotations

import os
import struct
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from ogb.utils import smiles2graph
from torch_geometric.data import Data

from graphdistill.core.data import GraphDataset, Graphs
from graphdistill.core.forest import Forest
from graphdistill.core.grow import grow
from graphdistill.core.raw_bytes import raw_bytes
from graphdistill.core.report import Report, Row
from graphdistill.core.synthetic import SyntheticSet
from graphdistill.datasets import load
from graphdistill.mirage import MirageConfig, distill_mirage
from graphdistill.mirage.figure import (
    LIMIT,
    _coverage,
    _covered,
    _fragment,
    _layout,
    _leaning,
    _node,
    _points,
    _strokes,
    draw,
)
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
    return grow(Graphs.from_data_list(graphs), depth)


def ring(x: torch.Tensor) -> Data:
    source = torch.arange(len(x))
    target = source.roll(1)
    return Data(x=x, edge_index=torch.stack([torch.cat([source, target]), torch.cat([target, source])]))


def row(name: str, score: float, nbytes: int | None, network: str = "GIN") -> Row:
    return Row(name=name, network=network, test=(score, score + 0.02), valid=(), nbytes=nbytes, graphs=None)


def report(raw: int = 100_000) -> Report:
    rows = [row("distilled set", 0.7, raw // 100), row("all the data", 0.8, raw)]
    rows += [row("random graphs, equal bytes", 0.62, raw // 100), row("untrained network", 0.55, None)]
    rows += [
        row("curve 1 %", 0.7, raw // 100),
        row("curve 10 %", 0.75, raw // 10),
        row("curve lossless", 0.8, raw // 3),
    ]
    return Report(title="Mirage", metric="rocauc", rows=tuple(rows), facts={"raw_bytes": raw})


def as_set(forest: Forest, y: torch.Tensor, features: str, task: str = "multiclass") -> SyntheticSet:
    return SyntheticSet(forest.by_frequency(), y, torch.ones(len(y)), task, features)


def size_of(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def drawn(data: GraphDataset, folder: Path, config: MirageConfig) -> tuple[int, int]:
    graphs, _ = data.split("train")
    small = distill_mirage(data, config)
    draw(grow(graphs, config.hops), small, report(int(raw_bytes(graphs).sum())), folder / "figure.png")
    assert [path.name for path in folder.iterdir()] == ["figure.png"]
    return size_of(folder / "figure.png")


@pytest.fixture(scope="module")
def alcohols() -> Forest:
    return forest_of([molecule(s) for s in ("CCO", "CCCO", "c1ccccc1O", "CC#N")], 2)


@pytest.mark.parametrize(("name", "folder"), [("ogbg-molbace", "ogb/ogbg_molbace"), ("NCI1", "tu/NCI1")])
def test_it_draws_real_data(name: str, folder: str, tmp_path: Path) -> None:
    if not (ROOT / folder).is_dir():
        pytest.skip(f"{name} is not in {ROOT}; set GRAPHDISTILL_DATA to the folder that has {folder}")
    data = load(name, ROOT)
    assert isinstance(data, GraphDataset)
    assert drawn(data, tmp_path, MirageConfig(fraction=0.05)) == (1600, 1168)


@pytest.mark.parametrize("hops", [0, 1, 2])
@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_it_draws_own_data_at_any_depth(kind: str, hops: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    graphs = [ring(torch.randint(3, (5 + i % 3, 1))) for i in range(60)]
    for number, graph in enumerate(graphs):
        graph.x = graph.x if kind == "categorical" else torch.randn(len(graph.x), 2)
        graph.y = torch.tensor([number % 2])
    data = load(graphs)
    assert isinstance(data, GraphDataset)
    assert drawn(data, tmp_path, MirageConfig(lossless=True, hops=hops))[0] == 1600


@pytest.mark.parametrize("depth", [0, 2])
def test_it_draws_the_least_there_is(depth: int, tmp_path: Path) -> None:
    dot = forest_of([Data(x=torch.tensor([[3]]), edge_index=torch.empty(2, 0).long())], depth)
    for rows in ((), (row("all the data", 0.5, 9),), (row("curve nothing", float("nan"), 9),)):
        bare = Report(title="$a dot_ 漢", metric="accuracy", rows=rows)
        draw(dot, as_set(dot, torch.tensor([0]), "categorical"), bare, tmp_path / "dot.png", top=9)
        assert size_of(tmp_path / "dot.png") == (1600, 1168)


@given(graph_lists(max_graphs=3))
def test_any_graphs_have_fragments(graphs: list[Data]) -> None:
    trees = forest_of(graphs, 3).trees
    for tree in range(trees.sizes[-1]):
        graph = _fragment(trees, tree)
        assert len(graph) <= LIMIT
        places, stubs = _layout(graph)
        assert set(places) == set(stubs) == set(graph)


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


def test_points_average_networks_seed_by_seed() -> None:
    rows = (row("a", 0.5, 7, "GCN"), row("a", 0.7, 7, "GIN"), row("b", float("nan"), 3))
    points = _points(Report(title="", metric="rocauc", rows=rows))
    assert list(points) == ["a"]
    assert points["a"] == (7, pytest.approx(0.61), pytest.approx(0.02 / 2**0.5))


def test_ethanol_is_drawn_as_ethanol() -> None:
    forest = forest_of([molecule("CCO")], 2)
    texts = []
    for tree in range(forest.trees.sizes[-1]):
        graph = _fragment(forest.trees, tree)
        text = {n: _node(forest.trees, r, "ogb")[0] for n, r in graph.nodes(data="row")}
        texts.append(sorted((text[a], text[b]) for a, b in graph.edges))
        assert [graph.nodes[n]["stubs"] for n in graph] == [0, 0, 0]
        assert {_strokes(forest.trees, edge, "ogb") for _, _, edge in graph.edges(data="edge")} == {((0.0, "-"),)}
    # From the middle carbon both neighbours, from either end the chain; never back to where it came from.
    assert sorted(texts) == [[("C", "C"), ("C", "O")]] * 2 + [[("C", "C"), ("O", "C")]]


def test_bonds_and_stubs_are_those_of_the_molecule() -> None:
    forest = forest_of([molecule("N#CC(=O)c1ccccc1")], 1)
    kinds = {}
    for tree in range(forest.trees.sizes[-1]):
        graph = _fragment(forest.trees, tree)
        text = {n: _node(forest.trees, r, "ogb")[0] for n, r in graph.nodes(data="row")}
        lines = sorted(len(_strokes(forest.trees, edge, "ogb")) for _, _, edge in graph.edges(data="edge"))
        kinds[text[0], *lines] = sum(stubs for _, stubs in graph.nodes(data="stubs"))
    # Nitrogen and the carbon after it: the triple bond, one bond leads on from the carbon, two from the next.
    assert kinds["N", 3] == 1
    assert kinds["C", 1, 3] == 2
    assert kinds["O", 2] == 2
    assert {key for key in kinds if key[0] == "C"} == {("C", 1, 3), ("C", 1, 1, 2), ("C", 1, 2, 2), ("C", 2, 2)}
    aromatic = _strokes(
        forest.trees, next(e for e, kind in enumerate(forest.trees.edge_attr[:, 0]) if kind == 3), "ogb"
    )
    assert [dashes == "-" for _, dashes in aromatic] == [True, False]


def test_charges_and_unknown_elements_have_a_sign() -> None:
    trees = forest_of([molecule("C[N+](C)(C)CC(=O)[O-]"), molecule("*C")], 0).trees
    assert {_node(trees, r, "ogb")[0] for r in range(len(trees.x))} == {"C", "N⁺", "O", "O⁻", "*"}


def test_directed_edges_are_not_walked_back() -> None:
    cycle = Data(x=torch.tensor([[0], [1], [2]]), edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]))
    graph = _fragment(forest_of([cycle], 2).trees, 0)
    assert sorted(r for _, r in graph.nodes(data="row")) == [0, 1, 2]
    assert list(graph.edges) == [(0, 1), (1, 2)]


def test_a_star_stops_at_the_limit_and_says_so() -> None:
    spokes = torch.arange(1, 41)
    edges = torch.stack([torch.cat([spokes * 0, spokes]), torch.cat([spokes, spokes * 0])])
    forest = forest_of([Data(x=(torch.arange(41) == 0).long()[:, None], edge_index=edges)], 2)
    graphs = [_fragment(forest.trees, tree) for tree in range(2)]
    hub, spoke = sorted(graphs, key=len, reverse=True)
    assert (len(hub), hub.nodes[0]["stubs"]) == (LIMIT, 40 - LIMIT + 1)
    assert (len(spoke), spoke.nodes[1]["stubs"]) == (2, 39)
    places = list(_layout(hub)[0].values())
    assert min(abs(complex(*a) - complex(*b)) for i, a in enumerate(places) for b in places[:i]) > 0.8


def test_leaning_weighs_classes_by_occurrences() -> None:
    forest = forest_of([ring(torch.zeros(n, 1).long()) for n in (3, 5)], 0)
    everything = forest.tree >= 0
    soft = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    many = torch.tensor([[float("nan"), 1.0], [1.0, 0.0]])
    assert _leaning(as_set(forest, torch.tensor([0, 1]), "categorical"), everything) == "class 1: 62 %"
    assert _leaning(as_set(forest, torch.tensor([2, 0]), "categorical"), everything) == "class 0: 62 %"
    assert _leaning(as_set(forest, soft, "categorical"), everything) == "class 1: 31 %"
    assert _leaning(as_set(forest, many, "categorical", "multilabel"), everything) == "task 0: 100 %"
