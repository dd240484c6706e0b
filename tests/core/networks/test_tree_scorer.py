from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.networks.tree_counts import TreeCountNet
from graphdistill.core.networks.tree_scorer import TreeScorer
from graphdistill.core.trees.build import build_forest
from graphdistill.datasets import load
from tests.strategies import graph_lists

PAINS = load("pains")


def random_net(graphs: Graphs, depth: int, hidden: int, channels: int) -> TreeCountNet:
    torch.manual_seed(0)
    net = TreeCountNet.from_forest(
        build_forest(graphs, depth), channels, depth=depth, min_graphs=2, hidden_channels=hidden
    )
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    return net.eval()


@given(graph_lists(), st.sampled_from([0, 5]), st.integers(0, 2))
@settings(max_examples=30)
def test_logits_are_those_of_the_network(data: list[Data], hidden: int, depth: int) -> None:
    graphs = Graphs.from_data_list(data * 2)
    net = random_net(graphs, depth, hidden, 3)
    logits = TreeScorer(net)(graphs.x, graphs.edge_index, graphs.node_ptr, graphs.edge_attr)
    torch.testing.assert_close(logits, net(build_forest(graphs, depth)).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("hidden", [0, 16])
def test_molecules_from_a_pyg_batch_and_from_smiles(hidden: int) -> None:
    train, test = PAINS.graphs.subset(PAINS.train[:600]), PAINS.graphs.subset(PAINS.test[:50])
    net = random_net(train, 2, hidden, 2)
    scorer, expected = TreeScorer(net), net(build_forest(test, 2)).detach()
    batch = Batch.from_data_list([test[number] for number in range(len(test))])
    torch.testing.assert_close(
        scorer(batch.x, batch.edge_index, batch.ptr, batch.edge_attr), expected, rtol=1e-4, atol=1e-4
    )
    one = test[7]
    single = scorer(one.x, one.edge_index, torch.tensor([0, one.num_nodes]), one.edge_attr)
    torch.testing.assert_close(single, expected[7:8], rtol=1e-4, atol=1e-4)
    smiles = [PAINS.smiles[number] for number in PAINS.test[:50].tolist()]
    found = scorer.smiles([*smiles[:20], "C1CC", *smiles[20:]])
    assert bool(found[20].isnan().all())
    torch.testing.assert_close(torch.cat([found[:20], found[21:]]), expected, rtol=1e-4, atol=1e-4)


def test_many_equal_nodes_are_counted() -> None:
    alike = Graphs.from_data_list([Data(x=torch.ones(size, 1).long()) for size in (3, 5000)])
    net = random_net(alike, 0, 0, 2)
    nodes = torch.tensor([0, 3, 5003])
    torch.testing.assert_close(
        TreeScorer(net)(alike.x, alike.edge_index, nodes), net(build_forest(alike, 0)).detach(), rtol=1e-4, atol=1e-4
    )


def test_an_edge_that_leaves_the_batch_is_refused() -> None:
    scorer = TreeScorer(TreeCountNet(torch.tensor([5]), 1, 2))
    with pytest.raises(ValueError, match="edge_index reaches from 0 to 4 but the batch has 1 nodes; number them"):
        scorer(torch.tensor([[1]]), torch.tensor([[0], [4]]), torch.tensor([0, 1]))
