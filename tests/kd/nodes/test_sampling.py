from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric import nn as pyg

from graphdistill.kd.nodes.sampling import Neighbours, batches
from tests.kd.nodes.samples import small
from tests.reference import reached_naive

DATA = small()
EVERYONE = torch.arange(60)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Tensor, int, list[int]]:
    """Edges, directed, with loops and perhaps parallel ones, number of nodes, and seeds."""
    nodes = draw(st.integers(1, 8))
    end = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(end, end), max_size=20))
    seeds = draw(st.lists(end, min_size=1, unique=True))
    return torch.tensor(edges, dtype=torch.long).view(-1, 2).T, nodes, seeds


def pairs(edges: Tensor) -> list[tuple[int, ...]]:
    return sorted(map(tuple, edges.T.tolist()))


@settings(deadline=None)
@given(cases(), st.lists(st.integers(-1, 4), max_size=3), st.integers(0, 1000))
def test_a_sample_is_a_part_of_the_neighbourhood(
    case: tuple[Tensor, int, list[int]], fanout: list[int], seed: int
) -> None:
    edges, number, seeds = case
    nodes, inside = Neighbours(edges, number).sample(torch.tensor(seeds), fanout, draws(seed))
    assert nodes[: len(seeds)].tolist() == seeds
    assert len(set(nodes.tolist())) == len(nodes)
    whole = pairs(edges)
    got = pairs(nodes[inside])
    assert all(got.count(edge) <= whole.count(edge) for edge in set(got))  # without replacement
    rings = reached_naive(edges, seeds, len(fanout))
    assert set(nodes.tolist()) <= set().union(*rings)
    count, degree = (torch.bincount(e[1], minlength=number).tolist() for e in (nodes[inside], edges))
    full = [[degree[node] if most < 0 else min(most, degree[node]) for most in fanout] for node in range(number)]
    assert all(count[node] in (0, *full[node]) for node in range(number))
    if fanout:
        assert all(count[node] == full[node][0] for node in seeds)


@settings(deadline=None)
@given(cases(), st.integers(0, 3))
def test_minus_one_takes_the_whole_neighbourhood(case: tuple[Tensor, int, list[int]], steps: int) -> None:
    edges, number, seeds = case
    nodes, inside = Neighbours(edges, number).sample(torch.tensor(seeds), [-1] * steps, draws())
    rings = reached_naive(edges, seeds, steps)
    assert set(nodes.tolist()) == set().union(*rings)
    expanded = set().union(*rings[:-1])
    assert pairs(nodes[inside]) == [edge for edge in pairs(edges) if edge[1] in expanded]


@settings(deadline=None)
@given(cases())
def test_among_are_all_edges_with_both_ends_inside(case: tuple[Tensor, int, list[int]]) -> None:
    edges, number, seeds = case
    nodes = torch.tensor(seeds)
    got = nodes[Neighbours(edges, number).among(nodes)]
    assert pairs(got) == [edge for edge in pairs(edges) if set(edge) <= set(seeds)]


@pytest.mark.parametrize(("name", "further"), [("GraphSAGE", 0), ("GAT", 0), ("GIN", 0), ("GCN", 1)])
def test_a_network_answers_as_on_the_whole_graph(name: str, further: int) -> None:
    """GCN divides by the degree of senders too, so it has to see one step further."""
    torch.manual_seed(0)
    model: nn.Module = getattr(pyg, name)(9, 8, 2, 3).double().eval()
    seeds, x = torch.tensor([5, 0, 31, 59]), DATA.x.double()
    nodes, edges = Neighbours(DATA.edge_index, 60).sample(seeds, [-1] * (2 + further), draws())
    assert len(nodes) < 60
    torch.testing.assert_close(model(x[nodes], edges)[:4], model(x, DATA.edge_index)[seeds])


def test_every_neighbour_is_as_likely() -> None:
    star = Neighbours(torch.tensor([[1, 2, 3, 4, 5], [0] * 5]), 6)
    draw, count = draws(), torch.zeros(6)
    for _ in range(2000):
        nodes, _ = star.sample(torch.tensor([0]), [2], draw)
        count[nodes[1:]] += 1
    assert count[0] == 0
    assert (count[1:] / 2000 - 0.4).abs().max() < 0.05


def test_the_same_generator_draws_the_same_and_others_others() -> None:
    neighbours, seeds = Neighbours(DATA.edge_index, 60), EVERYONE[:9]
    before = torch.get_rng_state()
    first, again, other = (neighbours.sample(seeds, [2, 2], draws(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert pairs(first[0][first[1]]) != pairs(other[0][other[1]])
    assert torch.equal(torch.get_rng_state(), before)


def test_nodes_without_neighbours_come_alone() -> None:
    nodes, edges = Neighbours(torch.empty(2, 0, dtype=torch.long), 3).sample(torch.tensor([2, 0]), [5, -1], draws())
    assert (nodes.tolist(), edges.shape) == ([2, 0], (2, 0))


@pytest.mark.parametrize("size", [1, 7, 60, 100])
def test_batches_hold_every_node_once(size: int) -> None:
    parts = list(batches(EVERYONE, size, draws()))
    assert torch.cat(parts).sort().values.tolist() == EVERYONE.tolist()
    assert all(len(part) == min(size, 60) for part in parts[:-1])
    if size < 60:
        assert torch.cat(parts).tolist() != EVERYONE.tolist()


def test_one_batch_of_all_is_in_order_and_draws_nothing() -> None:
    draw = draws()
    (part,) = batches(EVERYONE, None, draw)
    assert torch.equal(part, EVERYONE)
    assert torch.equal(draw.get_state(), draws().get_state())


def test_a_batch_of_no_nodes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"batch_size must be 1 or more, got 0"):
        list(batches(EVERYONE, 0, draws()))
