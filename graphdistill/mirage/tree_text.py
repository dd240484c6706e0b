"""Computation trees as text: SMILES fragments of molecules, nested labels of other graphs."""

from __future__ import annotations

import networkx as nx

from graphdistill.core.data.datasets import FeatureKind
from graphdistill.core.trees.dictionary import Trees
from graphdistill.mirage.molecules import Atom
from graphdistill.mirage.neighbourhood import fragment, node_style

VALENCES = {"B": (3,), "C": (4,), "N": (3, 5), "O": (2,), "P": (3, 5), "S": (2, 4, 6)}
VALENCES |= dict.fromkeys(("F", "Cl", "Br", "I"), (1,))
"""Valences that SMILES takes for granted of atoms without brackets."""


def describe_tree(trees: Trees, row: int, features: FeatureKind) -> str:
    """A deepest tree as text, root first: a SMILES fragment, or nested node labels.

    Args:
        trees: the dictionary.
        row: row of the tree.
        features: kind of the node features.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.graphs import Graphs
        >>> from graphdistill.core.trees.build import build_forest
        >>> path = Data(torch.tensor([[6], [8], [6]]), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
        >>> trees = build_forest(Graphs.from_data_list([path]), depth=1).trees
        >>> sorted(describe_tree(trees, row, "categorical") for row in range(trees.sizes[-1]))
        ['6(8)', '8(6,6)']
    """
    graph = fragment(trees, row)
    if features != "ogb":
        return _nested(graph, 0, trees, features)
    return _smiles(graph, 0, trees)


def _smiles(graph: nx.DiGraph, node: int, trees: Trees, above: int = 0) -> str:
    """SMILES of a node and of what is below it, where the bonds above it count ``above``."""
    atom, bonds, below = _atom(graph, node, trees), above, []
    for child in graph.successors(node):
        edge = graph.edges[node, child]["edge"]
        kind = 0 if edge is None or trees.edge_attr is None else int(trees.edge_attr[edge, 0])
        both = atom.aromatic and _atom(graph, child, trees).aromatic
        sign, order = {0: ("-" * both, 1), 1: ("=", 2), 2: ("#", 3), 3: (":" * (not both), 1)}.get(kind, ("~", 1))
        bonds += order
        below.append(sign + _smiles(graph, child, trees, order))
    text = atom.symbol.lower() if atom.aromatic else atom.symbol
    # Without brackets a reader adds the hydrogens that the usual valence lacks.
    implied = next((valence - bonds for valence in VALENCES.get(atom.symbol, ()) if valence >= bonds), -1)
    plain = not graph.nodes[node]["stubs"] and not atom.charge
    if not plain or (bool(atom.hydrogens) if atom.aromatic else atom.hydrogens != implied):
        hydrogens = f"H{atom.hydrogens}" if atom.hydrogens > 1 else "H" * atom.hydrogens
        text = f"[{text}{hydrogens}{f'{atom.charge:+d}' if atom.charge else ''}]"
    return text + "".join(f"({part})" for part in below[:-1]) + "".join(below[-1:])


def _atom(graph: nx.DiGraph, node: int, trees: Trees) -> Atom:
    return Atom.of(trees.x[graph.nodes[node]["row"]].tolist())


def _nested(graph: nx.DiGraph, node: int, trees: Trees, features: FeatureKind) -> str:
    """Label of a node with those of its neighbours in parentheses, sorted."""
    below = sorted(_nested(graph, child, trees, features) for child in graph.successors(node))
    return node_style(trees, graph.nodes[node]["row"], features)[0] + f"({','.join(below)})" * bool(below)
