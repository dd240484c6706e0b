from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.networks.node_gcn import DEPTH, HIDDEN, NodeGCN, Nodes, Propagation, normalize_adjacency
from graphdistill.core.randomness import scoped

DEPTHS = pytest.mark.parametrize("depth", [2, 3])


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Tensor, int]:
    """Both directions of a few edges, none twice; some nodes may have none."""
    nodes = draw(st.integers(1, 7))
    pairs = [(i, j) for i in range(nodes) for j in range(i)]
    some = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=10)) if pairs else []
    one = torch.tensor(some, dtype=torch.long).view(-1, 2).T
    return torch.cat([one, one.flip(0)], dim=1), nodes


def rows(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def net(depth: int = DEPTH, dropout: float = 0.0) -> NodeGCN:
    with scoped(0, "weights"):
        out = NodeGCN(5, 3, width=4, depth=depth, dropout=dropout)
        for layer in (*out.layers, out.head):
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.bias)
    return out


def stock(ours: NodeGCN) -> list[pyg.GCNConv]:
    """PyG's layers with the same weights."""
    convs = []
    for layer in (*ours.layers, ours.head):
        assert isinstance(layer, nn.Linear)
        conv = pyg.GCNConv(layer.in_features, layer.out_features)
        conv.lin.weight.data.copy_(layer.weight.data)
        conv.bias.data.copy_(layer.bias.data)
        convs.append(conv)
    return convs


def run(convs: list[pyg.GCNConv], x: Tensor, edge_index: Tensor) -> Tensor:
    for conv in convs[:-1]:
        x = conv(x, edge_index).relu()
    out: Tensor = convs[-1](x, edge_index)
    return out


def matrix(edge_index: Tensor, nodes: int) -> Tensor:
    """PyG's normalised adjacency, ``[N, N]``."""
    index, weight = gcn_norm(edge_index, None, nodes)
    return torch.zeros(nodes, nodes).index_put((index[1], index[0]), weight, accumulate=True)


@settings(deadline=None, max_examples=40)
@given(graphs(), st.integers(0, 3))
def test_propagation_is_the_matrix_so_many_times(graph: tuple[Tensor, int], times: int) -> None:
    edge_index, nodes = graph
    x = rows(nodes, 5).requires_grad_()
    wanted = x
    for _ in range(times):
        wanted = matrix(edge_index, nodes) @ wanted
    got = Propagation(edge_index, nodes)(x, times)
    torch.testing.assert_close(got, wanted)
    if times:
        factor = rows(nodes, 5, seed=1)
        ours, theirs = (torch.autograd.grad((out * factor).sum(), x)[0] for out in (got, wanted))
        torch.testing.assert_close(ours, theirs)


@DEPTHS
@settings(deadline=None, max_examples=25)
@given(graph=graphs(), data=st.data())
def test_it_computes_what_pygs_layers_compute(depth: int, graph: tuple[Tensor, int], data: st.DataObject) -> None:
    edge_index, nodes = graph
    ours, x, spread = net(depth), rows(nodes, 5), Propagation(edge_index, nodes)
    convs = stock(ours)
    wanted = run(convs, x, edge_index)
    whole = Nodes(spread(x), spread)
    torch.testing.assert_close(ours(whole), wanted)
    some = torch.tensor(data.draw(st.lists(st.integers(0, nodes - 1), min_size=1, max_size=9)))
    selected = Nodes(spread(x), spread, some)
    torch.testing.assert_close(ours(selected), wanted[some])
    # And the gradients, of the selected nodes alone.
    factor = rows(len(some), 3, seed=1)
    (ours(selected) * factor).sum().backward()
    (wanted[some] * factor).sum().backward()
    for layer, conv in zip((*ours.layers, ours.head), convs, strict=True):
        assert isinstance(layer, nn.Linear)
        torch.testing.assert_close(layer.weight.grad, conv.lin.weight.grad)
        torch.testing.assert_close(layer.bias.grad, conv.bias.grad)


