from __future__ import annotations

import copy
import pickle
from types import MappingProxyType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric import nn as pyg
from torch_geometric.loader import DataLoader

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import tensor_bytes, to_device
from graphdistill.core.networks.tree_gnn import GNN
from graphdistill.core.sets.array_payload import read_arrays
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights, quantize_uint8, soft_labels
from tests.core.sets.samples import as_bytes, coded_bytes, rings, small_set


def test_pygs_loader_batches_the_set() -> None:
    small = small_set()
    loader = DataLoader(small, batch_size=3)
    batches = list(loader)
    assert [batch.num_graphs for batch in batches] == [3, 1]
    assert torch.equal(torch.cat([batch.y for batch in batches]), small.y)
    assert torch.equal(torch.cat([batch.weight for batch in batches]), small.weight)
    model = pyg.GCN(2, 8, 2)
    for batch in batches:
        h = model(batch.x.float(), batch.edge_index, batch.edge_weight)
        pooled = pyg.global_add_pool(h * batch.count[:, None], batch.batch)
        assert pooled.shape == (batch.num_graphs, 8)
        assert torch.bincount(batch.batch, weights=batch.count.double()).tolist() == [3.0] * batch.num_graphs


def test_torchs_loader_batches_rows_of_features() -> None:
    small = SyntheticSet(torch.arange(6.0).view(3, 2), torch.tensor([0, 1, 1]), torch.tensor([1.0, 0.25, 0.75]))
    x, y, weight = next(iter(torch.utils.data.DataLoader(small, batch_size=3)))  # type: ignore[arg-type]
    assert x.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert torch.equal(y, small.y)
    assert torch.equal(weight, small.weight)


@pytest.mark.parametrize("index", [4, -5])
def test_an_entry_past_the_end(index: int) -> None:
    with pytest.raises(IndexError, match=rf"^index {index} is out of range for 4 entries$"):
        small_set()[index]


@pytest.mark.parametrize("labels", [0, 1, 3])
def test_lengths_must_agree(labels: int) -> None:
    message = rf"^data, y and weight have 2, {labels} and 2 entries; give each entry one label and one weight$"
    with pytest.raises(ValueError, match=message):
        SyntheticSet(torch.zeros(2, 3), torch.zeros(labels, dtype=torch.long), torch.ones(2))
    with pytest.raises(ValueError, match=r"have 2, 2 and 3 entries"):
        SyntheticSet(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long), torch.ones(3))


@pytest.mark.parametrize("bad", [-0.5, torch.nan, torch.inf])
def test_weights_must_be_usable(bad: float) -> None:
    message = r"^weight holds a negative or infinite value; give finite weights of 0 or more$"
    with pytest.raises(ValueError, match=message):
        SyntheticSet(torch.zeros(2, 3), torch.tensor([0, 1]), torch.tensor([1.0, bad]))


def test_a_set_of_rows_has_no_forest() -> None:
    rows = SyntheticSet(torch.zeros(2, 3), torch.tensor([0, 1]), torch.ones(2))
    with pytest.raises(ValueError, match=r"^this set holds feature tensors, not graphs$"):
        _ = rows.forest


def test_sets_move_with_all_that_they_hold() -> None:
    small = small_set()
    moved = to_device(small.forest, "meta")
    trees = moved.trees
    held = [moved.ptr, moved.tree, moved.count, trees.x, trees.degree]
    held += [
        t for level in trees.levels for t in (level.truncated, level.ptr, level.child, level.edge) if t is not None
    ]
    assert {t.device.type for t in held} == {"meta"}
    back = small.to("cpu").payload()
    assert all(torch.equal(value, back[name]) for name, value in small.payload().items())


def test_weights_are_equal_within_a_class_and_sum_to_one() -> None:
    y = torch.tensor([2, 0, 2, 2, 0])
    weight = class_weights(y)
    torch.testing.assert_close(weight, torch.tensor([1 / 3, 0.5, 1 / 3, 1 / 3, 0.5]))
    many = class_weights(torch.tensor([[0.0, 1.0], [torch.nan, 1.0]]), "multilabel")
    assert many.tolist() == [0.5, 0.5]
    soft = class_weights(torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]))
    assert soft.tolist() == [1.0, 0.5, 0.5]


def test_bytes_are_those_of_the_payload_and_equal_weights_cost_nothing() -> None:
    small = small_set()
    assert small.nbytes == tensor_bytes(*small.payload().values()) == len(small.payload()["trees"]) + 1
    other = SyntheticSet(small.data, small.y, torch.tensor([0.4, 0.5, 0.6, 0.5]))
    assert small.nbytes + 12 <= other.nbytes <= small.nbytes + 24
    rows = SyntheticSet(torch.zeros(4, 1), small.y, other.weight)
    assert torch.equal(read_arrays(rows.payload())["weight"], other.weight)
    assert rows.nbytes == coded_bytes(torch.zeros(4, 1, dtype=torch.uint8), small.y.to(torch.uint8), other.weight)
    # Equal weights are those of a class; one weight for all is another thing where classes differ in size.
    skewed = SyntheticSet(torch.zeros(3, 1), torch.tensor([0, 1, 1]), torch.full((3,), 1 / 3))
    assert "weight" in skewed.payload()


