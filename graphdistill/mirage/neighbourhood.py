"""The neighbourhood that a computation tree represents: extraction from the dictionary, layout and drawing."""

from __future__ import annotations

import math
from itertools import combinations

import networkx as nx

from graphdistill.core.command.drawing import Axes, Circle, to_rgb
from graphdistill.core.command.style import ATOMS, BOND, COLOURS, INK, LABELS, OTHER_ATOM, STUB
from graphdistill.core.data.datasets import FeatureKind
from graphdistill.core.trees.dictionary import Trees
from graphdistill.mirage.molecules import Atom

LIMIT = 24
"""Largest number of drawn nodes; further neighbours are drawn as stubs."""
Slot = tuple[int, int | None]
Dashes = str | tuple[int, tuple[float, float]]


def fragment(trees: Trees, row: int, limit: int = LIMIT) -> nx.DiGraph:
    """The neighbourhood that a deepest tree represents; edges lead away from the root, node 0.

    The children of a child include its parent; this one occurrence is left out, if there is one (not in directed
    graphs).

    Args:
        trees: the dictionary.
        row: row of a deepest tree.
        limit: largest number of nodes. (default: 24)

    Returns:
        Graph with node attributes ``row`` (at depth 0) and ``stubs`` (neighbours not drawn), and edges with ``edge``.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.graphs import Graphs
        >>> from graphdistill.core.trees.build import build_forest
        >>> pair = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> fragment(build_forest(Graphs.from_data_list([pair]), depth=2).trees, 0).edges
        OutEdgeView([(0, 1)])
    """
    roots, graph = trees.roots(), nx.DiGraph()
    graph.add_node(0, row=int(roots[-1][row]))
    # Node, its tree, its parent as a child of it, and whether the edge back is among its neighbours.
    frontier: list[tuple[int, int, Slot | None, bool]] = [(0, row, None, False)]
    for depth in range(trees.depth, -1, -1):
        ring = []
        for node, row, parent, back in frontier:
            slots = _slots(trees, depth, row)
            if parent is not None:
                back = parent in slots
                if back:
                    slots.remove(parent)
            ring.append((node, row, back, slots))
        # Neighbours of a node are drawn all or not at all, except those of the root.
        room = limit if len(graph) == 1 or len(graph) + sum(len(slots) for *_, slots in ring) <= limit else 0
        grown: list[tuple[int, int, Slot | None, bool]] = []
        for node, row, back, slots in ring:
            drawn = slots[: max(0, room - len(graph))]
            for child, edge in drawn:
                # The parent as a child of the child: this tree, cut two levels shorter.
                cut = (
                    None
                    if depth < 2
                    else int(trees.levels[depth - 2].truncated[trees.levels[depth - 1].truncated[row]])
                )
                grown.append((len(graph), child, None if cut is None else (cut, edge), back or node == 0))
                graph.add_node(len(graph), row=int(roots[depth - 1][child]))
                graph.add_edge(node, len(graph) - 1, edge=edge)
            graph.nodes[node]["stubs"] = max(0, int(trees.degree[graph.nodes[node]["row"]]) - len(drawn) - back)
        frontier = grown
    return graph


def _slots(trees: Trees, depth: int, row: int) -> list[Slot]:
    """Children of a tree and the edges to them; none at depth 0."""
    if depth == 0:
        return []
    level = trees.levels[depth - 1]
    span = slice(int(level.ptr[row]), int(level.ptr[row + 1]))
    edges = [None] * (span.stop - span.start) if level.edge is None else level.edge[span].tolist()
    return list(zip(level.child[span].tolist(), edges, strict=True))


