from __future__ import annotations

import torch
from hypothesis import given
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from ogb.utils import smiles2graph
from torch_geometric.data import Data

from graphdistill.core.command.style import ATOMS, COLOURS
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.mirage.neighbourhood import LIMIT, _layout, _strokes, draw_fragment, fragment, node_style
from tests.strategies import graph_lists


def molecule(smiles: str) -> Data:
    graph = smiles2graph(smiles)
    return Data(
        x=torch.from_numpy(graph["node_feat"]),
        edge_index=torch.from_numpy(graph["edge_index"]),
        edge_attr=torch.from_numpy(graph["edge_feat"]),
    )


def forest_of(graphs: list[Data], depth: int) -> Forest:
    return build_forest(Graphs.from_data_list(graphs), depth)


@given(graph_lists(max_graphs=3))
def test_any_graphs_have_fragments(graphs: list[Data]) -> None:
    trees = forest_of(graphs, 3).trees
    for tree in range(trees.sizes[-1]):
        graph = fragment(trees, tree)
        assert len(graph) <= LIMIT
        places, stubs = _layout(graph)
        assert set(places) == set(stubs) == set(graph)


def test_ethanol_is_drawn_as_ethanol() -> None:
    forest = forest_of([molecule("CCO")], 2)
    texts = []
    for tree in range(forest.trees.sizes[-1]):
        graph = fragment(forest.trees, tree)
        text = {n: node_style(forest.trees, r, "ogb")[0] for n, r in graph.nodes(data="row")}
        texts.append(sorted((text[a], text[b]) for a, b in graph.edges))
        assert [graph.nodes[n]["stubs"] for n in graph] == [0, 0, 0]
        assert {_strokes(forest.trees, edge, "ogb") for _, _, edge in graph.edges(data="edge")} == {((0.0, "-"),)}
    # From the middle carbon both neighbours, from either end the chain; never back to where it came from.
    assert sorted(texts) == [[("C", "C"), ("C", "O")]] * 2 + [[("C", "C"), ("O", "C")]]


def test_bonds_and_stubs_are_those_of_the_molecule() -> None:
    forest = forest_of([molecule("N#CC(=O)c1ccccc1")], 1)
    kinds = {}
    for tree in range(forest.trees.sizes[-1]):
        graph = fragment(forest.trees, tree)
        text = {n: node_style(forest.trees, r, "ogb")[0] for n, r in graph.nodes(data="row")}
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
    assert {node_style(trees, r, "ogb")[0] for r in range(len(trees.x))} == {"C", "N⁺", "O", "O⁻", "*"}


def test_directed_edges_are_not_walked_back() -> None:
    cycle = Data(x=torch.tensor([[0], [1], [2]]), edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]))
    graph = fragment(forest_of([cycle], 2).trees, 0)
    assert sorted(r for _, r in graph.nodes(data="row")) == [0, 1, 2]
    assert list(graph.edges) == [(0, 1), (1, 2)]


def test_a_star_stops_at_the_limit_and_says_so() -> None:
    spokes = torch.arange(1, 41)
    edges = torch.stack([torch.cat([spokes * 0, spokes]), torch.cat([spokes, spokes * 0])])
    forest = forest_of([Data(x=(torch.arange(41) == 0).long()[:, None], edge_index=edges)], 2)
    graphs = [fragment(forest.trees, tree) for tree in range(2)]
    hub, spoke = sorted(graphs, key=len, reverse=True)
    assert (len(hub), hub.nodes[0]["stubs"]) == (LIMIT, 40 - LIMIT + 1)
    assert (len(spoke), spoke.nodes[1]["stubs"]) == (2, 39)
    places = list(_layout(hub)[0].values())
    assert min(abs(complex(*a) - complex(*b)) for i, a in enumerate(places) for b in places[:i]) > 0.8


def test_a_drawing_has_every_atom_and_bond_inside_its_axes() -> None:
    # Seen from the carbon in the middle: O=C, C-N and C-C, whose carbon leads on.
    trees = forest_of([molecule("CCC(=O)N")], 1).trees
    (tree,) = (trees.degree[trees.roots()[-1]] == 3).nonzero().view(-1).tolist()
    axes = Figure(figsize=(2, 2)).add_axes((0, 0, 1, 1))
    draw_fragment(axes, fragment(trees, tree), trees, "ogb")
    assert sorted(text.get_text() for text in axes.texts) == ["C", "C", "N", "O"]
    ring, *discs = axes.patches
    assert same_color(ring.get_edgecolor(), COLOURS["distilled"])
    assert ring.get_center() == discs[0].get_center()
    colours = [next(name for name, colour in ATOMS.items() if same_color(d.get_facecolor(), colour)) for d in discs]
    assert [text.get_text() for text in axes.texts] == colours
    # One stub, a single bond twice, a double bond as two lines.
    assert len(axes.lines) == 1 + 2 + 2
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for disc in discs:
        x, y = disc.get_center()
        assert left < x - disc.radius < x + disc.radius < right
        assert bottom < y - disc.radius < y + disc.radius < top
