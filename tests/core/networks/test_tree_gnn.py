from __future__ import annotations

import copy
from functools import partial
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from ogb.graphproppred.mol_encoder import AtomEncoder, BondEncoder
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.data import Batch, Data

from graphdistill.core.data.datasets import FeatureKind
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.networks import tree_gnn as networks
from graphdistill.core.networks.tree_gnn import GNN, CategoricalEncoder, Network, Norm, Readout, WeightedBatchNorm
from graphdistill.core.trees.build import build_forest, uncompressed_forest
from graphdistill.core.trees.forest import Forest
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


def kind(graphs: Graphs) -> FeatureKind:
    return "continuous" if graphs.x.is_floating_point() else "categorical"


def network(name: Network, graphs: Graphs, layers: int, norm: Norm = "layer", readout: Readout = "mean") -> Any:
    model: Any = GNN(
        name, graphs, kind(graphs), 3, hidden_channels=WIDTH, num_layers=layers, norm=norm, readout=readout
    )
    randomised(model)
    for module in model.norms:
        if norm != "none":
            # Where all nodes are alike a small epsilon magnifies rounding by 300 in each layer.
            module.eps = 0.1
    return model


def outcome(model: GNN, forest: Forest) -> dict[str, Tensor]:
    """Logits in training and evaluation mode, all gradients and all buffers after one step's forward pass."""
    model = copy.deepcopy(model).train()
    logits = model(forest)
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    (logits * weights + logits**2).sum().backward()
    gradients = {f"d {name}": p.grad for name, p in model.named_parameters()}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.no_grad():
        out = {"logits": logits.detach(), "eval": model.eval()(forest), **buffers}
    return out | {name: torch.zeros(()) if g is None else g for name, g in gradients.items()}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=1e-9, atol=1e-9, msg=partial("{}: {}".format, name))


@pytest.mark.parametrize("readout", get_args(Readout))
@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=8)
@given(graphs=graph_lists(pools=SMALL), layers=st.integers(1, 3))
def test_shared_trees_give_the_outputs_and_gradients_of_the_graphs(
    name: Network, norm: Norm, readout: Readout, graphs: list[Data], layers: int
) -> None:
    collated = Graphs.from_data_list(graphs)
    model = network(name, collated, layers, norm, readout)
    assert_same(outcome(model, build_forest(collated, layers)), outcome(model, uncompressed_forest(collated, layers)))


def molecules() -> list[Data]:
    """Chains, rings and stars with labels and edge kinds drawn at random; every tree is likely to be shared."""
    generator = torch.Generator().manual_seed(3)
    graphs = []
    for i in range(12):
        nodes = 4 + i % 4
        line = torch.stack([torch.arange(nodes - 1), torch.arange(1, nodes)])
        star = torch.stack([torch.zeros(nodes - 1, dtype=torch.long), torch.arange(1, nodes)])
        ring = torch.cat([line, torch.tensor([[nodes - 1], [0]])], dim=1)
        half = (line, star, ring)[i % 3]
        attr = torch.randint(2, (half.shape[1], 1), generator=generator)
        x = torch.randint(3, (nodes, 2), generator=generator)
        graphs.append(Data(x=x, edge_index=torch.cat([half, half.flip(0)], 1), edge_attr=torch.cat([attr, attr])))
    return graphs


@pytest.mark.parametrize("name", NETWORKS)
def test_mini_batches_give_the_gradients_of_their_graphs(name: Network) -> None:
    collated = Graphs.from_data_list(molecules())
    model = network(name, collated, 2, "batch")
    rows = torch.tensor([7, 1, 11, 1])
    want = outcome(model, uncompressed_forest(collated.subset(rows), 2))
    forest = build_forest(collated, 2)
    assert_same(outcome(model, forest.subset(rows)), want)
    # Rows that no graph of the batch has weigh nothing in batch statistics.
    assert_same(outcome(model, forest.subset(rows, shrink=False)), want)


def test_restoring_a_forest_changes_no_output() -> None:
    collated = Graphs.from_data_list(molecules())
    forest = build_forest(collated, 2).by_frequency()
    model = network("GAT", collated, 2, "batch")
    assert_same(outcome(model, Forest.from_payload(forest.payload())), outcome(model, forest))


