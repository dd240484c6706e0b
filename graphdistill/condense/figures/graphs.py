"""Drawing of the graphs of a set next to real graphs of the same class."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
from torch import Tensor

from graphdistill.core.command.drawing import Axes, Figure, colormaps
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.trees.raw_forest import RawForest

MOST = 4
"""Graphs of a class that are shown on each side."""
CLASSES = 6
"""Classes that are shown."""


def draw_graphs(synthetic: SyntheticSet, real: SyntheticSet, path: Path) -> None:
    """Write the picture: a row for each class, its graphs on the left, real ones on the right.

    A node's colour is its first feature.

    Args:
        synthetic: the set, stored as graphs.
        real: real graphs of the same classes, stored as graphs.
        path: the PNG file.
    """
    classes = synthetic.y.unique().tolist()[:CLASSES]
    figure = Figure(figsize=(2.4 * MOST, 0.4 + 1.3 * len(classes)), dpi=150)
    axes = figure.subplots(len(classes), 2 * MOST, squeeze=False)
    for line, label in zip(axes, classes, strict=True):
        line[0].set_ylabel(f"class {label}")
        for half, part in ((line[:MOST], synthetic), (line[MOST:], real)):
            for place, row in zip(half, (part.y == label).nonzero().view(-1).tolist(), strict=False):
                assert isinstance(part.forest, RawForest)
                _draw(place, part.forest.graphs, row)
    for place in axes.flat:
        place.set(xticks=[], yticks=[])
        place.spines[:].set_visible(False)
    size = f"{len(synthetic)} graphs, {synthetic.nbytes:,} bytes"
    figure.suptitle(f"{synthetic.meta.get('method', 'set')}: {size} (left), real graphs (right)", fontsize=8)
    figure.savefig(path, bbox_inches="tight")


def _draw(axes: Axes, graphs: Graphs, row: int) -> None:
    one = graphs[row]
    graph = nx.Graph()
    graph.add_nodes_from(range(len(one.x)))
    graph.add_edges_from(one.edge_index.T.tolist())
    nx.draw_networkx(
        graph,
        nx.spring_layout(graph, iterations=200, seed=0),
        ax=axes,
        node_size=8,
        width=0.6,
        node_color=colours(one.x[:, 0]),
        edge_color="0.6",
        with_labels=False,
    )


def colours(x: Tensor) -> list[tuple[float, ...]]:
    """A colour for each value: categories cycle through a palette, measures are clipped to two deviations.

    Example:
        >>> import torch
        >>> first, second, third = colours(torch.tensor([5, 5, 7]))
        >>> first == second, first == third
        (True, False)
    """
    if x.is_floating_point():
        return [colormaps["viridis"](value) for value in (x / 4 + 0.5).clamp(0, 1).tolist()]
    return [colormaps["tab20"](value % 20) for value in x.tolist()]
