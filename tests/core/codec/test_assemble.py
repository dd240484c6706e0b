import numpy as np
import pytest
import torch

from graphdistill.core.codec.assemble import assemble, pairs
from graphdistill.core.codec.symbols import Records
from graphdistill.core.codec.walk import Walks


def two_graphs():
    """A triangle, and a node with two self-loops."""
    return Walks(
        graph=np.arange(2),
        node=np.arange(4),
        size=np.array([3, 1]),
        symbol=np.array([0, 0, 0, 1]),
        parent=np.array([-1, 0, 1, -1]),
        edge=np.array([0, 0, 1, 0]),
        back_count=np.array([0, 0, 1, 0]),
        back_node=np.array([0]),
        back_edge=np.array([0]),
    )


NODES = Records.of([[6, 0, 2], [8, 2, 1, 3, 0]])
EDGES = Records.of([[1, 1, 4], [0, 0, 2, 5, 6]])


def test_pairs_are_numbered_across_graphs():
    pair, edge = pairs(two_graphs())
    assert pair.tolist() == [[0, 1], [1, 2], [2, 0]]
    assert edge.tolist() == [0, 1, 0]


def test_rows_go_to_their_edges():
    graphs = assemble(two_graphs(), NODES, EDGES, (1, 1), 100)
    assert graphs.x.flatten().tolist() == [6, 6, 6, 8]
    edges = [
        (*pair, row) for pair, row in zip(graphs.edge_index.T.tolist(), graphs.edge_attr[:, 0].tolist(), strict=True)
    ]
    assert edges == [(0, 1, 4), (0, 2, 4), (1, 0, 4), (2, 0, 4), (2, 1, 5), (2, 1, 6), (3, 3, 1), (3, 3, 3)]
    assert graphs.edge_ptr.tolist() == [0, 6, 8]


def test_more_edges_than_the_limit_are_refused():
    with pytest.raises(ValueError, match="holds 8 edges, more than the limit of 7; give a larger limit"):
        assemble(two_graphs(), NODES, EDGES, (1, 1), 7)


def test_nothing_at_all():
    none = np.zeros(0, np.int64)
    graphs = assemble(Walks(*[none] * 9), Records.of([]), Records.of([]), (2, None), 9)
    assert (len(graphs), graphs.x.shape, graphs.edge_attr) == (0, torch.Size([0, 2]), None)
