"""Graphs drawn as a chemist or a network scientist draws them: molecules from OGB's features, others by springs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import networkx as nx
import numpy as np
import torch
from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.command.drawing import Axes, Circle, Figure
from graphdistill.core.command.style import ATOMS, BOND, HALO, LABELS, OTHER_ATOM, add_panel
from graphdistill.core.data.datasets import FeatureKind
from graphdistill.core.data.graphs import Graphs

BONDS = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
"""Types of bonds by OGB's first bond feature; a further value is for all others."""
Places = np.ndarray
"""Coordinates of the nodes, ``[n, 2]``, with edges of about length 1."""


class Atom(NamedTuple):
    """What OGB's features hold of an atom, of those that its drawing shows."""

    symbol: str
    charge: int
    hydrogens: int
    aromatic: bool

    @classmethod
    def of(cls, row: Sequence[int]) -> Atom:
        """The atom of a row of features; features for all other values are ``*``, and no charge or hydrogens.

        Example:
            >>> from ogb.utils import smiles2graph
            >>> Atom.of(smiles2graph("[NH4+]")["node_feat"][0])
            Atom(symbol='N', charge=1, hydrogens=4, aromatic=False)
        """
        number, *_ = row
        symbol = Chem.GetPeriodicTable().GetElementSymbol(int(number) + 1) if number < 118 else "*"
        if len(row) < 8:
            return cls(symbol, 0, 0, False)
        return cls(symbol, int(row[3]) - 5 if row[3] <= 10 else 0, int(row[4]) if row[4] <= 8 else 0, bool(row[7]))


def molecule(graph: Data) -> Chem.RWMol:
    """The molecule of a graph with OGB's features: elements, charges, hydrogens, bonds; without stereochemistry.

    It is not sanitized, so that parts of molecules and graphs that are no molecules have one, too.

    Args:
        graph: with OGB's nine atom features and three bond features; an edge counts in one direction.

    Example:
        >>> from ogb.utils import smiles2graph
        >>> ethanol = {name: torch.as_tensor(value) for name, value in smiles2graph("CCO").items()}
        >>> graph = Data(ethanol["node_feat"], ethanol["edge_index"], ethanol["edge_feat"])
        >>> Chem.MolToSmiles(molecule(graph))
        'CCO'
    """
    out = Chem.RWMol()
    for row in graph.x.tolist():
        here = Atom.of(row)
        atom = Chem.Atom(here.symbol)
        atom.SetFormalCharge(here.charge)
        atom.SetNumExplicitHs(here.hydrogens)
        atom.SetIsAromatic(here.aromatic)
        atom.SetNoImplicit(True)
        out.AddAtom(atom)
    kinds = [0] * graph.edge_index.shape[1] if graph.edge_attr is None else graph.edge_attr[:, 0].tolist()
    for (start, end), kind in zip(graph.edge_index.T.tolist(), kinds, strict=True):
        if start != end and out.GetBondBetweenAtoms(start, end) is None:
            out.AddBond(start, end, BONDS[kind] if kind < len(BONDS) else Chem.BondType.UNSPECIFIED)
            out.GetBondBetweenAtoms(start, end).SetIsAromatic(kind == 3)
    out.UpdatePropertyCache(strict=False)
    return out


def draw_graphs(
    figure: Figure,
    graphs: Graphs,
    labels: Sequence[str],
    features: FeatureKind,
    *,
    top: float,
    left: float,
    size: float,
) -> None:
    """Draw graphs in a row, each with its label below.

    Args:
        figure: the figure.
        graphs: the graphs.
        labels: text below each.
        features: kind of the node features: ``ogb`` for molecules.
        top: inches from the upper edge of the figure.
        left: inches from the left edge of the figure.
        size: width and height of a drawing in inches.
    """
    for number, label in enumerate(labels):
        axes = add_panel(figure, left + number * size, top, size, size)
        draw_graph(axes, graphs[number], features)
        axes.text(0.5, -0.03, label, ha="center", va="top", transform=axes.transAxes)


