from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rich.console
import torch
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.datasets import load_graphs
from graphdistill.mirage.explain import TreeExplanation, draw_trees, explain, table, write_explanation
from tests.figure_checks import check
from tests.mirage.test_neighbourhood import molecule
from tests.reference import canonical_tree

ENDS = ("O", "N", "CO", "CN", "OCC", "NCC", "ClC", "FC(F)")
RINGS = ("C1CC1", "C1CCCCC1", "c1ccccc1", "c1ccoc1", "C1CCOC1", "c1ccsc1")
SMILES = [end + ring for ring in RINGS for end in ENDS]
HALF = torch.arange(len(SMILES))


def split_of(y: Tensor, depth: int = 2) -> TrainingSplit:
    graphs = [molecule(text) for text in SMILES]
    for graph, label in zip(graphs, y, strict=True):
        graph.y = label[None]
    data = load_graphs(graphs, splits=(HALF[:40], HALF[40:44], HALF[44:]))
    data = GraphDataset("toy", data.graphs, data.y, *data.splits.values(), data.metric, "ogb")
    return TrainingSplit(data, depth)


@pytest.fixture(scope="module")
def amines() -> TrainingSplit:
    """Molecules with nitrogen are positive."""
    return split_of(torch.tensor([int("N" in text) for text in SMILES]))


def naive(split: TrainingSplit, truth: np.ndarray, balanced: bool) -> list[tuple[float, float, int, float]]:
    """Strength, weight, number of graphs and share of each tree with a positive weight, counted one by one."""
    known = ~np.isnan(truth)
    counts = []
    for number in range(len(split.graphs)):
        graph, here = split.graphs[number], {}
        for depth in range(split.depth + 1):
            for node in range(len(graph.x)):
                tree = depth, canonical_tree(graph, node, depth, True)
                here[tree] = here.get(tree, 0) + 1
        counts.append(here)
    trees = sorted({tree for here in counts for tree in here})
    trees = [tree for tree in trees if sum(tree in here for here in counts) >= 5]
    x = np.array([[math.log1p(here.get(tree, 0)) for tree in trees] for here in counts])
    model = LogisticRegression(C=0.1, class_weight="balanced" if balanced else None, solver="liblinear")
    (weight,) = model.fit(x[known], truth[known]).coef_
    found = []
    for column in np.flatnonzero(weight > 0):
        mine = x[:, column] > 0
        found.append((weight[column] * x[:, column].std(), weight[column], int(mine.sum()), truth[mine & known].mean()))
    return sorted(found, reverse=True)


def agree(found: list[TreeExplanation], want: list[tuple[float, float, int, float]], base: float) -> None:
    want = want[: len(found)]
    assert [tree.strength for tree in found] == pytest.approx([s for s, *_ in want], abs=1e-4)
    assert [tree.base for tree in found] == pytest.approx([base] * len(found))
    # Trees of equal strength may stand in either order.
    parts = sorted((round(t.strength, 3), round(t.weight, 3), t.graphs, round(t.share, 6)) for t in found)
    assert parts == sorted((round(s, 3), round(w, 3), n, round(share, 6)) for s, w, n, share in want)


def test_the_trees_are_those_of_sklearn_on_counted_trees(amines: TrainingSplit) -> None:
    found = explain(amines, top=4)
    assert [tree.label for tree in found] == ["class 0"] * 4 + ["class 1"] * 4
    y = amines.y.double().numpy()
    agree(found[4:], naive(amines, y, balanced=True), y.mean())
    agree(found[:4], naive(amines, 1 - y, balanced=True), 1 - y.mean())
    assert "N" in found[4].fragment
    assert str(found[4]).startswith(f"class 1: {found[4].fragment} (depth {found[4].depth}), strength ")


def test_of_more_classes_each_has_its_own_trees() -> None:
    split = split_of(torch.tensor([("O" in text) + 2 * ("N" in text and "O" not in text) for text in SMILES]))
    found = explain(split, top=2)
    assert [tree.label for tree in found] == ["class 0"] * 2 + ["class 1"] * 2 + ["class 2"] * 2
    for label in range(3):
        truth = (split.y == label).double().numpy()
        agree(found[2 * label : 2 * label + 2], naive(split, truth, balanced=False), truth.mean())