@DEPTHS
@settings(deadline=None, max_examples=25)
@given(graph=graphs())
def test_a_dense_adjacency_is_as_good_and_so_are_sparse_features(depth: int, graph: tuple[Tensor, int]) -> None:
    edge_index, nodes = graph
    ours, spread, dense = net(depth), Propagation(edge_index, nodes), matrix(edge_index, nodes)
    x = rows(nodes, 5) * (rows(nodes, 5, seed=2) > 1.2)
    wanted = ours(Nodes(spread(x), spread))
    torch.testing.assert_close(ours(Nodes(dense @ x, dense)), wanted)
    torch.testing.assert_close(ours(Nodes(SparseFeatures(spread(x)), spread)), wanted)


@DEPTHS
def test_nodes_alone_make_a_perceptron_of_it(depth: int) -> None:
    ours, x = net(depth), rows(6, 5)
    wanted = x
    for layer in ours.layers:
        wanted = layer(wanted).relu()
    wanted = ours.head(wanted)
    assert torch.equal(ours(Nodes(x)), wanted)
    torch.testing.assert_close(run(stock(ours), x, torch.empty(2, 0, dtype=torch.long)), wanted)
    torch.testing.assert_close(ours(Nodes(x, torch.eye(6))), wanted)


@DEPTHS
def test_features_are_what_the_next_layer_reads(depth: int) -> None:
    edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    ours, x, spread, some = net(depth), rows(4, 5), Propagation(edge_index, 4), torch.tensor([2, 0, 2])
    convs, around = stock(ours), matrix(edge_index, 4)
    read = []
    h = x
    for conv in convs[:-1]:
        h = conv(h, edge_index).relu()
        read.append((around @ h)[some])
    selected = Nodes(spread(x), spread, some)
    found = ours.features(selected)
    assert len(found) == depth - 1
    for got, wanted in zip(found, read, strict=True):
        torch.testing.assert_close(got, wanted)
    assert torch.equal(ours.embed(selected), found[-1])
    assert torch.equal(ours(selected), ours.head(found[-1]))


@pytest.mark.parametrize("kind", ["sparse", "dense", "alone"])
def test_it_can_be_differentiated_twice(kind: str) -> None:
    """As gradient matching does: the gradient in weights, differentiated in features (and in a dense adjacency)."""
    edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    ours, y = net().double(), torch.tensor([0, 1, 2, 0])
    x, dense = rows(4, 5).double().requires_grad_(), matrix(edge_index, 4).double().requires_grad_()
    around = Propagation(edge_index, 4)
    around.weight = around.weight.double()

    def matched(x: Tensor, dense: Tensor) -> Tensor:
        nodes = {"sparse": Nodes(around(x), around), "dense": Nodes(dense @ x, dense), "alone": Nodes(x)}[kind]
        loss = nn.functional.cross_entropy(ours(nodes), y)
        grads = torch.autograd.grad(loss, list(ours.parameters()), create_graph=True)
        return sum((g.square().sum() for g in grads), torch.zeros((), dtype=torch.double))

    if kind == "dense":
        assert torch.autograd.gradcheck(matched, (x, dense))
    else:
        assert torch.autograd.gradcheck(lambda x: matched(x, dense), (x,))
    assert float(torch.autograd.grad(matched(x, dense), x)[0].norm()) > 0


@settings(max_examples=20)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.data())
def test_a_subset_selects_from_the_current_nodes(first: list[int], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.integers(0, len(first) - 1), min_size=1, max_size=6))
    spread = Propagation(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), 7)
    ours, x, a, b = net(), rows(7, 5), torch.tensor(first), torch.tensor(second)
    for nodes in (
        Nodes(x),
        Nodes(x, spread),
        Nodes(SparseFeatures(x), spread),
        Nodes(x, torch.eye(7)),
        Nodes(SparseFeatures(x)),
    ):
        assert len(nodes) == 7
        part = nodes.subset(a)
        assert len(part) == len(a)
        assert len(part.subset(b)) == len(b)
        torch.testing.assert_close(ours(part), ours(nodes)[a])
        torch.testing.assert_close(ours(part.subset(b)), ours(nodes)[a][b])
    kept = Nodes(x, index=a).subset(b)
    assert torch.equal(kept.x, x[a][b])  # type: ignore[arg-type]
    assert kept.index is None  # nodes alone leave the others behind