def draw_graph(axes: Axes, graph: Data, features: FeatureKind) -> None:
    """Draw a graph: a molecule as its skeletal formula, another one with the colours of its nodes' first feature.

    Args:
        axes: empty axes; lines and letters are scaled to their width.
        graph: the graph.
        features: kind of the node features.
    """
    places = _depiction(graph) if features == "ogb" else _springs(graph)
    low, high = places.min(axis=0), places.max(axis=0)
    half = max(2.2, float((high - low).max()) / 2 + 0.6)
    middle = (low + high) / 2
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half), aspect="equal")
    axes.axis("off")
    unit = axes.bbox.width * 72 / axes.figure.dpi / (2 * half)
    if features == "ogb":
        _draw_molecule(axes, _kekulized(molecule(graph)), places, unit)
    else:
        _draw_network(axes, graph, places, unit)


def describe_label(y: Tensor, task: str) -> str:
    """A label in a few words: the class, and its probability if it is soft; of two classes that of class 1; targets.

    Args:
        y: a class number, probabilities of classes ``[C]``, labels of tasks ``[T]`` from 0 to 1 with NaN, or targets
            ``[T]`` with NaN, of which the first three are written.
        task: ``multiclass``, ``multilabel`` or ``regression``.

    Example:
        >>> describe_label(torch.tensor(2), "multiclass"), describe_label(torch.tensor([0.2, 0.8]), "multiclass")
        ('class 2', 'class 1: 80 %')
        >>> describe_label(torch.tensor([torch.nan, 0.0, 1.0]), "multilabel")
        'task 2: 100 %'
        >>> describe_label(torch.tensor([-2.5, torch.nan]), "regression")
        'target -2.5, ?'
    """
    if y.dim() == 0:
        return f"class {int(y)}"
    if task == "regression":
        shown = ["?" if value != value else f"{value:.3g}" for value in y[:3].tolist()]
        return f"target {', '.join(shown)}{', …' * (len(y) > len(shown))}"
    likeliest = 1 if task == "multiclass" and len(y) == 2 else int(y.nan_to_num(-1).argmax())
    return f"{'class' if task == 'multiclass' else 'task'} {likeliest}: {100 * float(y[likeliest]):.0f} %"


def choose_examples(y: Tensor, most: int) -> Tensor:
    """Entries to show: the first ones of each class or likeliest class in turn, long ``[min(n, most)]``.

    Example:
        >>> choose_examples(torch.tensor([0, 0, 0, 1]), 3).tolist()
        [0, 3, 1]
    """
    label = y if y.dim() == 1 else y.nan_to_num(-1).argmax(dim=1)
    turn = torch.empty_like(label)
    for value in label.unique():
        mine = label == value
        turn[mine] = torch.arange(int(mine.sum()))
    return (turn * (int(label.max()) + 1) + label).sort(stable=True).indices[:most]


def _kekulized(mol: Chem.RWMol) -> Chem.RWMol:
    """The molecule with single and double bonds in place of aromatic ones, where there is such a formula."""
    out = Chem.RWMol(mol)
    try:
        with rdBase.BlockLogs():
            Chem.FastFindRings(out)
            Chem.Kekulize(out, clearAromaticFlags=True)
    except Chem.MolSanitizeException:
        out = Chem.RWMol(mol)
        Chem.FastFindRings(out)
    return out


def _depiction(graph: Data) -> Places:
    """Coordinates of the atoms by rdkit, bonds of length 1."""
    mol = molecule(graph)
    Chem.FastFindRings(mol)
    conformer = rdDepictor.Compute2DCoords(mol, canonOrient=True)
    places = np.array(mol.GetConformer(conformer).GetPositions())[:, :2] / 1.5
    return _arranged([list(part) for part in Chem.GetMolFrags(mol)], places)


def _springs(graph: Data) -> Places:
    """Coordinates by Kamada and Kawai (1989), edges of median length 1."""
    net = nx.Graph()
    net.add_nodes_from(range(len(graph.x)))
    net.add_edges_from(graph.edge_index.T.tolist())
    places, parts = np.zeros((len(net), 2)), [sorted(part) for part in nx.connected_components(net)]
    for part in parts:
        found = nx.kamada_kawai_layout(net.subgraph(part))
        lengths = [np.linalg.norm(found[a] - found[b]) for a, b in net.subgraph(part).edges if a != b]
        places[part] = np.array([found[node] for node in part]) / (np.median(lengths) if lengths else 1.0)
    return _arranged(parts, places)


