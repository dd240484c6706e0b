from __future__ import annotations

import copy
from dataclasses import replace
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
from graphdistill.core.networks.tree_gnn import GNN, CategoricalEncoder, Network, Norm, WeightedBatchNorm
from graphdistill.core.trees.build import build_forest, uncompressed_forest
from graphdistill.core.trees.forest import Forest
from tests.core.networks.test_tree_convs import NETWORKS, WIDTH, pyg_twin, randomised
from tests.strategies import SMALL, graph_lists

NO_EDGES = torch.empty(2, 0, dtype=torch.long)


def kind(graphs: Graphs) -> FeatureKind:
    return "continuous" if graphs.x.is_floating_point() else "categorical"


def network(name: Network, graphs: Graphs, layers: int, norm: Norm = "layer") -> Any:
    model: Any = GNN(name, graphs, kind(graphs), 3, hidden_channels=WIDTH, num_layers=layers, norm=norm)
    randomised(model)
    for module in (*model.norms, model.hidden_norm):
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


@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=16)
@given(graphs=graph_lists(pools=SMALL), layers=st.integers(1, 3))
def test_shared_trees_give_the_outputs_and_gradients_of_the_graphs(
    name: Network, norm: Norm, graphs: list[Data], layers: int
) -> None:
    collated = Graphs.from_data_list(graphs)
    model = network(name, collated, layers, norm)
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


def matching_norm(norm: Any) -> nn.BatchNorm1d:
    """Torch's batch norm with the weights of ours."""
    out = nn.BatchNorm1d(WIDTH, eps=norm.eps).double()
    out.load_state_dict(norm.state_dict())
    return out


@pytest.mark.parametrize("name", ["GAT", "GIN"])
def test_a_whole_network_is_a_stack_of_pyg_layers_and_poolings(name: Network) -> None:
    graphs = [*molecules(), Data(x=torch.tensor([[2, 1]]), edge_index=NO_EDGES, edge_attr=torch.empty(0, 1).long())]
    batch, collated = Batch.from_data_list(graphs), Graphs.from_data_list(graphs)
    model = network(name, collated, 2, "batch").train()
    norms = [matching_norm(norm) for norm in (*model.norms, model.hidden_norm)]
    logits = model(build_forest(collated, 2))
    layers = [model.encoder(batch.x)]
    for conv, norm in zip(model.convs, norms, strict=False):
        edges = conv.edge_encoder(batch.edge_attr)
        layers.append(norm(pyg_twin(conv, edges=True)(layers[-1], batch.edge_index, edge_attr=edges)).relu())
    pooled = [(pyg.global_mean_pool(h, batch.batch), pyg.global_add_pool(h, batch.batch) / 32) for h in layers]
    hidden = norms[-1](model.hidden(torch.cat([part for both in pooled for part in both], dim=1)))
    want = model.head(hidden.relu())
    torch.testing.assert_close(logits, want, rtol=1e-9, atol=1e-9)
    for ours, theirs in zip((*model.norms, model.hidden_norm), norms, strict=True):
        torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=1e-9, atol=1e-9)
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    # The twins hold copies of the other weights; the gradient of the encoder passes through all of them.
    parameters = [*model.encoder.parameters(), *model.hidden.parameters(), *model.head.parameters()]
    one, two = (torch.autograd.grad((out * weights).sum(), parameters) for out in (logits, want))
    for ours, theirs in zip(one, two, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("norm", get_args(Norm))
def test_a_graph_without_nodes_has_logits_and_finite_gradients(norm: Norm) -> None:
    collated = Graphs.from_data_list(molecules())
    model = network("GIN", collated, 2, norm)
    forests = [build(collated, 2) for build in (build_forest, uncompressed_forest)]
    one, other = (replace(f, ptr=torch.cat([f.ptr, f.ptr[-1:]])) for f in forests)
    found = outcome(model, one)
    assert_same(found, outcome(model, other))
    assert all(bool(value.isfinite().all()) for value in found.values())
    zero = torch.zeros(1, model.hidden.in_features, dtype=torch.double)
    want = model.eval().head(model.hidden_norm(model.hidden(zero)).relu())
    torch.testing.assert_close(model(one)[-1:], want, rtol=1e-9, atol=1e-9)


def test_a_batch_of_one_graph_trains() -> None:
    collated = Graphs.from_data_list(molecules()[:1])
    found = outcome(network("GIN", collated, 2, "batch"), build_forest(collated, 2))
    assert all(bool(value.isfinite().all()) for value in found.values())


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
