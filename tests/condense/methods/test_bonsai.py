from __future__ import annotations

from itertools import combinations

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.methods import bonsai
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.networks.node_gcn import DEPTH, Propagation
from graphdistill.core.sets.storage import load_set, save_set
from tests.condense.samples import context_of, pairs, seeded

SETS = st.lists(st.sets(st.integers(0, 9), max_size=5), min_size=1, max_size=8)


def covered(sets: list[set[int]], chosen: list[int]) -> int:
    return len(set().union(*(sets[i] for i in chosen)))


@given(SETS, st.integers(1, 4))
def test_the_cover_is_near_the_best_of_all_and_that_of_the_plain_greedy_algorithm(sets: list[set[int]], k: int) -> None:
    size = min(k, len(sets))
    found = bonsai.greedy_cover(sets, size).tolist()
    assert len(set(found)) == size
    best = max(covered(sets, list(chosen)) for chosen in combinations(range(len(sets)), size))
    assert covered(sets, found) >= (1 - (1 - 1 / size) ** size) * best - 1e-9
    plain: list[int] = []
    done: set[int] = set()
    while len(plain) < size:
        left = [i for i in range(len(sets)) if i not in plain]
        if not any(sets[i] - done for i in left):
            done = set()
        plain.append(max(left, key=lambda i: (len(sets[i] - done), -i)))
        done |= sets[plain[-1]]
    assert found == plain


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5))
def test_reverse_neighbours_are_those_of_scikit_learn(count: int, nearest: int) -> None:
    x = torch.randn(12, 3, generator=seeded(count), dtype=torch.double)
    found = bonsai.reverse_neighbours(x, x[:count], nearest)
    model = NearestNeighbors(n_neighbors=nearest).fit(x.numpy())
    wanted: list[set[int]] = [set() for _ in x]
    for row, near in enumerate(model.kneighbors(x[:count].numpy(), return_distance=False)):
        for candidate in near:
            wanted[candidate].add(row)
    assert found == wanted


def test_distances_in_chunks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(12, 3, generator=seeded())
    whole = bonsai.reverse_neighbours(x, x, 3)
    monkeypatch.setattr(bonsai, "CHUNK", 24)
    assert bonsai.reverse_neighbours(x, x, 3) == whole


def test_pagerank_is_that_of_networkx() -> None:
    graph = nx.gnm_random_graph(20, 40, seed=1)
    edges = torch.tensor(list(graph.edges)).T
    graph.add_edges_from((node, node) for node in range(20))
    roots = torch.tensor([3, 7])
    found = bonsai.pagerank(Propagation(torch.cat([edges, edges.flip(0)], dim=1), 20), roots, 0.3)
    wanted = nx.pagerank(graph, alpha=0.7, personalization={3: 1, 7: 1}, tol=1e-12, max_iter=1000)
    assert found.tolist() == pytest.approx([wanted[node] for node in range(20)], abs=1e-3)
    assert float(found.sum()) == pytest.approx(1, abs=1e-6)


def test_neighbours_are_within_reach() -> None:
    data, protocol = pairs(), context_of(kind="nodes").protocol
    assert isinstance(protocol, NodeProtocol)
    roots = torch.tensor([5, 11])
    graph = nx.Graph(data.edge_index.T.tolist())
    near = {v for root in (5, 11) for v in nx.single_source_shortest_path_length(graph, root, cutoff=DEPTH)}
    everything = bonsai.neighbours(protocol, roots, bonsai.Config(neighbours=99))
    assert set(everything.tolist()) == near - {5, 11}
    few = bonsai.neighbours(protocol, roots, bonsai.Config(neighbours=1))
    assert len(few) == 2
    rank = bonsai.pagerank(protocol.propagation, roots, bonsai.Config().restart)
    rank[roots] = 0
    assert sorted(rank[few].tolist()) == sorted(rank.topk(2).values.tolist())


def test_neighbours_have_no_label() -> None:
    synthetic = bonsai.select(context_of(2, kind="nodes"), bonsai.Config(neighbours=3))
    labelled = synthetic.labelled
    assert labelled.tolist() == [True] * 6 + [False] * (len(synthetic) - 6)
    assert synthetic.y[labelled].tolist() == [0, 0, 1, 1, 2, 2]
    assert not bool(synthetic.y[~labelled].any())
    assert synthetic.graph().train_mask.tolist() == labelled.tolist()


def test_without_neighbours_it_is_the_chosen_nodes_and_more_of_them_cost_bytes() -> None:
    context = context_of(2, kind="nodes")
    alone, more = (bonsai.select(context, bonsai.Config(neighbours=count)) for count in (0, 4))
    assert len(alone) == 6 < len(more)
    assert alone.nbytes < more.nbytes


def test_a_set_with_neighbours_is_stored_and_trained_on(tmp_path) -> None:  # type: ignore[no-untyped-def]
    context = context_of(3, kind="nodes")
    synthetic = bonsai.select(context, bonsai.Config(neighbours=3))
    save_set(synthetic, tmp_path)
    again = load_set(tmp_path)
    assert torch.equal(again.weight, synthetic.weight)
    assert again.nbytes == synthetic.nbytes
    protocol = protocol_of(pairs())
    net, fit = protocol.train(again, 0)
    assert fit.valid > 0.9
    # What stands in y of a neighbour has no effect.
    other = again.with_meta({})
    other.y[~other.labelled] = 2
    assert torch.equal(*(n.head.weight for n in (net, protocol.train(other, 0)[0])))
    (model,) = protocol.linear_models([again])
    assert model("test").shape[1] == 3


def test_a_large_class_is_covered_by_a_draw_of_it() -> None:
    context = context_of(2, kind="nodes")
    few = bonsai.select(context, bonsai.Config(covered=1, neighbours=0))
    assert len(few) == 6
