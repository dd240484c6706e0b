from __future__ import annotations

import networkx as nx
import pytest
import torch
from hypothesis import given
from rdkit import Chem
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.dictionary import Trees
from graphdistill.mirage.neighbourhood import fragment
from graphdistill.mirage.tree_text import describe_tree
from tests.mirage.test_neighbourhood import molecule
from tests.strategies import graph_lists

MOLECULES = (
    "CCO",
    "CC(=O)Nc1ccc(O)cc1",
    "C[N+](C)(C)CC(=O)[O-]",
    "N#CC1CC1",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "c1cc[nH]c1",
    "O=S(=O)(O)c1ccsc1",
    "[Na+].[Cl-]",
    "O=[N+]([O-])c1ccccc1-c1ccccn1",
    "C",
    "[CH3]",
    "[2H]OP(O)(O)=O",
    "*CF",
    "B(O)O",
    "[Fe+2]",
)


def trees_of(smiles: tuple[str, ...], depth: int) -> Trees:
    return build_forest(Graphs.from_data_list([molecule(text) for text in smiles]), depth).trees


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_rdkit_reads_the_atoms_and_bonds_of_a_tree_from_its_smiles(depth: int) -> None:
    trees = trees_of(MOLECULES, depth)
    kinds = [Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC]
    for row in range(trees.sizes[-1]):
        graph = fragment(trees, row)
        order = list(nx.dfs_preorder_nodes(graph, 0))
        text = describe_tree(trees, row, "ogb")
        mol = Chem.MolFromSmiles(text, sanitize=False)
        mol.UpdatePropertyCache(strict=False)
        want = [trees.x[graph.nodes[node]["row"]].tolist() for node in order]
        assert [atom.GetAtomicNum() for atom in mol.GetAtoms()] == [(x[0] + 1) % 119 for x in want], text
        assert [atom.GetFormalCharge() for atom in mol.GetAtoms()] == [x[3] - 5 for x in want], text
        assert [atom.GetTotalNumHs() for atom in mol.GetAtoms()] == [x[4] for x in want], text
        assert [int(atom.GetIsAromatic()) for atom in mol.GetAtoms()] == [x[7] for x in want], text
        found = {
            tuple(sorted((order[b.GetBeginAtomIdx()], order[b.GetEndAtomIdx()]))): b.GetBondType()
            for b in mol.GetBonds()
        }
        assert found == {(a, b): kinds[int(trees.edge_attr[edge, 0])] for a, b, edge in graph.edges(data="edge")}, text


def test_atoms_that_lead_on_stand_in_brackets() -> None:
    trees = trees_of(("CCO", "c1ccccc1O"), 1)
    found = {describe_tree(trees, row, "ogb") for row in range(trees.sizes[-1])}
    aromatic = {"[cH]([cH])[cH]", "[cH]([c])[cH]", "c(O)([cH])[cH]", "O[c]"}
    assert found == {"C[CH2]", "C(C)O", "O[CH2]", *aromatic}


def test_bonds_of_another_kind_are_of_any_kind() -> None:
    graph = molecule("CO")
    assert graph.edge_attr is not None
    graph.edge_attr[:, 0] = 4
    trees = build_forest(Graphs.from_data_list([graph]), 1).trees
    assert {describe_tree(trees, row, "ogb") for row in range(2)} == {"C~O", "O~C"}


@given(graph_lists(max_graphs=2))
def test_labels_of_other_graphs_are_nested(graphs: list[Data]) -> None:
    graphs = [Data(x=torch.arange(len(g.x))[:, None] % 3, edge_index=g.edge_index) for g in graphs]
    trees = build_forest(Graphs.from_data_list(graphs), 1).trees
    want = set()
    for graph in graphs:
        for node, label in enumerate(graph.x[:, 0].tolist()):
            around = sorted(str(int(graph.x[s])) for s, t in graph.edge_index.T.tolist() if t == node)
            want.add(f"{label}({','.join(around)})" if around else str(label))
    assert {describe_tree(trees, row, "categorical") for row in range(trees.sizes[-1])} == want
