from __future__ import annotations

import copy
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.data import Batch, Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.networks import tree_convs
from graphdistill.core.networks.tree_gnn import Network
from graphdistill.core.trees.build import uncompressed_forest
from tests.strategies import SMALL, graph_lists

NETWORKS: tuple[Network, ...] = get_args(Network)
WIDTH = 8


def randomised(module: nn.Module, seed: int = 0) -> Any:
    """Float64 with every parameter drawn at random, so that no bias or epsilon is zero by chance of its start."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.double) * 0.5)
    return module


def layer(name: Network, edge_width: int | None) -> Any:
    """One of our layers with random parameters, its edge encoder a linear map."""
    encoder = None if edge_width is None else nn.Linear(edge_width, WIDTH)
    return randomised(tree_convs.CONVS[name](WIDTH, encoder))


def apply(conv: nn.Module, graphs: Graphs, h: Tensor) -> Tensor:
    level = uncompressed_forest(graphs, 1)
    trees = level.trees
    out: Tensor = conv(h, trees.levels[0], trees.edge_attr, (trees.degree, trees.degree))
    return out


def load(module: nn.Module, **values: Tensor) -> nn.Module:
    """Copy values into the parameters of a PyG module; dots in names are written as two underscores."""
    parameters = {name.replace(".", "__"): p for name, p in module.named_parameters()}
    assert parameters.keys() == values.keys()
    with torch.no_grad():
        for name, value in values.items():
            parameters[name].copy_(value.view_as(parameters[name]))
    return module


def pyg_twin(conv: Any, edges: bool) -> Any:
    """PyG's own layer with the weights of ours; edge features come in encoded."""
    get = dict(conv.named_parameters()).__getitem__
    if isinstance(conv, tree_convs.GCNConv):
        return load(pyg.GCNConv(WIDTH, WIDTH).double(), lin__weight=get("linear.weight"), bias=get("linear.bias"))
    if isinstance(conv, tree_convs.GraphSAGEConv):
        named = {"lin_l__weight": "neighbours.weight", "lin_l__bias": "neighbours.bias", "lin_r__weight": "root.weight"}
        return load(pyg.SAGEConv(WIDTH, WIDTH).double(), **{k: get(v) for k, v in named.items()})
    if isinstance(conv, tree_convs.GATConv):
        options = {"edge_dim": WIDTH, "fill_value": "mean"} if edges else {}
        twin = pyg.GATConv(WIDTH, WIDTH // 4, heads=4, add_self_loops=True, **options).double()
        named = {"att_src": "source", "att_dst": "target", "bias": "bias", "lin__weight": "linear.weight"}
        more = {"att_edge": get("edge"), "lin_edge__weight": torch.eye(WIDTH)} if edges else {}
        return load(twin, **{k: get(v) for k, v in named.items()}, **more)
    assert isinstance(conv, tree_convs.GINConv)
    mlp = copy.deepcopy(conv.mlp)
    twin = (pyg.GINEConv if edges else pyg.GINConv)(mlp, train_eps=True).double()
    names = ("eps", "mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias")
    return load(twin, **{name.replace("mlp", "nn").replace(".", "__"): get(name) for name in names})


def against_pyg(name: Network, graphs: list[Data]) -> None:
    batch, collated = Batch.from_data_list(graphs), Graphs.from_data_list(graphs)
    edges = batch.edge_attr is not None
    conv = layer(name, batch.edge_attr.shape[1] if edges else None)
    # Encoders of integer features are embeddings; here a linear map over their values will do.
    if edges:
        batch.edge_attr = batch.edge_attr.double()
        collated = Graphs.from_data_list(
            [Data(x=g.x, edge_index=g.edge_index, edge_attr=g.edge_attr.double()) for g in graphs]
        )
    h = torch.randn(batch.num_nodes, WIDTH, generator=torch.Generator().manual_seed(2), dtype=torch.double)
    ours, theirs = h.clone().requires_grad_(), h.clone().requires_grad_()
    out = apply(conv, collated, ours)
    more = {"edge_attr": conv.edge_encoder(batch.edge_attr)} if edges else {}
    want = pyg_twin(conv, edges)(theirs, batch.edge_index, **more)
    torch.testing.assert_close(out, want, rtol=1e-9, atol=1e-9)
    (out**2).sum().backward()
    (want**2).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-9)


# PyG's GCN and GAT replace self-loops that a graph brings, ours count them, so these two are compared without.
@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_a_layer_is_that_of_pyg(name: Network, data: st.DataObject) -> None:
    loops = name in ("GraphSAGE", "GIN")
    against_pyg(name, data.draw(graph_lists(pools=SMALL, edges=("none",), loops=loops)))


@pytest.mark.parametrize("name", ["GAT", "GIN"])
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_a_layer_with_edge_features_is_that_of_pyg(name: Network, data: st.DataObject) -> None:
    against_pyg(name, data.draw(graph_lists(pools=SMALL, edges=("integer", "float"), loops=name == "GIN")))


def by_hand(name: str, h: list[Tensor], e: list[Tensor], conv: Any, pairs: list[list[int]]) -> list[Tensor]:
    """GCN and GraphSAGE with edge features, node by node."""
    degree = [sum(t == v for _, t in pairs) for v in range(len(h))]
    out = []
    for v in range(len(h)):
        incoming = [(s, F.relu(h[s] + e[i])) for i, (s, t) in enumerate(pairs) if t == v]
        if name == "GCN":
            total = h[v] / (degree[v] + 1)
            for s, message in incoming:
                total = total + message / ((degree[s] + 1) * (degree[v] + 1)) ** 0.5
            out.append(conv.linear(total))
        else:
            mean = sum((m for _, m in incoming), torch.zeros(WIDTH, dtype=torch.double)) / max(degree[v], 1)
            out.append(conv.neighbours(mean) + conv.root(h[v]))
    return out


@pytest.mark.parametrize("name", ["GCN", "GraphSAGE"])
@settings(deadline=None, max_examples=30)
@given(graphs=graph_lists(pools=SMALL, edges=("float",), max_graphs=1))
def test_a_layer_with_edge_features_is_its_formula(name: Network, graphs: list[Data]) -> None:
    collated = Graphs.from_data_list(graphs)
    assert collated.edge_attr is not None
    conv = layer(name, collated.edge_attr.shape[1])
    h = torch.randn(collated.num_nodes, WIDTH, generator=torch.Generator().manual_seed(2), dtype=torch.double)
    e = conv.edge_encoder(collated.edge_attr)
    want = by_hand(name, list(h), list(e), conv, collated.edge_index.T.tolist())
    torch.testing.assert_close(apply(conv, collated, h), torch.stack(want), rtol=1e-9, atol=1e-9)