def test_labels_that_are_not_known_count_for_nothing() -> None:
    y = torch.stack([torch.tensor([float("N" in s) for s in SMILES]), torch.ones(len(SMILES))], dim=1)
    y[::3, 0] = torch.nan
    split = split_of(y)
    found = explain(split, top=3)
    # A task with labels of one kind has no weights.
    assert {tree.label for tree in found} == {"task 0"}
    truth = split.y[:, 0].double().numpy()
    agree(found, naive(split, truth, balanced=True), np.nanmean(truth))


@pytest.mark.parametrize("depth", [0, 1])
def test_a_place_in_the_dictionary_is_that_of_the_tree(depth: int) -> None:
    split = split_of(torch.tensor([int("N" in text) for text in SMILES]), depth)
    for tree in explain(split, top=100):
        assert tree.depth <= depth
        rows = split.forest.cut(tree.depth)
        assert tree.graphs == len(rows.graph[rows.tree == tree.row].unique())
        root = rows.trees.roots()[-1][tree.row]
        assert tree.degree == int(rows.trees.degree[root])


def test_a_number_below_one_is_refused(amines: TrainingSplit) -> None:
    with pytest.raises(ValueError, match=r"^top must be 1 or more, got 0$"):
        explain(amines, top=0)


def test_all_files_hold_the_same_trees(amines: TrainingSplit, tmp_path: Path, figures: list[Figure]) -> None:
    found = explain(amines, top=3)
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        write_explanation(found, amines, folder)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"explain.json", "explain.csv", "explain.svg"}
    for name in ("explain.json", "explain.csv", "explain.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert [TreeExplanation(**row) for row in json.loads((tmp_path / "a" / "explain.json").read_text())] == found
    with (tmp_path / "a" / "explain.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["fragment"], float(row["strength"])) for row in rows] == [(t.fragment, t.strength) for t in found]
    assert ElementTree.parse(tmp_path / "a" / "explain.svg").getroot().tag.endswith("svg")
    check(figures[0])
    assert len(figures[0].axes) == len(found)


def test_the_table_names_every_tree(amines: TrainingSplit) -> None:
    found = explain(amines)
    console = rich.console.Console(width=80, record=True, file=io.StringIO())
    console.print(table(found))
    shown = console.export_text()
    assert all(tree.fragment in shown for tree in found)
    assert max(map(len, shown.splitlines())) <= 80


def test_graphs_that_are_no_molecules_and_ones_without_weights(tmp_path: Path, figures: list[Figure]) -> None:
    pair = torch.tensor([[0, 1], [1, 0]])
    graphs = [Data(x=torch.tensor([[0], [i % 2]]), edge_index=pair, y=torch.tensor([i % 2])) for i in range(40)]
    split = TrainingSplit(load_graphs(graphs), 1)
    found = explain(split)
    assert {tree.fragment for tree in found if tree.label == "class 1"} == {"1", "0(1)", "1(0)"}
    draw_trees(found, split, tmp_path / "found.svg")
    draw_trees([], split, tmp_path / "nothing.svg")
    for figure in figures:
        check(figure)


def test_the_trees_of_targets_are_those_of_ridge_on_counted_trees() -> None:
    y = torch.tensor([[0.5 * text.count("O") - 2.25 * text.count("N") + 0.1] for text in SMILES])
    split = split_of(y)
    assert split.data.task == "regression"
    found = explain(split, top=3)
    assert {tree.label for tree in found} == {"higher target", "lower target"}
    model = split.model
    counts = torch.from_numpy(model.features(split.forest).toarray())
    deviation = counts.std(dim=0, correction=0)
    strengths = (model.weights()[:, 0] * deviation).sort().values
    higher, lower = ([t.strength for t in found if t.label == f"{way} target"] for way in ("higher", "lower"))
    assert higher == pytest.approx(strengths.flip(0)[:3].tolist())
    assert lower == pytest.approx(strengths[:3].tolist())
    for tree in found:
        having = torch.tensor([float(v) for v in split.y[:, 0]])
        assert tree.base == pytest.approx(float(having.mean()))
    assert "N" in next(tree for tree in found if tree.label == "lower target").fragment
    first = found[0]
    assert str(first).startswith(f"higher target: {first.fragment} (depth {first.depth}), strength ")
    assert f"mean target {first.share:.3g} ({first.base:.3g} of all)" in str(first)
    console = rich.console.Console(width=100, record=True, file=io.StringIO())
    console.print(table(found))
    shown = console.export_text()
    assert "mean: target of graphs with the tree (of all graphs)" in shown
    assert "deviation of the count" in shown
