from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GCNConv

from graphdistill.condense.data.graphs import LearnableGraphs
from graphdistill.core.data.feature_encoding import CategoricalEncoding
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.networks.graph_gcn import batch_of
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.trees.graph_forest import GraphForest
from tests.condense.graph_samples import chain, learnable, protocol, real
from tests.condense.samples import seeded

HERE = real()


def graphs_of(synthetic: SyntheticSet) -> Graphs:
    assert isinstance(synthetic.forest, GraphForest)
    return synthetic.forest.graphs


def drawn(x: Tensor, edges: Iterable[tuple[int, ...]]) -> nx.DiGraph:
    """A graph whose nodes carry their features."""
    graph = nx.DiGraph()
    graph.add_nodes_from((node, {"x": features}) for node, features in enumerate(x.tolist()))
    graph.add_edges_from(edges)
    return graph


def same(graph: nx.DiGraph, other: nx.DiGraph) -> bool:
    """Whether two graphs are equal up to the order of their nodes."""
    return nx.is_isomorphic(graph, other, node_match=lambda a, b: a["x"] == b["x"])


def links(graphs: Graphs, row: int) -> set[tuple[int, ...]]:
    return set(map(tuple, graphs[row].edge_index.T.tolist()))


def test_a_set_begins_as_real_graphs_of_at_most_the_median_size() -> None:
    assert HERE.largest == int(HERE.graphs.node_ptr.diff().median())
    synthetic = HERE.init_random(3, seeded())
    assert synthetic.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert int(synthetic.sizes.max()) <= HERE.largest
    frozen = synthetic.freeze()
    graphs = graphs_of(frozen)
    for row in range(6):
        mine = drawn(graphs[row].x, links(graphs, row))
        members = HERE.members[int(frozen.y[row])].tolist()
        assert any(same(mine, drawn(HERE.graphs[number].x, links(HERE.graphs, number))) for number in members)
    assert torch.equal(HERE.init_random(3, seeded()).x, synthetic.x)


def test_where_too_few_are_that_small_the_smallest_do() -> None:
    few = real()
    few.largest = 3
    synthetic = few.init_random(4, seeded())
    for label in range(2):
        sizes = few.graphs.node_ptr.diff()[few.members[label]].sort().values[:4]
        assert synthetic.sizes[synthetic.y == label].sort().values.tolist() == sizes.tolist()


def test_learnt_graphs_are_read_as_the_real_ones_that_they_begin_as() -> None:
    index = torch.tensor([0, 5, 2])
    synthetic, net = HERE.init_from(index), HERE.network()
    torch.testing.assert_close(net(synthetic.inputs()), net(HERE.inputs(index)))
    torch.testing.assert_close(net(synthetic.inputs(torch.tensor([2, 0]))), net(HERE.inputs(index[[2, 0]])))
    torch.testing.assert_close(
        net(synthetic.inputs(torch.tensor([True, False, True]))), net(HERE.inputs(index[[0, 2]]))
    )


def test_what_is_matched_is_what_is_stored() -> None:
    synthetic, net = learnable(), HERE.network()
    with torch.no_grad():
        synthetic.x.copy_(torch.randn(synthetic.x.shape, generator=seeded()))
        synthetic.theta.copy_(torch.randn(synthetic.theta.shape, generator=seeded(1)))
    torch.testing.assert_close(net(synthetic.inputs()), net(batch_of(graphs_of(synthetic.freeze()), synthetic.columns)))


def test_edges_are_drawn_once_for_both_directions_and_by_the_generator_alone() -> None:
    synthetic = learnable()
    with torch.no_grad():
        synthetic.theta /= 5
    first, second = synthetic.sample(seeded(1), 0.5).adjacency, synthetic.sample(seeded(1), 0.5).adjacency
    assert isinstance(first, torch.Tensor)
    assert isinstance(second, torch.Tensor)
    assert torch.equal(first, second)
    torch.testing.assert_close(first, first.mT)
    assert not torch.equal(first, synthetic.sample(seeded(2), 0.5).adjacency)  # type: ignore[arg-type]


@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_edges_are_drawn_with_their_probability_at_any_temperature(temperature: float) -> None:
    dots = Graphs.from_data_list([Data(x=torch.zeros(200, 1).long())])
    synthetic = LearnableGraphs(dots, torch.tensor([0]), CategoricalEncoding((1,)), "categorical")
    with torch.no_grad():
        synthetic.theta.fill_(-1.0)
    spread = synthetic.sample(seeded(), temperature).adjacency
    assert isinstance(spread, torch.Tensor)
    linked = (spread[0] > 1e-6)[torch.ones(200, 200).triu(1).bool()].float()
    assert float(linked.mean()) == pytest.approx(torch.tensor(-1.0).sigmoid().item(), abs=0.01)


def test_edges_go_both_ways_make_no_loops_and_stay_inside_a_graph() -> None:
    synthetic = learnable()
    with torch.no_grad():
        synthetic.theta.fill_(9.0)
    spread = synthetic.inputs().adjacency
    assert isinstance(spread, torch.Tensor)
    for row, size in enumerate(synthetic.sizes.tolist()):
        wanted = torch.eye(spread.shape[1])
        wanted[:size, :size] = 1 / size
        torch.testing.assert_close(spread[row], wanted)