@pytest.mark.parametrize("name", NETWORKS)
def test_trees_with_edges_hear_them(name: Network) -> None:
    graphs = molecules()
    model = network(name, Graphs.from_data_list(graphs), 2)
    other = [Data(x=g.x, edge_index=g.edge_index, edge_attr=1 - g.edge_attr) for g in graphs]
    one, two = (model(uncompressed_forest(Graphs.from_data_list(g), 2)) for g in (graphs, other))
    assert bool(((one - two).abs().amax(dim=1) > 1e-6).all())


def layer(name: Network, edge_width: int | None) -> Any:
    """One of our layers with random parameters, its edge encoder a linear map."""
    encoder = None if edge_width is None else nn.Linear(edge_width, WIDTH)
    return randomised(networks._CONVS[name](WIDTH, encoder))


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
    if isinstance(conv, networks.GCNConv):
        return load(pyg.GCNConv(WIDTH, WIDTH).double(), lin__weight=get("linear.weight"), bias=get("linear.bias"))
    if isinstance(conv, networks.GraphSAGEConv):
        named = {"lin_l__weight": "neighbours.weight", "lin_l__bias": "neighbours.bias", "lin_r__weight": "root.weight"}
        return load(pyg.SAGEConv(WIDTH, WIDTH).double(), **{k: get(v) for k, v in named.items()})
    if isinstance(conv, networks.GATConv):
        options = {"edge_dim": WIDTH, "fill_value": "mean"} if edges else {}
        twin = pyg.GATConv(WIDTH, WIDTH // 4, heads=4, add_self_loops=True, **options).double()
        named = {"att_src": "source", "att_dst": "target", "bias": "bias", "lin__weight": "linear.weight"}
        more = {"att_edge": get("edge"), "lin_edge__weight": torch.eye(WIDTH)} if edges else {}
        return load(twin, **{k: get(v) for k, v in named.items()}, **more)
    assert isinstance(conv, networks.GINConv)
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


def test_a_whole_network_is_a_stack_of_pyg_layers() -> None:
    graphs = molecules()
    batch, collated = Batch.from_data_list(graphs), Graphs.from_data_list(graphs)
    model = network("GIN", collated, 2, "batch", "mean").train()
    logits = model(build_forest(collated, 2))
    h = model.encoder(batch.x)
    for k, conv in enumerate(model.convs):
        h = pyg_twin(conv, edges=True)(h, batch.edge_index, edge_attr=conv.edge_encoder(batch.edge_attr))
        norm = nn.BatchNorm1d(WIDTH, eps=model.norms[k].eps).double()
        norm.load_state_dict({**norm.state_dict(), "weight": model.norms[k].weight, "bias": model.norms[k].bias})
        h = norm(h)
        torch.testing.assert_close(model.norms[k].running_mean, norm.running_mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(model.norms[k].running_var, norm.running_var, rtol=1e-9, atol=1e-9)
        h = F.relu(h) if k == 0 else h
    want = model.head(pyg.global_mean_pool(h, batch.batch))
    torch.testing.assert_close(logits, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_batch_norm_is_that_over_all_nodes(momentum: float | None) -> None:
    ours = WeightedBatchNorm(3, momentum=momentum)
    theirs = nn.BatchNorm1d(3, momentum=momentum)
    randomised(ours)
    theirs.double().load_state_dict(ours.state_dict())
    generator = torch.Generator().manual_seed(4)
    for _ in range(3):
        x = torch.randn(5, 3, generator=generator, dtype=torch.double)
        count = torch.randint(1, 6, (5,), generator=generator)
        node = torch.repeat_interleave(torch.arange(5), count)
        one, two = x.clone().requires_grad_(), x.clone().requires_grad_()
        out, want = ours(one, count.double()), theirs(two[node])
        torch.testing.assert_close(out[node], want, rtol=1e-9, atol=1e-9)
        (out[node] ** 3).sum().backward()
        (want**3).sum().backward()
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-9, atol=1e-9)
    for name, buffer in theirs.named_buffers():
        torch.testing.assert_close(ours.get_buffer(name), buffer, rtol=1e-9, atol=1e-9)
    x = torch.randn(4, 3, generator=generator, dtype=torch.double)
    torch.testing.assert_close(ours.eval()(x, torch.ones(4).double()), theirs.eval()(x), rtol=1e-12, atol=1e-12)


def test_readouts() -> None:
    collated = Graphs.from_data_list(molecules())
    logits = {}
    for readout in get_args(Readout):
        model = network("GCN", collated, 2, "none", readout)
        nodes = model.embed(uncompressed_forest(collated, 2))
        per_graph = [
            h.mean(0) if readout == "mean" else h.sum(0) for h in nodes.split(collated.node_ptr.diff().tolist())
        ]
        logits[readout] = model(build_forest(collated, 2))
        torch.testing.assert_close(logits[readout], model.head(torch.stack(per_graph)), rtol=1e-9, atol=1e-9)
    assert not torch.allclose(logits["mean"], logits["sum"])


def test_ogb_features_are_encoded_as_by_ogb() -> None:
    index = torch.tensor([[0, 1], [1, 0]])
    x = torch.tensor([[5, 0, 4, 5, 3, 0, 2, 0, 0], [7, 0, 2, 5, 0, 0, 1, 0, 0]])
    graphs = Graphs.from_data_list([Data(x=x, edge_index=index, edge_attr=torch.tensor([[0, 0, 1], [0, 0, 1]]))])
    model: Any = GNN("GIN", graphs, "ogb", 2, hidden_channels=WIDTH)
    atoms, bonds = AtomEncoder(WIDTH), BondEncoder(WIDTH)
    for ours, theirs in [
        (model.encoder, atoms.atom_embedding_list),
        (model.convs[0].edge_encoder, bonds.bond_embedding_list),
    ]:
        ours.load_state_dict({"weight": torch.cat([table.weight for table in theirs])})
    torch.testing.assert_close(model.encoder(x), atoms(x))
    torch.testing.assert_close(model.convs[0].edge_encoder(graphs.edge_attr), bonds(graphs.edge_attr))
    forest = build_forest(graphs, 2)
    # Stored features are as narrow as bytes, and the encoders take them as well.
    torch.testing.assert_close(model(Forest.from_payload(forest.payload())), model(forest))


def test_the_categorical_encoder_is_one_hot_and_linear() -> None:
    encoder: Any = CategoricalEncoder([3, 2], WIDTH)
    x = torch.tensor([[0, 1], [2, 0]], dtype=torch.uint8)
    one_hot = torch.cat([F.one_hot(x[:, i].long(), n) for i, n in enumerate((3, 2))], dim=1).float()
    torch.testing.assert_close(encoder(x), one_hot @ encoder.weight)
    with pytest.raises(ValueError, match=r"^column 1 must hold categories from 0 to 1, got 0 to 2$"):
        encoder(torch.tensor([[0, 2], [2, 0]]))


def test_dropout_acts_in_training_only() -> None:
    collated = Graphs.from_data_list(molecules())
    model = GNN("GIN", collated, "categorical", 2, dropout=0.5)
    forest = build_forest(collated, 2)
    assert not torch.equal(model(forest), model(forest))
    assert torch.equal(model.eval()(forest), model(forest))


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^network must be one of GCN, GraphSAGE, GAT, GIN, got 'MLP'$"):
        GNN("MLP", Graphs.from_data_list(molecules()), "categorical", 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("column", ["x", "edge_attr"])
def test_negative_categories_are_refused(column: str) -> None:
    graphs = molecules()
    graphs[1][column][0, 0] = -1
    collated = Graphs.from_data_list(graphs)
    message = r"^categorical features hold -1; number categories from 0, or give floats$"
    with pytest.raises(ValueError, match=message):
        GNN("GIN", collated, "categorical", 2)


@pytest.mark.parametrize("depth", [1, 3])
def test_trees_of_another_depth_are_refused(depth: int) -> None:
    collated = Graphs.from_data_list(molecules())
    model = GNN("GIN", collated, "categorical", 2)
    advice = r"use forest\.cut\(2\) or build deeper trees$"
    message = rf"^the network has 2 layers but the trees have depth {depth}; {advice}"
    with pytest.raises(ValueError, match=message):
        model(build_forest(collated, depth))