def _arranged(parts: Sequence[list[int]], places: Places) -> Places:
    """Connected parts next to each other in rows about as wide as all are high, the highest ones first."""
    places = places.copy()
    for part in parts:
        places[part] -= places[part].min(axis=0)
    sizes = [places[part].max(axis=0) + 1.4 for part in parts]
    wide = max(math.sqrt(sum(float(width * height) for width, height in sizes)), *(float(size[0]) for size in sizes), 0)
    x = y = tall = 0.0
    for number in sorted(range(len(parts)), key=lambda number: -sizes[number][1]):
        width, height = sizes[number]
        if x and x + width > 1.2 * wide:
            x, y, tall = 0.0, y - tall, 0.0
        places[parts[number]] += (x, y - places[parts[number]][:, 1].max())
        x, tall = x + width, max(tall, height)
    return places


def _draw_molecule(axes: Axes, mol: Chem.RWMol, places: Places, unit: float) -> None:
    """Skeletal formula: bonds as lines, letters of all atoms but carbon."""
    width = max(0.05 * unit, 0.5)
    for bond in mol.GetBonds():
        start, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        along = places[end] - places[start]
        across = np.array([-along[1], along[0]]) / max(math.hypot(*along), 1e-6)
        for shift, shorter, dashes in _strokes(mol, bond, places, across):
            ends = [
                place + shift * across for place in (places[start] + shorter * along, places[end] - shorter * along)
            ]
            line = axes.plot(*zip(*ends, strict=True), color=BOND, lw=width, ls=dashes, zorder=1)[0]
            line.set(solid_capstyle="round", dash_capstyle="butt")
    for atom in mol.GetAtoms():
        symbol, charge, hydrogens = atom.GetSymbol(), atom.GetFormalCharge(), atom.GetNumExplicitHs()
        if symbol == "C" and not charge and atom.GetDegree():
            continue
        letters = symbol + ("H" + "₂₃₄"[hydrogens - 2 : hydrogens - 1] * (hydrogens > 1)) * (0 < hydrogens < 5)
        letters += "⁺" if charge > 0 else "⁻" * (charge < 0)
        (x, y), colour = places[atom.GetIdx()], ATOMS.get(symbol, OTHER_ATOM)
        style = {"color": colour, "ha": "center", "va": "center_baseline", "weight": "bold", "size": 0.42 * unit}
        axes.text(x, y, letters, style, zorder=3, path_effects=HALO)


def _strokes(
    mol: Chem.RWMol, bond: Chem.Bond, places: Places, across: np.ndarray
) -> list[tuple[float, float, str | tuple[int, tuple[float, float]]]]:
    """Lines of a bond: shift to the side, share that it is shorter by at each end, and dashes."""
    kind = bond.GetBondType()
    if kind == Chem.BondType.TRIPLE:
        return [(shift, 0.0, "-") for shift in (-0.15, 0.0, 0.15)]
    if kind not in (Chem.BondType.DOUBLE, Chem.BondType.AROMATIC):
        return [(0.0, 0.0, "-")]
    dashes: str | tuple[int, tuple[float, float]] = "-" if kind == Chem.BondType.DOUBLE else (0, (1.6, 1.1))
    start, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    rings = [list(ring) for ring in mol.GetRingInfo().AtomRings() if start in ring and end in ring]
    if rings:
        # The second line is inside of the smallest ring.
        centre = places[sorted(rings, key=len)[0]].mean(axis=0)
        side = 0.17 * np.sign(across @ (centre - places[start]))
        return [(0.0, 0.0, "-"), (float(side), 0.13, dashes)]
    return [(-0.085, 0.0, "-"), (0.085, 0.0, dashes)]


def _draw_network(axes: Axes, graph: Data, places: Places, unit: float) -> None:
    """Edges as lines, nodes as discs in the colour of their first feature."""
    for start, end in sorted({tuple(sorted(edge)) for edge in graph.edge_index.T.tolist()}):
        axes.plot(*places[[start, end]].T, color=BOND, lw=max(0.05 * unit, 0.4), zorder=1)
    values = graph.x[:, 0] if graph.x.shape[1] else torch.zeros(len(graph.x))
    for place, value in zip(places, values.tolist(), strict=True):
        colour = LABELS[int(value) % len(LABELS)] if not graph.x.is_floating_point() else LABELS[0]
        axes.add_patch(Circle(tuple(place), 0.28, facecolor=colour, edgecolor="none", zorder=2))
