from __future__ import annotations

import pickle
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.data.datasets import ImageDataset, NodeDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.digest import digest

X = torch.arange(6.0).view(2, 3)
PARTS = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=2) | st.binary(max_size=2) | st.floats(width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@dataclass
class Pair:
    x: torch.Tensor
    more: object = None


@given(PARTS, PARTS)
def test_equal_digests_mean_equal_values(a: object, b: object) -> None:
    assert (digest(a) == digest(b)) == (repr(ordered(a)) == repr(ordered(b)))


def ordered(value: object) -> object:
    if isinstance(value, dict):
        return {name: ordered(value[name]) for name in sorted(value)}
    return [ordered(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "other",
    [X.view(3, 2), X.double(), X.int(), X + 1e-6, X[:1], -X, X.view(torch.int32), [X], (X, X), {"x": X}],
    ids=lambda value: str(type(value).__name__),
)
def test_dtype_shape_and_bits_count(other: object) -> None:
    assert digest(X) != digest(other)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0)])
def test_small_shapes(shape: tuple[int, ...]) -> None:
    assert digest(torch.zeros(shape)) == digest(torch.zeros(shape))


def test_layout_in_memory_does_not_count() -> None:
    assert digest(X.T) == digest(X.T.contiguous())
    assert digest(X.clone().requires_grad_()) == digest(X)
    assert digest(torch.tensor([True, False])) == digest(torch.tensor([1, 0]) > 0)


def test_dataclasses_count_by_their_fields() -> None:
    assert digest(Pair(X)) == digest(Pair(X.clone()))
    assert digest(Pair(X)) != digest(Pair(X, "more"))


def test_what_has_no_content_is_refused() -> None:
    with pytest.raises(TypeError, match="a function has no digest; give tensors"):
        digest([digest])


def nodes() -> NodeDataset:
    index = torch.arange(2)
    return NodeDataset("own", X, torch.tensor([[0, 1], [1, 0]]), torch.tensor([0, 1]), index, index, index)


@pytest.mark.parametrize("part", ["x", "edge_index", "y", "train", "valid", "test"])
def test_every_part_of_a_data_set_is_in_its_digest(part: str) -> None:
    data = nodes()
    assert replace(data, **{part: getattr(data, part).flip(-1)}).digest != data.digest


def test_names_and_notes_are_not() -> None:
    data = nodes()
    assert replace(data, name="another", notes="x").digest == data.digest
    assert pickle.loads(pickle.dumps(data)).digest == data.digest
    assert replace(data, x=data.x + 1).digest != data.digest  # the digest that was kept does not travel along


def test_kinds_of_data_differ() -> None:
    index = torch.arange(2)
    images = ImageDataset("own", X.view(2, 1, 1, 3), index, index, index, index)
    assert images.digest != nodes().digest
    graphs = Graphs(X, torch.tensor([[0], [1]]), None, torch.tensor([0, 2]), torch.tensor([0, 1]))
    assert digest(graphs) != digest(replace(graphs, edge_ptr=torch.tensor([0, 0])))
