import numpy as np
import pytest
import torch

from graphdistill.core.data.graphs import Graphs
from graphdistill.mirage.shards.featurise import graphs_of
from graphdistill.mirage.shards.packing import join_graphs, narrow, pack_graphs, unpack_graphs

MOLECULES = ["CCO", "C", "c1ccccc1", "[Na+].[Cl-]", "CC(=O)N"]


def same(one, other):
    return all(
        torch.equal(getattr(one, name).long(), getattr(other, name).long())
        for name in ("x", "edge_index", "edge_attr", "node_ptr", "edge_ptr")
    )


def test_molecules_are_unpacked_as_they_were():
    graphs, _ = graphs_of(MOLECULES)
    packed = pack_graphs(graphs)
    assert int(packed["step"][0]) == 2
    assert packed["end"].shape[1] * 2 == graphs.edge_index.shape[1]
    assert same(unpack_graphs(packed), graphs)


@pytest.mark.parametrize("reverse", [False, True])
def test_edges_in_any_order_or_one_direction_are_too(reverse):
    index = torch.tensor([[0, 1, 1, 2], [1, 2, 0, 1]]) if reverse else torch.tensor([[0, 1], [1, 2]])
    edges = index.shape[1]
    attr = torch.arange(edges)[:, None]
    graphs = Graphs(torch.tensor([[300], [0], [5]]), index, attr, torch.tensor([0, 3]), torch.tensor([0, edges]))
    assert int(pack_graphs(graphs)["step"][0]) == 1
    assert same(unpack_graphs(pack_graphs(graphs)), graphs)


def test_parts_are_joined_in_order():
    whole, _ = graphs_of(MOLECULES)
    parts = [graphs_of(MOLECULES[:2])[0], graphs_of([])[0], graphs_of(MOLECULES[2:])[0]]
    assert same(join_graphs(parts), whole)


def test_the_narrowest_type_is_taken():
    assert [narrow(np.array([top])).dtype.itemsize for top in (255, 256, 65536, 2**40)] == [1, 2, 4, 8]
    assert narrow(np.zeros(0, np.int64)).dtype == np.uint8
