from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.vqgraph.inductive import View, observe
from tests.vqgraph.samples import small

DATA = small()


def inductive(data: NodeDataset = DATA, seed: int = 0, **options: float) -> View:
    return observe(data, "inductive", generator=torch.Generator().manual_seed(seed), **options)


def pairs(edges: Tensor) -> list[tuple[int, ...]]:
    return sorted(map(tuple, edges.T.tolist()))


def test_transductive_is_everything() -> None:
    draw = torch.Generator().manual_seed(0)
    view = observe(DATA, "transductive", generator=draw)
    assert view.data is view.whole is DATA
    assert view.nodes.tolist() == list(range(60))
    assert view.unseen.tolist() == []
    assert torch.equal(draw.get_state(), torch.Generator().manual_seed(0).get_state())


@settings(deadline=None)
@given(st.integers(6, 70), st.integers(0, 1000), st.sampled_from((0.0, 0.2, 0.5, 1.0)))
def test_what_is_observed_is_the_rest_numbered_anew(nodes: int, seed: int, share: float) -> None:
    data = small(nodes, seed=seed)
    view = inductive(data, seed, share=share)
    unseen = set(view.unseen.tolist())
    assert len(unseen) == len(view.unseen) == round(share * len(data.test))
    assert unseen <= set(data.test.tolist())
    assert view.nodes.tolist() == sorted(set(range(nodes)) - unseen)
    assert torch.equal(view.data.x, data.x[view.nodes])
    assert torch.equal(view.data.y, data.y[view.nodes])
    assert pairs(view.nodes[view.data.edge_index]) == [e for e in pairs(data.edge_index) if not unseen & set(e)]
    assert torch.equal(view.nodes[view.data.train], data.train)
    assert torch.equal(view.nodes[view.data.valid], data.valid)
    assert sorted(view.nodes[view.data.test].tolist()) == sorted(set(data.test.tolist()) - unseen)
    assert view.whole is data


def test_a_fifth_of_coras_test_nodes_is_held_out(cora: NodeDataset) -> None:
    view = inductive(cora)
    assert (len(view.unseen), len(view.data.test), len(view.data.y)) == (427, 1708, 2058)
    assert not torch.isin(view.nodes[view.data.edge_index], view.unseen).any()
    assert torch.equal(view.data.x, cora.x[view.nodes])


def test_the_same_generator_holds_out_the_same_and_others_others() -> None:
    before = torch.get_rng_state()
    first, again, other = (inductive(seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.unseen, again.unseen)
    assert torch.equal(first.data.edge_index, again.data.edge_index)
    assert not torch.equal(first.unseen, other.unseen)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_data_set_stays_as_it_was() -> None:
    copies = [v.clone() for v in (DATA.x, DATA.edge_index, DATA.y, DATA.train, DATA.valid, DATA.test)]
    inductive()
    for copy, value in zip(copies, (DATA.x, DATA.edge_index, DATA.y, DATA.train, DATA.valid, DATA.test), strict=True):
        assert torch.equal(copy, value)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValueError, match=r"setting must be transductive or inductive, got 'production'"):
        observe(DATA, "production", generator=torch.Generator())


def test_a_share_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"share must be from 0 to 1, got 20"):
        inductive(share=20)
