"""What the tests of the codec compare graphs by: networkx, and colours of another implementation."""

import os
import subprocess
import sys

import networkx as nx
import pytest
import torch

from graphdistill.core.trees.wl import tree_ids


def simple(graph):
    """A PyG graph for networkx: rows at nodes, the multiset of rows at each ordered pair of nodes."""
    out = nx.DiGraph()
    for v, row in enumerate(graph.x.tolist()):
        out.add_node(v, row=tuple(row))
    attr = [()] * graph.edge_index.shape[1] if graph.edge_attr is None else map(tuple, graph.edge_attr.tolist())
    for (s, t), row in zip(graph.edge_index.T.tolist(), attr, strict=True):
        rows = out.edges[s, t]["rows"] if out.has_edge(s, t) else ()
        out.add_edge(s, t, rows=tuple(sorted((*rows, row))))
    return out


def isomorphic(first, second):
    """Whether two PyG graphs are equal up to the order of nodes and edges."""
    return nx.is_isomorphic(
        simple(first),
        simple(second),
        node_match=lambda a, b: a["row"] == b["row"],
        edge_match=lambda a, b: a["rows"] == b["rows"],
    )


def fingerprints(graphs, depth=6):
    """For each graph the sorted ids of its trees, which isomorphic graphs share."""
    ids = tree_ids(graphs, depth, degrees=True)[:, 0]
    return [tuple(part.sort().values.tolist()) for part in ids.split(graphs.node_ptr.diff().tolist())]


def parts(graphs):
    """The tensors of graphs."""
    return [value for value in vars(graphs).values() if value is not None]


@pytest.fixture(scope="session")
def check_round_trip():
    """A function that fails unless graphs come back; returns the stream."""
    from graphdistill.core.codec import decode_graphs, encode_set

    def check(graphs, *, networkx=True):
        encoded = encode_set(graphs)
        data, order, back = encoded.data, encoded.graph, decode_graphs(encoded.data)
        assert all(torch.equal(*pair) for pair in zip(parts(encoded.graphs), parts(back), strict=True))
        assert torch.equal(back.x, graphs.x[encoded.node].long())
        assert order.sort().values.tolist() == list(range(len(graphs)))
        assert len(back) == len(graphs)
        assert (back.edge_attr is None) == (graphs.edge_attr is None)
        if networkx:
            assert all(isomorphic(back[i], graphs[int(g)]) for i, g in enumerate(order))
        want = fingerprints(graphs)
        assert fingerprints(back) == [want[int(g)] for g in order]
        assert torch.equal(back.node_ptr.diff(), graphs.node_ptr.diff()[order])
        assert torch.equal(back.edge_ptr.diff(), graphs.edge_ptr.diff()[order])
        return data

    return check


@pytest.fixture(scope="session")
def compiled_and_plain():
    """A function that runs a program compiled and in plain Python; returns the words that each run printed."""

    def run(program):
        lines = []
        for plain in ("0", "1"):
            env = {**os.environ, "GRAPHDISTILL_NO_JIT": plain}
            done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
            lines.append(done.stdout.split())
        return lines

    return run
