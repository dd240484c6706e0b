from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.linear_model import Ridge

from graphdistill.condense.matching.ridge import centred
from graphdistill.condense.methods import cgc
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.sets.half_precision import round_half
from tests.condense.quick import quick
from tests.condense.samples import pairs, seeded


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(0, 9), st.integers(0, 99))
def test_rows_go_where_the_nearest_pairs_go_first(size: int, more: int, seed: int) -> None:
    count = size + more
    far = torch.rand(count, size, generator=seeded(seed))
    room = [count // size + (k < count % size) for k in range(size)]
    found = cgc.assign(far, room)
    left, wanted = list(room), [-1] * count
    for place in far.flatten().argsort().tolist():
        row, cluster = divmod(place, size)
        if wanted[row] < 0 and left[cluster]:
            wanted[row] = cluster
            left[cluster] -= 1
    assert found.tolist() == wanted


@pytest.mark.parametrize("equal", [False, True])
def test_clusters_have_equal_size_whatever_the_rows(equal: bool) -> None:
    x = torch.ones(7, 2) if equal else torch.randn(7, 2, generator=seeded())
    cluster = cgc.balanced_clusters(x, 3, seeded())
    assert sorted(cluster.bincount(minlength=3).tolist()) == [2, 2, 3]
    assert torch.equal(cluster, cgc.balanced_clusters(x, 3, seeded()))


def test_groups_of_equal_size_are_found_as_by_plain_k_means() -> None:
    x = torch.randn(30, 2, generator=seeded()) * 0.1 + torch.tensor([[0.0, 0], [5, 0], [0, 5]]).repeat(10, 1)
    plain = KMeans(3, n_init=3, random_state=0).fit_predict(x.numpy())
    cluster = cgc.balanced_clusters(x, 3, seeded())
    assert len({(a, b) for a, b in zip(plain.tolist(), cluster.tolist(), strict=True)}) == 3


@pytest.mark.parametrize("shape", [(8, 20), (20, 8)])
def test_weights_are_those_of_scikit_learn(shape: tuple[int, int]) -> None:
    x, y = torch.randn(shape, generator=seeded(), dtype=torch.double), torch.arange(shape[0]) % 3
    alpha = 0.5 * float(x.square().sum()) / len(x)
    wanted = Ridge(alpha=alpha, fit_intercept=False).fit(x.numpy(), centred(y, 3).numpy()).coef_
    torch.testing.assert_close(cgc.fitted(x, y, 0.5), torch.from_numpy(wanted).T, rtol=1e-6, atol=1e-9)


def test_training_nodes_come_first_and_the_most_certain_of_the_others() -> None:
    context = quick("nodes")
    protocol, data = context.protocol, pairs()
    assert isinstance(protocol, NodeProtocol)
    scores = torch.rand(len(data.x), 3, generator=seeded())
    for label, nodes in enumerate(cgc.members(protocol, scores.clone(), 0.0)):
        assert nodes.sort().values.tolist() == data.train[data.y[data.train] == label].tolist()
    everything = cgc.members(protocol, scores.clone(), 1.0)
    assert sorted(torch.cat(everything).tolist()) == list(range(len(data.x)))
    half = cgc.members(protocol, scores.clone(), 0.5)
    best = scores.topk(2, dim=1).values
    for few, all_of_it in zip(half, everything, strict=True):
        known = set(data.train.tolist())
        taken, rest = set(few.tolist()) - known, set(all_of_it.tolist()) - set(few.tolist())
        margins = [min((float(best[v, 0] - best[v, 1]) for v in taken), default=9.0)]
        assert all(float(best[v, 0] - best[v, 1]) <= margins[0] for v in rest)


def test_one_entry_of_a_class_is_the_mean_of_it() -> None:
    context = quick("nodes", per_class=1)
    protocol = context.protocol
    assert isinstance(protocol, NodeProtocol)
    synthetic = cgc.select(context, cgc.Config(share=0.0))
    x, y = protocol.rounded[protocol.data.train], protocol.labels("train")
    wanted = torch.stack([x[y == label].mean(dim=0) for label in range(3)])
    assert torch.equal(synthetic.data, round_half(wanted, protocol.exponent))  # type: ignore[arg-type]
    assert synthetic.meta["unlabelled_share"] == 0


def test_labels_of_other_nodes_are_not_read() -> None:
    context = quick("nodes", per_class=2)
    config = cgc.Config(share=1.0, hops=2)
    first = cgc.select(context, config)
    data = pairs()
    before = data.y.clone()
    try:
        data.y[data.test] = 0
        assert torch.equal(cgc.select(context, config).data, first.data)  # type: ignore[arg-type]
    finally:
        data.y.copy_(before)


def test_what_is_best_on_validation_is_kept() -> None:
    context = quick("nodes", per_class=2)
    best = cgc.select(context, cgc.Config())
    found = [cgc.select(context, cgc.Config(share=share)).meta["valid"] for share in cgc.SHARES]
    assert best.meta["valid"] == max(float(str(valid)) for valid in found)
    assert best.meta["score_hops"] in cgc.HOPS