LABELS = {
    "hard": (torch.tensor([0, 1, 300, 1]), "multiclass", 8),
    "soft": (torch.tensor([[0.3, 0.7], [0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]), "multiclass", 32),
    "rounded": (
        soft_labels(torch.tensor([[0.3, 0.7], [0.2, 0.8], [1.0, 0.0], [0.5, 0.5]]), "multiclass"),
        "multiclass",
        4,
    ),
    "tasks": (torch.tensor([[0.0, 1.0], [torch.nan, 1.0], [1.0, 0.0], [1.0, torch.nan]]), "multilabel", 8),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LABELS)
def test_a_payload_is_read_back_as_it_was(name: str, weighted: bool) -> None:
    y, task, size = LABELS[name]
    weight = torch.tensor([0.1, 0.2, 0.3, 0.4]) if weighted else class_weights(y, task)  # type: ignore[arg-type]
    small = SyntheticSet(torch.rand(4, 3), y, weight, task)  # type: ignore[arg-type]
    payload = small.payload()
    assert tensor_bytes(small.arrays()["y"]) == size
    assert small.nbytes == tensor_bytes(*payload.values()) == coded_bytes(*small.arrays().values())
    back = SyntheticSet.from_payload(payload, task=small.task, features=small.features, meta={"a": 1})
    assert back.y.dtype == small.y.dtype
    assert torch.equal(back.y.nan_to_num(-1), small.y.nan_to_num(-1))
    assert torch.equal(back.weight, small.weight)
    assert isinstance(back.data, Tensor)
    assert torch.equal(back.data, small.data)  # type: ignore[arg-type]
    assert back.meta == {"a": 1}


def test_a_payload_of_graphs_is_read_back_as_it_was() -> None:
    small = small_set().as_stored()
    back = SyntheticSet.from_payload(small.payload(), task=small.task, features=small.features, meta={})
    assert all(torch.equal(value, back.payload()[name]) for name, value in small.payload().items())
    model = GNN("GIN", Graphs.from_data_list(rings(4)), "categorical", 2).eval()
    assert torch.equal(model(back.forest), model(small.forest))


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.sampled_from(["multiclass", "multilabel"]))
def test_rounded_labels_are_near_and_stay(values: list[float], task: str) -> None:
    y = torch.tensor([values])
    y = (y + 1e-3) / (y + 1e-3).sum() if task == "multiclass" else y
    rounded = soft_labels(y, task)  # type: ignore[arg-type]
    assert float((rounded - y).abs().max()) <= 0.5 / 254 * (1 if task == "multilabel" else 2) + 1e-6
    assert torch.equal(soft_labels(rounded, task), rounded)  # type: ignore[arg-type]


@pytest.mark.parametrize("used", [False, True])
def test_pickle_and_deepcopy(used: bool) -> None:
    small = small_set()
    small = SyntheticSet(small.data, small.y, small.weight, meta=MappingProxyType({"method": "rings"}))
    plain = len(pickle.dumps(small))
    if used:
        GNN("GIN", Graphs.from_data_list(rings(4)), "categorical", 2)(small.forest)
    data = pickle.dumps(small)
    assert len(data) < 1.5 * plain  # what training builds on the way is no part of the set
    for back in (pickle.loads(data), copy.deepcopy(small)):
        assert back.meta == {"method": "rings"}
        assert all(torch.equal(value, back.payload()[name]) for name, value in small.payload().items())


@given(st.integers(0, 99), st.integers(1, 9))
def test_pixels_of_eight_bits_are_stored_in_one_byte_each(seed: int, count: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    x = quantize_uint8(2 * torch.rand(count, 3, 2, generator=draw) - 0.5)
    y = torch.zeros(count, dtype=torch.long)
    small = SyntheticSet(x, y, class_weights(y))
    assert set(small.payload()) == {"pixels", "y"}
    assert small.nbytes == coded_bytes(as_bytes(x), y.to(torch.uint8)) < 7 * count + 25
    again = SyntheticSet.from_payload(small.payload(), task="multiclass", features="continuous", meta={})
    assert isinstance(again.data, torch.Tensor)
    assert again.data.dtype == torch.float32
    assert torch.equal(again.data, x)


@pytest.mark.parametrize(
    "x",
    [
        torch.tensor([[0.3, 0.5]]),
        torch.tensor([[-0.0, 1.0]]),
        torch.tensor([[2.0, 0.0]]),
        torch.tensor([[0, 255]], dtype=torch.uint8),
        torch.tensor([[0.0, 1.0]], dtype=torch.float64),
        torch.linspace(-1, 1, 3000, dtype=torch.float64)[None],
    ],
)
def test_features_that_eight_bits_do_not_say_are_stored_as_they_are(x: torch.Tensor) -> None:
    small = SyntheticSet(x, torch.tensor([0]), torch.ones(1))
    again = SyntheticSet.from_payload(small.payload(), task="multiclass", features="continuous", meta={})
    assert set(small.payload()) - {"feature_exponent"} == {"features", "y"}
    assert isinstance(again.data, torch.Tensor)
    assert again.data.dtype == x.dtype
    assert again.data.numpy().tobytes() == x.numpy().tobytes()


def test_features_that_no_codec_knows_are_refused() -> None:
    wrong = SyntheticSet(torch.zeros(2, 3, dtype=torch.bool), torch.tensor([0, 1]), torch.ones(2))
    with pytest.raises(ValueError, match=r"^features: values of torch.bool \[2, 3\] cannot be coded; give one of"):
        wrong.payload()
    brief = SyntheticSet(torch.rand(2, 3).bfloat16(), torch.tensor([0, 1]), torch.ones(2))
    assert brief.data.dtype == torch.float32  # type: ignore[union-attr]