def test_dropout_is_for_training_only_and_each_layers_input_has_it() -> None:
    ours, x = net(3, dropout=0.6), rows(6, 5)
    assert torch.equal(ours.eval()(Nodes(x)), net(3)(Nodes(x)))
    ours.train()
    with scoped(0, "dropout"):
        one = ours(Nodes(x))
    with scoped(0, "dropout"):
        h = nn.functional.dropout(x, 0.6)
        for layer in ours.layers:
            h = nn.functional.dropout(layer(h).relu(), 0.6)
        assert torch.equal(one, ours.head(h))
    whole = NodeGCN(5, 3, width=4, dropout=1.0)
    torch.testing.assert_close(whole(Nodes(SparseFeatures(x))), whole.head.bias.expand(6, -1))


def test_widths_and_weights_at_the_start() -> None:
    ours = NodeGCN(5, 3)
    assert [tuple(p.shape) for p in ours.parameters()] == [(HIDDEN, 5), (HIDDEN,), (3, HIDDEN), (3,)]
    assert not any(bool(p.any()) for name, p in ours.named_parameters() if name.endswith("bias"))
    bound = (6 / (5 + HIDDEN)) ** 0.5
    first = ours.layers[0].weight
    assert isinstance(first, Tensor)
    assert 0.9 * bound < float(first.detach().abs().max()) <= bound


def test_one_layer_is_too_few() -> None:
    with pytest.raises(ValueError, match="depth must be 2 or more, got 1"):
        NodeGCN(5, 3, depth=1)


@st.composite
def odd_graphs(draw: st.DrawFn) -> tuple[Tensor, int]:
    """Edges of any direction, parallel ones and self-loops among them, also parallel self-loops."""
    nodes = draw(st.integers(1, 5))
    end = st.integers(0, nodes - 1)
    pairs = draw(st.lists(st.tuples(end, end), max_size=12))
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).T, nodes


@settings(deadline=None)
@given(graph=odd_graphs())
def test_loops_parallel_edges_and_directions_are_those_of_pyg(graph: tuple[Tensor, int]) -> None:
    edge_index, nodes = graph
    x = rows(nodes, 3)
    index, weight = gcn_norm(edge_index, None, nodes)
    want = torch.zeros(nodes, 3).index_add_(0, index[1], weight[:, None] * x[index[0]])
    torch.testing.assert_close(Propagation(edge_index, nodes)(x), want)


def test_a_dense_graph_keeps_the_self_loops_that_it_has() -> None:
    weights = torch.tensor([[0.5, 1.0], [1.0, 0.0]])
    source, target = weights.nonzero().T
    index, weight = gcn_norm(torch.stack([source, target]), weights[source, target], 2)
    want = torch.zeros(2, 2).index_put((index[1], index[0]), weight)
    torch.testing.assert_close(normalize_adjacency(weights), want)


def test_a_hook_sees_what_the_last_layer_gets_and_the_logits_are_bitwise_their_product() -> None:
    with scoped(0, "weights"):
        model, nodes, seen = NodeGCN(5, 3).eval(), Nodes(rows(6, 5)), list[Tensor]()
    model.head.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    logits = model(nodes)
    assert torch.equal(seen[0], model.embed(nodes))
    assert torch.equal(logits, nn.functional.linear(seen[0], model.head.weight, model.head.bias))
    weights = {name: value.clone() for name, value in model.named_parameters()}
    assert torch.equal(torch.func.functional_call(model, weights, (nodes,)), logits)


@given(graphs(), st.data())
def test_the_propagation_around_some_nodes_is_the_same_there(graph: tuple[Tensor, int], data: st.DataObject) -> None:
    edge_index, count = graph
    index = torch.tensor(data.draw(st.lists(st.integers(0, count - 1), unique=True, min_size=1)))
    whole, x = Propagation(edge_index, count), rows(count, 2)
    nodes, near = whole.around(index)
    read = {s for s, t in edge_index.T.tolist() if t in index} | set(index.tolist())
    assert nodes.tolist() == sorted(read)
    assert torch.equal(near(x[nodes])[torch.searchsorted(nodes, index)], whole(x)[index])
