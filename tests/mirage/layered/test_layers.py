import pytest
import torch

from graphdistill.core.trees.build import build_forest
from graphdistill.mirage.layered.layers import Edges, Layers
from graphdistill.mirage.layered.source import read
from tests.mirage.layered.samples import graphs


@pytest.fixture(params=[False, True], ids=["loops", "plain"])
def layers(request):
    source = read(graphs(directed=True, loops=request.param))
    return Layers(build_forest(source.graphs, 2), loops=source.loops, fast=False), source.graphs


def test_rows_count_all_nodes_and_edges(layers):
    found, source = layers
    for rows in found.trees:
        assert int(rows.counts.sum()) == source.num_nodes
    assert int(found.batch.rows.counts.sum()) == source.num_nodes
    assert int(found.edges.counts.sum()) == source.edge_index.shape[1]
    loops = int((source.edge_index[0] == source.edge_index[1]).sum())
    sizes = {"keep": source.edge_index.shape[1], "remove": source.edge_index.shape[1] - loops}
    sizes["add"] = sizes["remove"] + source.num_nodes
    for loops, size in sizes.items():
        for with_edges in (False, True):
            here = found.round(1, loops, with_edges)
            assert int(here.target.rows.counts.sum()) == size
            if with_edges:
                assert int(here.source.rows.counts.sum()) == size
            assert found.round(1, loops, with_edges) is here


def test_degrees_are_those_of_the_graphs(layers):
    found, source = layers
    links, targets = source.edge_index[0] != source.edge_index[1], source.edge_index[1]
    own = torch.bincount(targets[links], minlength=source.num_nodes) + 1
    for k in range(3):
        rows = found.trees[k]
        degrees = found.degree(k, "keep").repeat_interleave(rows.counts)
        assert degrees.sort().values.tolist() == source.in_degree.sort().values.tolist()
        degrees = found.degree(k, "add").repeat_interleave(rows.counts)
        assert degrees.sort().values.tolist() == own.sort().values.tolist()


def test_edges_without_a_depth_cannot_be_read(layers):
    edges = Edges.of(layers[0])
    assert edges.size(0) == 2
    for read_ in (lambda: edges[0], lambda: edges + 1, lambda: list(edges)):
        with pytest.raises(ValueError, match="reads edge_index itself, or runs outside of"):
            read_()
    assert edges.variant(loops="add").loops == "add"