def _layout(graph: nx.DiGraph) -> tuple[dict[int, tuple[float, float]], dict[int, list[float]]]:
    """Positions of the nodes and directions of their stubs as in chemical drawings: equal angles and bond lengths.

    If nodes would overlap, networkx places them (Kamada and Kawai, 1989).
    """
    places, heading, turn = {0: (0.0, 0.0)}, {0: 0.0}, {0: 60.0}
    stubs: dict[int, list[float]] = {}
    for node in graph:
        below = list(graph.successors(node))
        n = len(below) + min(graph.nodes[node]["stubs"], 3)
        if node == 0:
            first = {1: 0.0, 2: -30.0, 4: 45.0}.get(n, 90.0)
            angles = [first + i * (240 if n == 2 else 360 / n) for i in range(n)]
        elif n == 1:
            angles = [heading[node] + turn[node]]
        else:
            angles = [heading[node] + 180 + 360 * (i + 1) / (n + 1) for i in range(n)]
        for child, angle in zip(below, angles, strict=False):
            x, y = places[node]
            places[child] = x + math.cos(math.radians(angle)), y + math.sin(math.radians(angle))
            heading[child] = angle
            side = math.sin(math.radians(angle - heading[node])) if node else -math.cos(math.radians(angle))
            turn[child] = -60.0 if side > 0 else 60.0
        stubs[node] = angles[len(below) :]
    nearest = min((math.dist(a, b) for a, b in combinations(places.values(), 2)), default=1.0)
    if nearest < 0.8:
        free = nx.kamada_kawai_layout(graph.to_undirected())
        scale = 0.85 / min(math.dist(a, b) for a, b in combinations(free.values(), 2))
        places = {node: (float(scale * x), float(scale * y)) for node, (x, y) in free.items()}
        for above, node in graph.edges:
            (x, y), (x0, y0) = places[node], places[above]
            out, n = math.degrees(math.atan2(y - y0, x - x0)), len(stubs[node])
            stubs[node] = [out + 35 * (i - (n - 1) / 2) for i in range(n)]
    return places, stubs


def draw_fragment(axes: Axes, graph: nx.DiGraph, trees: Trees, features: FeatureKind) -> None:
    """Draw a neighbourhood with a ring around its root, as atoms and bonds for OGB features.

    Args:
        axes: axes to draw on; lines and letters are scaled to their width.
        graph: neighbourhood from :func:`fragment`.
        trees: dictionary of the neighbourhood.
        features: kind of the node features.
    """
    places, stubs = _layout(graph)
    xs, ys = zip(*places.values(), strict=True)
    half = max(2.3, max(max(xs) - min(xs), max(ys) - min(ys)) / 2 + 0.75)
    middle = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half), aspect="equal")
    axes.axis("off")
    unit = axes.bbox.width * 72 / axes.figure.dpi / (2 * half)
    for node, angles in stubs.items():
        for angle in angles:
            dx, dy = ((0.62 if node else 0.75) * f(math.radians(angle)) for f in (math.cos, math.sin))
            x, y = places[node]
            axes.plot([x, x + dx], [y, y + dy], color=STUB, lw=0.07 * unit)
    for a, b, edge in graph.edges(data="edge"):
        (x, y), (x1, y1), length = places[a], places[b], math.dist(places[a], places[b])
        for shift, dashes in _strokes(trees, edge, features):
            dx, dy = shift * (y - y1) / length, shift * (x1 - x) / length
            line = axes.plot([x + dx, x1 + dx], [y + dy, y1 + dy], color=BOND, lw=0.065 * unit, ls=dashes)[0]
            line.set(solid_capstyle="butt", dash_capstyle="butt")
    for node, place in places.items():
        text, colour = node_style(trees, graph.nodes[node]["row"], features)
        if node == 0:
            axes.add_patch(
                Circle(place, 0.43, facecolor="white", edgecolor=COLOURS["distilled"], linewidth=0.07 * unit, zorder=2)
            )
        axes.add_patch(Circle(place, 0.32, facecolor=colour, edgecolor="none", zorder=3))
        light = sum(w * c for w, c in zip((0.3, 0.59, 0.11), to_rgb(colour), strict=True))
        size = 0.34 * unit * min(1, 2.2 / max(1, len(text)))
        style = {"color": INK if light > 0.6 else "white", "ha": "center", "va": "center_baseline", "weight": "bold"}
        axes.text(*place, text, style, size=size, zorder=4)


def _strokes(trees: Trees, edge: int | None, features: FeatureKind) -> tuple[tuple[float, Dashes], ...]:
    """Lines of a bond with shift and dashes: one, two, three, or one solid and one dashed if aromatic."""
    kind = 0 if edge is None or trees.edge_attr is None or features != "ogb" else int(trees.edge_attr[edge, 0])
    pair = (-0.085, "-"), (0.085, "-" if kind == 1 else (0, (1.6, 1.1)))
    return {1: pair, 2: ((-0.14, "-"), (0.0, "-"), (0.14, "-")), 3: pair}.get(kind, ((0.0, "-"),))


def node_style(trees: Trees, row: int, features: FeatureKind) -> tuple[str, str]:
    """Text and colour of a node: element and charge, label, or row for float features."""
    x = trees.x[row]
    if features == "ogb":
        atom = Atom.of(x.tolist())
        return atom.symbol + ("⁺" if atom.charge > 0 else "⁻" * (atom.charge < 0)), ATOMS.get(atom.symbol, OTHER_ATOM)
    label = row if x.is_floating_point() or not len(x) else int(x[0])
    return str(label), LABELS[label % len(LABELS)]
