"""Drawing of the graphs of a set next to real graphs of the same class."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
from rdkit.Chem import GetPeriodicTable
from torch import Tensor

from graphdistill.core.command.drawing import Axes, colormaps
from graphdistill.core.command.style import (
    ATOMS,
    BOND,
    COLOURS,
    INK,
    LABELS,
    MARGIN,
    OTHER_ATOM,
    add_panel,
    coloured_words,
    new_figure,
    save,
    size_text,
    styled,
)
from graphdistill.core.data.datasets import FeatureKind
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.trees.graph_forest import GraphForest

MOST = 4
"""Graphs of a class that are shown on each side."""
CLASSES = 6
"""Classes that are shown."""
SIDE, GAP = 1.25, 0.4
"""Width of a graph in inches, and inches between the two sides."""


def draw_graphs(synthetic: SyntheticSet, real: SyntheticSet, path: Path) -> None:
    """Write the picture: a row for each class, its graphs on the left, real ones on the right.

    A node's colour is its first feature, of molecules its element.

    Args:
        synthetic: the set, stored as graphs.
        real: real graphs of the same classes, stored as graphs.
        path: the PNG file.
    """
    classes = synthetic.y.unique().tolist()[:CLASSES]
    title = f"{synthetic.meta.get('method', 'set')}: {len(synthetic)} graphs, {size_text(synthetic.nbytes)}"
    left = MARGIN + 0.65
    second = left + SIDE * MOST + GAP
    found: dict[str, str] = {}
    with styled():
        figure = new_figure(second + SIDE * MOST + MARGIN, 1.55 + SIDE * len(classes) + 0.5, title)
        across, down = figure.get_size_inches()
        for start, text, colour in ((left, "distilled set", COLOURS["distilled"]), (second, "real graphs", INK)):
            figure.text(start / across, 1 - 0.95 / down, text, color=colour, size=11, weight="bold", va="center")
        for line, label in enumerate(classes):
            top = 1.2 + SIDE * line
            figure.text(MARGIN / across, 1 - (top + SIDE / 2) / down, f"class {label}", size=9, va="center")
            for start, part in ((left, synthetic), (second, real)):
                rows = (part.y == label).nonzero().view(-1).tolist()
                for column in range(MOST):
                    axes = add_panel(figure, start + SIDE * column, top, SIDE, SIDE)
                    axes.axis("off")
                    if column < len(rows):
                        assert isinstance(part.forest, GraphForest)
                        found |= _draw(axes, part.forest.graphs, rows[column], part.features)
        words = sorted(found.items()) if synthetic.features == "ogb" else []
        key = [("elements:", INK), *words] if words else [("colour: the first feature of a node", INK)]
        coloured_words(figure, left, 1.2 + SIDE * len(classes) + 0.25, key)
        save(figure, path)


def _draw(axes: Axes, graphs: Graphs, row: int, features: FeatureKind) -> dict[str, str]:
    """Draw one graph and return the elements in it with their colours."""
    one = graphs[row]
    graph = nx.Graph()
    graph.add_nodes_from(range(len(one.x)))
    graph.add_edges_from(one.edge_index.T.tolist())
    named = atoms(one.x[:, 0]) if features == "ogb" else []
    nx.draw_networkx(
        graph,
        nx.kamada_kawai_layout(graph),
        ax=axes,
        node_size=14,
        width=0.9,
        node_color=[colour for _, colour in named] or colours(one.x[:, 0]),
        edge_color=BOND,
        with_labels=False,
    )
    return dict(named)


def atoms(x: Tensor) -> list[tuple[str, str]]:
    """Element and colour of each atom by its first feature, the atomic number less one.

    Example:
        >>> import torch
        >>> atoms(torch.tensor([5, 7]))
        [('C', '#4d5763'), ('O', '#d8332a')]
    """
    found = []
    for number in (x + 1).tolist():
        symbol = GetPeriodicTable().GetElementSymbol(number) if number <= 118 else "*"
        found.append((symbol, ATOMS.get(symbol, OTHER_ATOM)))
    return found


def colours(x: Tensor) -> list[tuple[float, ...]] | list[str]:
    """A colour for each value: categories cycle through a palette, measures are clipped to two deviations.

    Example:
        >>> import torch
        >>> first, second, third = colours(torch.tensor([5, 5, 7]))
        >>> first == second, first == third
        (True, False)
    """
    if x.is_floating_point():
        return [colormaps["viridis"](value) for value in (x / 4 + 0.5).clamp(0, 1).tolist()]
    return [LABELS[value % len(LABELS)] for value in x.tolist()]
