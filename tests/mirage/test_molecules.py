from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from rdkit import Chem
from torch_geometric.data import Data

from graphdistill.core.command.style import ATOMS, LABELS, new_figure, styled
from graphdistill.core.data.graphs import Graphs
from graphdistill.mirage import molecules
from graphdistill.mirage.molecules import Atom, choose_examples, describe_label, draw_graph, draw_graphs
from tests.figure_checks import check
from tests.mirage.test_neighbourhood import molecule
from tests.strategies import graph_lists

SMILES = (
    "CC(=O)Nc1ccc(O)cc1",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "C[N+](C)(C)CC(=O)[O-]",
    "N#CC1CC1",
    "c1cc[nH]c1",
    "O=S(=O)(O)c1ccsc1",
    "[Na+].[Cl-]",
    "C",
    "CC",
)


def panel() -> tuple[Figure, object]:
    figure = Figure(figsize=(2, 2))
    return figure, figure.add_axes((0, 0, 1, 1))


@pytest.mark.parametrize("smiles", SMILES)
def test_the_molecule_of_a_graph_is_that_of_its_smiles(smiles: str) -> None:
    graph = molecule(smiles)
    assert Chem.CanonSmiles(Chem.MolToSmiles(molecules.molecule(graph))) == Chem.CanonSmiles(smiles)
    one_way = graph.edge_index[0] < graph.edge_index[1]
    half = Data(graph.x, graph.edge_index[:, one_way], graph.edge_attr[one_way])
    assert Chem.CanonSmiles(Chem.MolToSmiles(molecules.molecule(half))) == Chem.CanonSmiles(smiles)


def test_features_for_all_other_values_are_an_unknown_atom() -> None:
    assert Atom.of([118, 4, 11, 11, 9, 5, 5, 0, 0]) == Atom("*", 0, 0, False)
    assert Atom.of([16]) == Atom("Cl", 0, 0, False)
    graph = Data(torch.tensor([[118], [5]]), torch.tensor([[0, 1], [1, 0]]), torch.tensor([[4], [4]]))
    assert Chem.MolToSmiles(molecules.molecule(graph)) in ("*~C", "C~*")


def test_a_skeletal_formula_has_all_letters_but_carbon_and_all_bonds() -> None:
    figure, axes = panel()
    draw_graph(axes, molecule("CC(=O)Nc1ccc(O)cc1"), "ogb")
    assert sorted(text.get_text() for text in axes.texts) == ["NH", "O", "OH"]
    for text in axes.texts:
        assert same_color(text.get_color(), ATOMS[text.get_text()[0]])
    # Eleven bonds; the carbonyl and three of the ring are double, none is dashed.
    assert len(axes.lines) == 11 + 4
    assert {line.get_linestyle() for line in axes.lines} == {"-"}
    check(figure)


@pytest.mark.parametrize(
    ("smiles", "letters"),
    [
        ("C", ["CH₄"]),
        ("CC", []),
        ("[Na+].[Cl-]", ["Cl⁻", "Na⁺"]),
        ("C[NH3+]", ["NH₃⁺"]),
        ("N#N", ["N", "N"]),
        ("*C", ["*"]),
    ],
)
def test_hydrogens_and_charges_are_written(smiles: str, letters: list[str]) -> None:
    figure, axes = panel()
    draw_graph(axes, molecule(smiles), "ogb")
    assert sorted(text.get_text() for text in axes.texts) == letters
    check(figure)


def test_the_second_line_of_a_bond_is_inside_of_its_ring() -> None:
    _, axes = panel()
    draw_graph(axes, molecule("c1ccccc1"), "ogb")
    lines = torch.tensor([line.get_xydata().tolist() for line in axes.lines])
    length = (lines[:, 0] - lines[:, 1]).norm(dim=1)
    middle = lines.mean(dim=1)
    centre = middle[length > 0.9].mean(dim=0)
    away = (middle - centre).norm(dim=1)
    assert len(lines) == 9
    assert (length > 0.9).sum() == 6
    assert away[length < 0.9].max() < away[length > 0.9].min()


def test_what_is_aromatic_without_a_ring_is_drawn_dashed() -> None:
    chain = molecule("c1ccccc1")
    chain = Data(chain.x[:3], chain.edge_index[:, :4], chain.edge_attr[:4])
    _, axes = panel()
    draw_graph(axes, chain, "ogb")
    assert sorted(line.get_linestyle() for line in axes.lines) == ["-", "-", "--", "--"]


@settings(max_examples=20)
@given(graph_lists(max_graphs=2))
def test_any_graph_is_drawn(graphs: list[Data]) -> None:
    for graph in graphs:
        _, axes = panel()
        kind = "continuous" if graph.x.is_floating_point() else "categorical"
        draw_graph(axes, graph, kind)
        assert len(axes.patches) == len(graph.x)
        assert len(axes.lines) == len({frozenset(edge) for edge in graph.edge_index.T.tolist()})
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        for disc, x in zip(axes.patches, graph.x[:, 0].tolist(), strict=True):
            assert left < disc.get_center()[0] < right
            assert bottom < disc.get_center()[1] < top
            if kind == "categorical":
                assert same_color(disc.get_facecolor(), LABELS[int(x) % len(LABELS)])


def test_a_row_of_graphs_with_their_labels() -> None:
    graphs = Graphs.from_data_list([molecule(smiles) for smiles in SMILES[:5]])
    with styled():
        figure = new_figure(8.6, 3, "molecules")
        draw_graphs(figure, graphs, ["class 1: 87 %"] * 5, "ogb", top=0.8, left=0.3, size=1.6)
    assert len(figure.axes) == 5
    assert sum(text.get_text() == "class 1: 87 %" for axes in figure.axes for text in axes.texts) == 5
    check(figure)


def test_labels_in_words() -> None:
    assert describe_label(torch.tensor(3), "multiclass") == "class 3"
    assert describe_label(torch.tensor([0.98, 0.02]), "multiclass") == "class 1: 2 %"
    assert describe_label(torch.tensor([0.1, 0.2, 0.7]), "multiclass") == "class 2: 70 %"
    assert describe_label(torch.tensor([0.1, torch.nan, 0.7]), "multilabel") == "task 2: 70 %"


def test_examples_are_of_all_classes_in_turn() -> None:
    assert choose_examples(torch.tensor([2, 2, 2, 0, 1, 0]), 5).tolist() == [3, 4, 0, 5, 1]
    soft = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    assert choose_examples(soft, 9).tolist() == [0, 2, 1]
    tasks = torch.tensor([[torch.nan, torch.nan], [0.0, 1.0]])
    assert choose_examples(tasks, 1).tolist() == [0]
