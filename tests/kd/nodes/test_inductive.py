from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.kd.nodes.inductive import InductiveSplit, inductive_split
from tests.kd.nodes.samples import small

DATA = small()


def inductive(data: NodeDataset = DATA, seed: int = 0, **options: float) -> InductiveSplit:
    return inductive_split(data, "inductive", generator=torch.Generator().manual_seed(seed), **options)


def pairs(edges: Tensor) -> list[tuple[int, ...]]:
    return sorted(map(tuple, edges.T.tolist()))


def test_transductive_is_everything() -> None:
    draw = torch.Generator().manual_seed(0)
    split = inductive_split(DATA, "transductive", generator=draw)
    assert split.data is split.whole is DATA
    assert split.nodes.tolist() == list(range(60))
    assert split.unseen.tolist() == []
    assert torch.equal(draw.get_state(), torch.Generator().manual_seed(0).get_state())


@settings(deadline=None)
@given(st.integers(6, 70), st.integers(0, 1000), st.sampled_from((0.0, 0.2, 0.5, 1.0)))
def test_what_is_observed_is_the_rest_numbered_anew(nodes: int, seed: int, share: float) -> None:
    data = small(nodes, seed=seed)
    split = inductive(data, seed, share=share)
    unseen = set(split.unseen.tolist())
    assert len(unseen) == len(split.unseen) == round(share * len(data.test))
    assert unseen <= set(data.test.tolist())
    assert split.nodes.tolist() == sorted(set(range(nodes)) - unseen)
    assert torch.equal(split.data.x, data.x[split.nodes])
    assert torch.equal(split.data.y, data.y[split.nodes])
    assert pairs(split.nodes[split.data.edge_index]) == [e for e in pairs(data.edge_index) if not unseen & set(e)]
    assert torch.equal(split.nodes[split.data.train], data.train)
    assert torch.equal(split.nodes[split.data.valid], data.valid)
    assert sorted(split.nodes[split.data.test].tolist()) == sorted(set(data.test.tolist()) - unseen)
    assert split.whole is data


def test_a_fifth_of_coras_test_nodes_is_held_out(cora: NodeDataset) -> None:
    split = inductive(cora)
    assert (len(split.unseen), len(split.data.test), len(split.data.y)) == (427, 1708, 2058)
    assert not torch.isin(split.nodes[split.data.edge_index], split.unseen).any()
    assert torch.equal(split.data.x, cora.x[split.nodes])


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
        inductive_split(DATA, "production", generator=torch.Generator())


def test_a_share_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"share must be from 0 to 1, got 20"):
        inductive(share=20)
