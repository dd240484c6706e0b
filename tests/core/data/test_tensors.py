"""Helpers on tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.data.feature_encoding import CategoricalEncoding
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.data.tensors import (
    downcast,
    quantile_strata,
    ranges,
    segment_ptr,
    target_moments,
    tensor_bytes,
    to_device,
)
from graphdistill.core.networks.graph_gcn import batch_of
from graphdistill.core.networks.node_gcn import Nodes, Propagation
from graphdistill.core.scatter import Segments
from graphdistill.core.trees.build import build_forest


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300), max_size=5))
@example([255])
@example([256])
@example([-1, 2**15 - 1])
@example([-1, 2**15])
@example([2**31 - 1])
@example([2**31])
def test_narrow_keeps_values_in_the_fewest_bytes(values: list[int]) -> None:
    out = downcast(torch.tensor(values, dtype=torch.long))
    assert out.tolist() == values
    bounds = [(1, 0, 2**8), (2, -(2**15), 2**15), (4, -(2**31), 2**31), (8, -(2**63), 2**63)]
    want = next(size for size, low, high in bounds if all(low <= v < high for v in values))
    assert out.element_size() == want


def test_narrow_leaves_floats() -> None:
    values = torch.tensor([1.0, 2.0], dtype=torch.double)
    assert downcast(values) is values


def test_bytes_of_tensors() -> None:
    assert tensor_bytes() == 0
    assert tensor_bytes(None, torch.zeros(3, 2), torch.zeros(5, dtype=torch.int16), torch.zeros(0)) == 34


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4)), max_size=8))
def test_ranges_and_pointers(parts: list[tuple[int, int]]) -> None:
    starts, lengths = torch.tensor(parts, dtype=torch.long).view(-1, 2).unbind(1)
    assert ranges(starts, lengths).tolist() == [v for start, n in parts for v in range(start, start + n)]
    assert segment_ptr(lengths).tolist() == [sum(n for _, n in parts[:i]) for i in range(len(parts) + 1)]


def movables() -> dict[str, object]:
    edges = torch.tensor([[0, 1], [1, 0]])
    spread = Propagation(edges, 2)
    pair = Data(x=torch.tensor([[0], [1]]), edge_index=edges, edge_attr=torch.ones(2, 1))
    segments = Segments(torch.tensor([0, 2]), torch.tensor([1, 0]), 2, torch.ones(2))
    segments.twin  # noqa: B018  # is cached
    return {
        "segments": segments,
        "propagation": spread,
        "sparse features": SparseFeatures(torch.eye(9)),
        "dense features": SparseFeatures(torch.ones(2, 2)),
        "nodes": Nodes(SparseFeatures(torch.eye(9)), spread, torch.tensor([1])),
        "graphs": batch_of(Graphs.from_data_list([pair]), CategoricalEncoding((2,))),
        "forest": build_forest(Graphs.from_data_list([pair, pair]), 2),
    }


def held(value: object) -> list[Tensor]:
    """All tensors of an object, however deep."""
    if isinstance(value, Tensor):
        return [value]
    parts = value if isinstance(value, tuple | list) else vars(value).values() if hasattr(value, "__dict__") else ()
    return [tensor for part in parts for tensor in held(part)]


@pytest.mark.parametrize("name", movables())
def test_objects_move_with_all_that_they_hold(name: str) -> None:
    value = movables()[name]
    before = [tensor.clone() for tensor in held(value)]
    moved = to_device(value, "meta")
    assert type(moved) is type(value)
    assert {tensor.device.type for tensor in held(moved)} == {"meta"}
    assert [t.shape for t in held(moved)] == [t.shape for t in before]
    # The first one stays where it is.
    assert all(torch.equal(old, new) for old, new in zip(before, held(value), strict=True))
    assert value.to("meta").__class__ is type(value)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", movables())
def test_what_is_there_already_is_not_copied(name: str) -> None:
    value = movables()[name]
    assert to_device(value, "cpu") is value
    assert to_device(value, torch.device("cpu")) is value
    both = (value, [torch.zeros(1), None, "text"])
    assert to_device(both, "cpu") is both


def test_lists_and_tuples_move_as_such() -> None:
    moved = to_device(([torch.zeros(2)], (torch.zeros(1), 3)), "meta")
    assert isinstance(moved[0], list)
    assert isinstance(moved[1], tuple)
    assert (moved[0][0].device.type, moved[1][0].device.type, moved[1][1]) == ("meta", "meta", 3)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_strata_of_one_target_are_those_of_pandas_like_quantiles(count):
    y = torch.randn(48, 1, generator=torch.Generator().manual_seed(0))
    strata = quantile_strata(y, count)
    edges = np.quantile(y.numpy(), np.linspace(0, 1, count + 1)[1:-1])
    assert torch.equal(strata, torch.from_numpy(np.searchsorted(edges, y[:, 0].numpy())))
    assert torch.bincount(strata).tolist() == [48 // count] * count
    # Neither unit nor origin matters, and entries without a target lie in the middle.
    assert torch.equal(quantile_strata(1e6 * y - 3, count), strata)
    assert quantile_strata(torch.cat([y, torch.full((1, 1), torch.nan)]), 3)[-1] == 1


def test_moments_are_those_of_known_targets():
    y = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    y[::4, 1], y[:, 2] = torch.nan, 7.0
    mean, deviation = target_moments(y)
    np.testing.assert_allclose(mean, np.nanmean(y.numpy(), axis=0), rtol=1e-5)
    np.testing.assert_allclose(deviation, [*np.nanstd(y.numpy(), axis=0)[:2], 1.0], rtol=1e-5)
    assert [m.tolist() for m in target_moments(torch.full((2, 1), torch.nan))] == [[0.0], [1.0]]