def test_gradients_reach_all_that_is_read_and_no_padding() -> None:
    synthetic = learnable(3)
    synthetic.backward(HERE.network()(synthetic.sample(seeded(), 1.0)).square().sum())
    mask = torch.arange(synthetic.x.shape[1]) < synthetic.sizes[:, None]
    assert synthetic.x.grad is not None
    assert synthetic.theta.grad is not None
    assert bool((synthetic.x.grad[mask].abs().sum(dim=1) > 0).all())
    assert bool((synthetic.x.grad[~mask] == 0).all())
    assert bool((synthetic.theta.grad[synthetic.pairs] != 0).any())
    assert bool((synthetic.theta.grad[~synthetic.pairs] == 0).all())
    assert sorted(synthetic.parameters()) == ["theta", "x"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_what_is_frozen_is_the_likeliest_graph_and_comes_back_bit_for_bit(seed: int, measured: bool) -> None:
    synthetic = learnable(2, measured)
    with torch.no_grad():
        synthetic.x.copy_(torch.randn(synthetic.x.shape, generator=seeded(seed)))
        synthetic.theta.copy_(torch.randn(synthetic.theta.shape, generator=seeded(seed + 1)))
    frozen = synthetic.freeze({"method": "none"})
    graphs = graphs_of(frozen)
    found = [(drawn(graphs[row].x, links(graphs, row)), int(frozen.y[row])) for row in range(len(frozen))]
    for row, size in enumerate(synthetic.sizes.tolist()):
        likely = {(i, j) for i in range(size) for j in range(i + 1, size) if synthetic.theta[row, i, j] > 0}
        x = synthetic.columns.decode(synthetic.x[row, :size].detach())
        likeliest = drawn(x, likely | {(j, i) for i, j in likely}), int(synthetic.y[row])
        match = next(k for k, (graph, y) in enumerate(found) if y == likeliest[1] and same(graph, likeliest[0]))
        del found[match]
    again = SyntheticSet.from_payload(
        frozen.payload(), task=frozen.task, features=frozen.features, meta=dict(frozen.meta)
    )
    assert graphs_of(again).x.dtype == graphs.x.dtype
    for name in ("x", "edge_index", "node_ptr", "edge_ptr"):
        assert torch.equal(getattr(graphs_of(again), name), getattr(graphs, name))
    assert torch.equal(again.y, frozen.y)
    assert torch.equal(again.weight, frozen.weight)


def test_a_set_is_saved_and_loaded_and_stock_layers_train_on_it(tmp_path) -> None:
    save_set(learnable().freeze({"method": "none"}), tmp_path)
    synthetic = load_set(tmp_path)
    assert synthetic.meta == {"method": "none"}
    assert protocol().network("GCN", 0)(synthetic.forest).shape == (4, 2)
    batch = Batch.from_data_list([graphs_of(synthetic)[row] for row in range(4)])
    out = GCNConv(2, 4)(batch.x.float(), batch.edge_index)
    out.sum().backward()
    assert out.shape == (int(synthetic.forest.num_nodes.sum()), 4)


def test_loops_parallel_edges_and_directions_are_left_behind() -> None:
    one = Data(x=torch.zeros(3, 1).long(), edge_index=torch.tensor([[0, 0, 1, 1], [0, 1, 0, 2]]))
    synthetic = LearnableGraphs(
        Graphs.from_data_list([one]), torch.tensor([0]), CategoricalEncoding((1,)), "categorical"
    )
    frozen = graphs_of(synthetic.freeze())
    path = {(0, 1), (1, 0), (1, 2), (2, 1)}
    assert same(drawn(frozen[0].x, links(frozen, 0)), drawn(one.x, path))
    assert synthetic.density == pytest.approx(2 / 3)


def test_a_single_node_has_no_pair() -> None:
    one = Data(x=torch.zeros(1, 1).long(), edge_index=torch.empty(2, 0).long())
    synthetic = LearnableGraphs(
        Graphs.from_data_list([one]), torch.tensor([0]), CategoricalEncoding((1,)), "categorical"
    )
    assert synthetic.density == 0
    assert graphs_of(synthetic.freeze()).edge_index.shape == (2, 0)


def test_soft_labels_are_learnt_too() -> None:
    synthetic = HERE.init_from(torch.tensor([0, 1]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert sorted(synthetic.parameters()) == ["logits", "theta", "x"]
    assert synthetic.freeze().y.shape == (2, 2)


def test_selected_graphs_are_the_real_ones_without_edge_features() -> None:
    chosen = graphs_of(HERE.select(torch.tensor([4])))
    assert chosen.edge_attr is None
    real_one = drawn(HERE.graphs[4].x, links(HERE.graphs, 4))
    assert same(drawn(chosen[0].x, links(chosen, 0)), real_one)


def test_a_class_without_training_graphs_is_refused() -> None:
    data = protocol().data
    gap = replace(data, y=data.y * 2)
    with pytest.raises(ValueError, match="class 1 of 0 to 2 has none of the training graphs"):
        type(HERE)(replace(protocol(), data=gap))


def test_the_sample_is_what_it_says() -> None:
    ring, path = chain([0, 1, 2], closed=True), chain([0, 1, 2], closed=False)
    assert ring.edge_index.shape[1] == 6
    assert path.edge_index.shape[1] == 4
