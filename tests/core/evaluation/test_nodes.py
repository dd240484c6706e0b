"""What is of nodes alone; what all kinds share is in test_evaluate_sets.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.evaluation.nodes import DROPOUT, NodeProtocol, dense, graph_arrays
from graphdistill.core.networks.node_gcn import NodeGCN, normalize_adjacency
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.fit import FitConfig
from tests.condense.samples import pairs
from tests.core.evaluation.samples import row_of
from tests.core.sets.samples import coded_bytes
from tests.kd.nodes.samples import small as signed

WORDS, SIGNED = NodeProtocol(pairs()), NodeProtocol(signed(60))
BOTH = pytest.mark.parametrize("protocol", [WORDS, SIGNED], ids=["words", "signed"])


def matrix(edge_index: Tensor, weight: Tensor | None, nodes: int) -> Tensor:
    """PyG's normalised adjacency, ``[N, N]``."""
    index, weight = gcn_norm(edge_index, weight, nodes)
    return torch.zeros(nodes, nodes).index_put((index[1], index[0]), weight, accumulate=True)


def whole(data: NodeDataset) -> Tensor:
    return matrix(data.edge_index, None, len(data.x))


def linked(count: int = 6) -> SyntheticSet:
    """Nodes with weighted edges that do not run both ways."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(count) % 3
    index = torch.randint(count, (2, 2 * count), generator=draw)
    index = index[:, index[0] != index[1]].unique(dim=1)
    edges = index, torch.rand(index.shape[1], generator=draw)
    return SyntheticSet(torch.rand(count, 12, generator=draw), y, class_weights(y), edges=edges)


@st.composite
def weighted(draw: st.DrawFn) -> tuple[Tensor, Tensor, int]:
    """Directed edges with weights, some twice, none from a node to itself."""
    nodes = draw(st.integers(2, 6))
    edge = st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)).filter(lambda pair: pair[0] != pair[1])
    edges = draw(st.lists(st.tuples(edge, st.floats(0, 3, width=32)), max_size=10))
    index = torch.tensor([pair for pair, _ in edges], dtype=torch.long).view(-1, 2).T
    return index, torch.tensor([weight for _, weight in edges], dtype=torch.float), nodes


def test_rows_of_words_are_scaled_to_sum_to_one_and_empty_ones_stay_empty() -> None:
    data = pairs()
    x = data.x.clone()
    x[3] = 0
    scaled = NodeProtocol(replace(data, x=x)).x
    for row, found in zip(x.tolist(), scaled.tolist(), strict=True):
        assert found == pytest.approx([value / max(sum(row), 1) for value in row])
    assert float(scaled[4].sum()) == pytest.approx(1)
    assert not scaled[3].any()


def test_features_with_a_sign_stay_as_they_are() -> None:
    assert torch.equal(SIGNED.x, SIGNED.data.x)


@BOTH
def test_features_are_averaged_over_neighbours_once_and_as_often_as_there_are_layers(protocol: NodeProtocol) -> None:
    around = whole(protocol.data)
    torch.testing.assert_close(protocol.propagated_once.x, around @ protocol.x)
    torch.testing.assert_close(protocol.propagated, around @ around @ protocol.x)
    torch.testing.assert_close(protocol.rounded, protocol.propagated, rtol=1e-3, atol=1e-7)
    assert torch.equal(protocol.rounded.half().float(), protocol.rounded)
    assert torch.equal(protocol.flat("valid"), protocol.rounded[protocol.data.valid])


@BOTH
def test_a_split_is_evaluated_on_the_whole_graph(protocol: NodeProtocol) -> None:
    net, data = protocol.network("GCN", 0).eval(), protocol.data
    for name in ("train", "valid", "test"):
        inputs, y = protocol.split(name)
        rows = getattr(data, name)
        torch.testing.assert_close(net(inputs), reference(net, protocol.x, data.edge_index)[rows])
        assert torch.equal(y, data.y[rows])


@BOTH
def test_of_a_large_graph_a_split_has_the_nodes_that_the_network_reads(
    protocol: NodeProtocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphdistill.core.evaluation.nodes.SAVED", 1)
    data, net = protocol.data, protocol.network("GCN", 0).eval()
    other = NodeProtocol(replace(data, valid=data.valid[:3].flip(0)))
    near, y = other.split("valid")
    assert isinstance(near.x, SparseFeatures)
    read = set(other.data.valid.tolist())
    read |= {s for s, t in data.edge_index.T.tolist() if t in read}
    assert len(near.x.x) == len(read) < len(data.x)
    assert torch.equal(near.x.x, protocol.propagated_once.x[sorted(read)])
    rows = other.data.valid
    torch.testing.assert_close(net(near), reference(net, protocol.x, data.edge_index)[rows])
    assert torch.equal(y, data.y[rows])
    torch.testing.assert_close(net(near.subset(torch.tensor([2, 0]))), net(near)[[2, 0]])


def reference(net: NodeGCN, x: Tensor, edge_index: Tensor, weight: Tensor | None = None) -> Tensor:
    """A stock network of PyG with the same weights."""
    out: Tensor = Stock(net)(x, edge_index, weight)
    return out


class Stock(nn.Module):
    """Two layers of PyG, as anyone would write them."""

    def __init__(self, like: NodeGCN):
        super().__init__()
        self.convs = nn.ModuleList()
        for layer in (like.layers[0], like.head):
            assert isinstance(layer, nn.Linear)
            conv = pyg.GCNConv(layer.in_features, layer.out_features)
            conv.lin.weight.data.copy_(layer.weight.data)
            conv.bias.data.copy_(layer.bias.data)
            self.convs.append(conv)

    def forward(self, x: Tensor, edge_index: Tensor, weight: Tensor | None = None) -> Tensor:
        out: Tensor = self.convs[1](self.convs[0](x, edge_index, weight).relu(), edge_index, weight)
        return out


@pytest.mark.parametrize("kind", ["linked", "alone", "induced"])
def test_a_stock_network_trains_on_the_graph_of_a_set_as_ours_does(kind: str) -> None:
    small = {
        "linked": linked,
        "alone": lambda: WORDS.chosen(WORDS.random_order(0)[:6]),
        "induced": lambda: WORDS.extra_baselines([linked()])["random nodes and the edges between them"][0],
    }[kind]()
    graph, ours = small.graph(), WORDS.network("GCN", 0)
    ours.dropout = 0.0
    stock = Stock(ours)
    start = stock(graph.x, graph.edge_index, graph.edge_weight)
    torch.testing.assert_close(ours(WORDS.inputs(small)), start)
    optimizers = [torch.optim.Adam(net.parameters(), lr=0.02) for net in (ours, stock)]
    for _ in range(10):
        for optimizer in optimizers:
            optimizer.zero_grad()
        nn.functional.cross_entropy(ours(WORDS.inputs(small)), small.y).backward()
        out = stock(graph.x, graph.edge_index, graph.edge_weight)
        nn.functional.cross_entropy(out[graph.train_mask], graph.y[graph.train_mask]).backward()
        for optimizer in optimizers:
            optimizer.step()
    after = stock(graph.x, graph.edge_index, graph.edge_weight)
    assert float((after - start).detach().abs().max()) > 0.1
    torch.testing.assert_close(ours(WORDS.inputs(small)), after, rtol=1e-3, atol=1e-4)
    # And what it has learnt is as good on the real graph.
    logits = stock(WORDS.x, WORDS.data.edge_index)[WORDS.data.valid]
    accuracy = float((logits.argmax(dim=1) == WORDS.labels("valid")).double().mean())
    assert WORDS.score(ours, "valid") == pytest.approx(accuracy)
    torch.testing.assert_close(ours(WORDS.split("valid")[0]), logits, rtol=1e-3, atol=1e-4)


@settings(deadline=None, max_examples=50)
@given(weighted())
def test_dense_is_pygs_normalisation(graph: tuple[Tensor, Tensor, int]) -> None:
    index, weight, nodes = graph
    wanted = matrix(index, weight, nodes)
    torch.testing.assert_close(dense(index, weight, nodes), wanted)
    adjacency = torch.zeros(nodes, nodes)
    for (source, target), value in zip(index.T.tolist(), weight.tolist(), strict=True):
        adjacency[target, source] += value
    torch.testing.assert_close(normalize_adjacency(adjacency), wanted)


def test_normalize_adjacency_has_gradients() -> None:
    adjacency = torch.rand(4, 4, dtype=torch.double, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(normalize_adjacency, (adjacency,))


def test_what_is_read_of_a_set() -> None:
    small = linked()
    assert small.edges is not None
    around, alone = matrix(*small.edges, len(small)), replace(small, edges=None)
    nodes = WORDS.inputs(small)
    torch.testing.assert_close(nodes.x, around @ small.data)  # type: ignore[operator]
    torch.testing.assert_close(nodes.adjacency, around)
    torch.testing.assert_close(WORDS.flat(small), around @ around @ small.data)  # type: ignore[operator]
    assert WORDS.inputs(alone).adjacency is None
    assert torch.equal(WORDS.flat(alone), small.data)  # type: ignore[arg-type]


@BOTH
def test_random_nodes_fill_the_bytes_and_are_class_balanced(protocol: NodeProtocol) -> None:
    data, budget = protocol.data, protocol.chosen(protocol.random_order(0)[:9]).nbytes
    sets = protocol.random_sets(budget, 3)
    for draw, s in enumerate(sets):
        assert s.edges is None
        assert s.nbytes <= budget
        more = [protocol.chosen(protocol.random_order(draw)[: len(s) + further]).nbytes for further in (1, 2)]
        assert max(more) > budget
    assert len(sets[0]) == 9
    counts = data.y[data.train].bincount()
    assert torch.bincount(sets[0].y).tolist() == counts.clamp(max=3).tolist()
    assert sets[0].y.tolist() == sorted(sets[0].y.tolist())
    assert not torch.equal(sets[0].data, sets[1].data)  # type: ignore[arg-type]
    for s in sets:
        assert isinstance(s.data, Tensor)
        found = [(protocol.rounded[data.train] == row).all(dim=1).nonzero().item() for row in s.data]
        assert len(set(found)) == len(s)
        assert torch.equal(data.y[data.train][found], s.y)
    assert len(protocol.random_sets(1, 1)[0]) == 3
    assert len(protocol.random_sets(10**9, 1)[0]) == len(data.train)


@BOTH
@pytest.mark.parametrize("count", [3, 9, 12])
def test_random_nodes_with_the_edges_between_them(protocol: NodeProtocol, count: int) -> None:
    data, like = protocol.data, linked(count)
    sets = protocol.extra_baselines([like, like])["random nodes and the edges between them"]
    assert len(sets) == 2
    assert not torch.equal(sets[0].data, sets[1].data)  # type: ignore[arg-type]
    features = protocol.x.half().float()
    real = set(map(tuple, data.edge_index.T.tolist()))
    for small in sets:
        assert isinstance(small.data, Tensor)
        rows = [int(data.train[(features[data.train] == row).all(dim=1)]) for row in small.data]
        assert len(set(rows)) == count
        assert torch.equal(small.y, data.y[rows])
        assert small.edges is not None
        index, weight = small.edges
        found = {(rows[s], rows[t]) for s, t in index.T.tolist()}
        assert found == {(s, t) for s, t in real if s in rows and t in rows}
        assert index.shape[1] == len(found)
        assert weight.tolist() == [1.0] * len(found)
        assert index.T.tolist() == sorted(index.T.tolist())
        assert small.nbytes == coded_bytes(*small.arrays().values())
        assert small.arrays()["edge_weight"].dtype == torch.half
        torch.testing.assert_close(WORDS.inputs(small).adjacency, matrix(index, None, count))


def test_nodes_that_follow_have_no_label_and_their_edges() -> None:
    nodes, others = torch.tensor([4, 0, 7]), torch.tensor([1, 3])
    synthetic = WORDS.induced(nodes, others)
    assert torch.equal(synthetic.data, WORDS.x.half().float()[[4, 0, 7, 1, 3]])  # type: ignore[arg-type]
    assert synthetic.y.tolist() == [*WORDS.data.y[nodes].tolist(), 0, 0]
    assert torch.equal(synthetic.weight[:3], class_weights(WORDS.data.y[nodes]))
    assert synthetic.labelled.tolist() == [True] * 3 + [False] * 2
    assert synthetic.edges is not None
    # Rings within each of three classes: 4 - 1, 4 - 7, 0 - 3.
    assert synthetic.edges[0].T.tolist() == [[0, 2], [0, 3], [1, 4], [2, 0], [3, 0], [4, 1]]


@BOTH
@pytest.mark.parametrize("per_class", [1, 3, 99])
def test_means_of_groups_into_which_a_class_is_dealt(protocol: NodeProtocol, per_class: int) -> None:
    x, y = protocol.group_means(per_class, torch.Generator().manual_seed(0))
    again, other = (protocol.group_means(per_class, torch.Generator().manual_seed(seed))[0] for seed in (0, 1))
    assert torch.equal(x, again)
    assert torch.equal(x, x.half().float())
    assert not torch.equal(x, other) or per_class == 1
    for label in range(3):
        mine = protocol.rounded[protocol.data.train[protocol.labels("train") == label]]
        means, count = x[y == label], min(per_class, len(mine))
        assert len(means) == count
        sizes = torch.tensor([len(mine) // count + (group < len(mine) % count) for group in range(count)]).double()
        # Every node is in one group.
        near = 1e-3 * float(mine.abs().sum(dim=0).max())
        torch.testing.assert_close(sizes @ means.double(), mine.double().sum(dim=0), rtol=0, atol=near)
        if count == len(mine):
            assert sorted(means.tolist()) == sorted(mine.tolist())
    assert y.tolist() == sorted(y.tolist())


def test_means_of_groups_are_a_baseline_of_as_many_nodes() -> None:
    one, other = WORDS.extra_baselines([linked(6), linked(6)])["means of random groups of nodes"]
    for small in (one, other):
        assert torch.bincount(small.y).tolist() == [2, 2, 2]
        assert small.edges is None
    assert not torch.equal(one.data, other.data)  # type: ignore[arg-type]


@BOTH
def test_all_training_nodes_alone(protocol: NodeProtocol) -> None:
    (small,) = protocol.extra_baselines([linked()])["all training nodes, propagated features"]
    order = protocol.labels("train").argsort(stable=True)
    assert torch.equal(small.data, protocol.rounded[protocol.data.train[order]])  # type: ignore[arg-type]
    assert torch.equal(small.y, protocol.labels("train")[order])
    assert small.edges is None


def test_all_the_data_are_the_whole_graph() -> None:
    full, data = WORDS.full(), pairs()
    assert (full.entries, len(full.inputs)) == (48, 24)
    assert torch.equal(full.y, data.y[data.train])
    net = WORDS.network("GCN", 0).eval()
    assert torch.equal(net(full.inputs), net(WORDS.split("train")[0]))
    torch.testing.assert_close(full.weight, class_weights(full.y))


def read_back(arrays: dict[str, Tensor]) -> tuple[Tensor, Tensor, dict[int, int]]:
    """Features, edges and classes of training nodes from the tensors that are coded."""
    num_nodes, width = arrays["shape"].tolist()
    x = arrays["x"]
    if "x_gap" in arrays:
        columns = torch.zeros(width * num_nodes, dtype=x.dtype)
        columns[arrays["x_gap"].cumsum(0)] = x
        x = columns.view(width, num_nodes).T
    number = arrays["edge_gap"].cumsum(0)
    edges = torch.stack([number // num_nodes, number % num_nodes])
    return x.float(), edges, dict(zip(arrays["train_gap"].cumsum(0).tolist(), arrays["y"].tolist(), strict=True))


@pytest.mark.parametrize("change", ["none", "halves", "dense", "few words", "directed", "twice", "loops"])
def test_the_graph_is_read_back_from_the_tensors_that_are_coded(change: str) -> None:
    data = pairs()
    few = data.x * (torch.rand(data.x.shape, generator=torch.Generator().manual_seed(0)) < 0.1)
    loops = torch.arange(5).expand(2, -1)
    data = {
        "none": lambda: data,
        "halves": lambda: replace(data, x=data.x / 3),
        "dense": lambda: replace(data, x=data.x + 0.5),
        "few words": lambda: replace(data, x=few),
        "directed": lambda: replace(data, edge_index=data.edge_index[:, data.edge_index[0] < data.edge_index[1]]),
        "twice": lambda: replace(data, edge_index=data.edge_index.repeat(1, 2)),
        "loops": lambda: replace(data, edge_index=torch.cat([loops, data.edge_index], dim=1)),
    }[change]()
    arrays = graph_arrays(data)
    assert ("x_gap" in arrays) == (change == "few words")
    x, edges, classes = read_back(arrays)
    assert torch.equal(x, data.x)
    assert classes == dict(zip(data.train.tolist(), data.y[data.train].tolist(), strict=True))
    # One direction is stored where all edges run both ways; a loop runs both ways at once.
    if change != "directed":
        edges = torch.cat([edges, edges[:, edges[0] != edges[1]].flip(0)], dim=1)
    assert sorted(edges.T.tolist()) == sorted(data.edge_index.T.tolist())
    assert NodeProtocol(data).full().nbytes == coded_bytes(*arrays.values())


def test_sets_with_edges_are_evaluated_like_any_other(tmp_path: Path) -> None:
    small = linked(9)
    protocol = NodeProtocol(pairs(), trainings=2, fit=FitConfig(steps=4, batch_size=1 << 30, eval_every=2))
    save_set(small, tmp_path)
    one, other = (row_of(protocol, s) for s in (small, load_set(tmp_path)))
    assert (one.test, one.valid, one.nbytes, one.entries) == (other.test, other.valid, small.nbytes, 9)
    alone = replace(small, edges=None)
    nets = [protocol.train(s, 0)[0].state_dict()["head.weight"] for s in (small, alone)]
    assert not torch.equal(*nets)


def test_the_network() -> None:
    net = WORDS.network("GCN", 0)
    assert (net.dropout, net.layers[0].in_features, net.head.out_features) == (DROPOUT, 12, 3)
    assert (WORDS.networks, WORDS.UNIT) == (("GCN",), "nodes")
    assert WORDS.linear == "logistic regression on features of the same set"


def test_self_loops_of_the_graph_change_no_row() -> None:
    data, nodes = pairs(), torch.arange(48)
    looped = NodeProtocol(replace(data, edge_index=torch.cat([data.edge_index, nodes.expand(2, -1)], dim=1)))
    assert torch.equal(looped.rounded, NodeProtocol(data).rounded)
    name, sets = "random nodes and the edges between them", looped.random_sets(2000, 1)
    one, other = (p.extra_baselines(sets)[name][0] for p in (looped, NodeProtocol(data)))
    assert one.edges is not None
    assert other.edges is not None
    assert torch.equal(one.edges[0], other.edges[0])


@pytest.mark.parametrize("unit", [1e5, 1e-8])
def test_features_of_any_unit_stay_finite_and_themselves(unit: float) -> None:
    signed = pairs().x - 0.5
    one, other = (NodeProtocol(replace(pairs(), x=x)) for x in (signed, signed * unit))
    torch.testing.assert_close(other.rounded / unit, one.rounded, rtol=2e-3, atol=1e-6)
    means, _ = other.group_means(2, torch.Generator().manual_seed(0))
    assert bool(torch.isfinite(means).all())
    assert bool((means != 0).any(dim=0).all())
