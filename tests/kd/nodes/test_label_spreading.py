from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.kd.nodes import label_spreading as module
from graphdistill.kd.nodes.label_spreading import feature_neighbours, label_spreading
from tests.kd.nodes.samples import rows, small
from tests.reference import feature_neighbours_naive, spread_naive

NO_EDGES = torch.empty(2, 0, dtype=torch.long)


def pairs(edges: Tensor) -> list[tuple[int, int]]:
    return [(s, t) for s, t in edges.T.tolist()]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Soft labels, both directions of some edges, and features of one sign or of two; isolated nodes are common."""
    nodes, seed = draw(st.integers(1, 9)), draw(st.integers(0, 1000))
    end = st.integers(0, nodes - 1)
    drawn = draw(st.sets(st.tuples(end, end), max_size=12))
    edges = sorted({(s, t) for a, b in drawn if a != b for s, t in ((a, b), (b, a))})
    soft = rows(nodes, draw(st.integers(1, 4)), seed, torch.double).softmax(dim=1)
    x = rows(nodes, 3, seed + 1)
    return soft, torch.tensor(edges, dtype=torch.long).view(-1, 2).T, x.abs() if draw(st.booleans()) else x


@pytest.mark.parametrize("sharpen", [1.0, 3.0])
@settings(deadline=None)
@given(graph=graphs(), steps=st.integers(1, 4), restart=st.floats(0, 1), k=st.integers(0, 4), weight=st.floats(0.1, 2))
def test_spreading_is_that_of_dense_matrices(
    sharpen: float, graph: tuple[Tensor, Tensor, Tensor], steps: int, restart: float, k: int, weight: float
) -> None:
    soft, edges, x = graph
    got = label_spreading(soft, edges, x, steps=steps, restart=restart, neighbours=k, weight=weight, sharpen=sharpen)
    similar = torch.tensor(sorted(feature_neighbours_naive(x, k)), dtype=torch.long).view(-1, 2).T
    want = spread_naive(soft, edges, similar, steps, restart, weight, sharpen)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-7)


@settings(deadline=None)
@given(graph=graphs(), sharpen=st.floats(0.1, 500))
def test_rows_are_probabilities_however_sharp(graph: tuple[Tensor, Tensor, Tensor], sharpen: float) -> None:
    soft, edges, x = graph
    out = label_spreading(soft, edges, x, sharpen=sharpen)
    assert bool((out >= 0).all())
    torch.testing.assert_close(out.sum(dim=1), torch.ones(len(soft), dtype=torch.double))


@settings(deadline=None)
@given(graph=graphs(), steps=st.sampled_from([0, 5]))
def test_without_steps_or_edges_labels_stay_as_they_are(graph: tuple[Tensor, Tensor, Tensor], steps: int) -> None:
    soft, edges, x = graph
    out = label_spreading(soft, NO_EDGES if steps else edges, x, steps=steps, neighbours=0 if steps else 5, sharpen=1)
    torch.testing.assert_close(out, soft)


@settings(deadline=None)
@given(graph=graphs(), steps=st.integers(0, 5))
def test_isolated_nodes_keep_their_labels(graph: tuple[Tensor, Tensor, Tensor], steps: int) -> None:
    soft, edges, x = graph
    alone = torch.ones(len(soft), dtype=torch.bool)
    alone[edges.flatten()] = False
    out = label_spreading(soft, edges, x, steps=steps, neighbours=0, sharpen=1)
    torch.testing.assert_close(out[alone], soft[alone])


@settings(deadline=None)
@given(graph=graphs(), sharpen=st.floats(1.1, 20))
def test_sharpening_keeps_the_order_and_raises_the_largest(
    graph: tuple[Tensor, Tensor, Tensor], sharpen: float
) -> None:
    soft, edges, x = graph
    out = label_spreading(soft, edges, x, steps=0, sharpen=sharpen)
    assert torch.equal(out.argmax(dim=1), soft.argmax(dim=1))
    assert bool((out.amax(dim=1) >= soft.amax(dim=1) - 1e-12).all())


def test_a_certain_teacher_has_no_logarithm_of_zero_in_the_result() -> None:
    out = label_spreading(torch.eye(3), torch.tensor([[0, 1], [1, 0]]), torch.eye(3), sharpen=3)
    assert bool(torch.isfinite(out).all())
    assert out[2].tolist() == [0, 0, 1]


def test_edges_of_no_weight_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = small()
    soft = rows(60, 3).softmax(dim=1)
    without = label_spreading(soft, data.edge_index, data.x, neighbours=0)
    monkeypatch.setattr(module, "feature_neighbours", lambda x, k: feature_neighbours(x, 0 if k == 0 else 1 // 0))
    assert torch.equal(label_spreading(soft, data.edge_index, data.x, weight=0), without)


@settings(deadline=None)
@given(n=st.integers(1, 9), k=st.integers(0, 12), seed=st.integers(0, 1000))
def test_neighbours_are_those_of_a_loop(n: int, k: int, seed: int) -> None:
    x = rows(n, 3, seed)
    found = pairs(feature_neighbours(x, k))
    assert len(found) == len(set(found))
    assert set(found) == feature_neighbours_naive(x, k)


@settings(deadline=None)
@given(x=st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=1, max_size=8), k=st.integers(0, 9))
def test_among_ties_any_are_taken_but_as_many_as_wanted(x: list[list[int]], k: int) -> None:
    words = torch.tensor(x, dtype=torch.float)
    found = pairs(feature_neighbours(words, k))
    assert len(found) == len(set(found))
    assert {(t, s) for s, t in found} == set(found)
    cosine = torch.nn.functional.normalize(words.double(), dim=1)
    cosine = (cosine @ cosine.T).fill_diagonal_(0)
    least = cosine.topk(min(k, len(x))).values[:, -1].clamp(min=1e-6) if k else torch.full((len(x),), torch.inf)
    for s, t in found:
        assert s != t
        assert cosine[s, t] >= min(least[s], least[t]) - 1e-6
    for node in range(len(x)):
        mine = {t for s, t in found if s == node}
        assert {j for j in range(len(x)) if cosine[node, j] > least[node] + 1e-6} <= mine
        assert len(mine) >= min(k, int((cosine[node] > 1e-6).sum()))


def test_features_with_nothing_in_common_join_nobody() -> None:
    assert feature_neighbours(torch.eye(6), 3).numel() == 0
    assert feature_neighbours(torch.zeros(4, 2), 3).numel() == 0
    assert feature_neighbours(torch.tensor([[1.0], [-1.0]]), 1).numel() == 0


@pytest.mark.parametrize("x", [torch.ones(0, 2), torch.ones(1, 2)])
def test_nobody_has_neighbours_alone(x: Tensor) -> None:
    assert feature_neighbours(x, 5).shape == (2, 0)


@pytest.mark.parametrize("entries", [1, 60, 130, 10_000])
def test_how_many_similarities_are_held_makes_no_difference(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = rows(60, 4)
    whole = feature_neighbours(x, 3)
    monkeypatch.setattr(module, "ENTRIES", entries)
    assert torch.equal(feature_neighbours(x, 3), whole)


def test_self_loops_that_are_there_count_once() -> None:
    soft, x = rows(4, 3).softmax(dim=1), rows(4, 2, 1)
    path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    looped = torch.cat([path, torch.tensor([[0, 2, 2, 3], [0, 2, 2, 3]])], dim=1)
    assert torch.equal(label_spreading(soft, looped, x), label_spreading(soft, path, x))


def test_nearest_nodes_are_the_same_by_sparse_products(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = torch.Generator().manual_seed(0)
    x = torch.rand(50, 200, generator=draws) * (torch.rand(50, 200, generator=draws) < 0.04)
    dense = feature_neighbours(x, 3)
    monkeypatch.setattr(module, "SPARSE_ENTRIES", 1)
    for entries in (1 << 24, 130):
        monkeypatch.setattr(module, "ENTRIES", entries)
        assert torch.equal(feature_neighbours(x, 3), dense)
