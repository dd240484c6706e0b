from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from graphdistill import datasets
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.splitmix64 import word
from graphdistill.core.trees.wl import edge_factor, group, hash_rows, tree_ids
from tests.reference import canonical_tree
from tests.strategies import FLOATS, INTEGERS, graph_lists, shuffled

NO_EDGES = torch.empty(2, 0, dtype=torch.long)
ROOT = Path(os.environ.get("GRAPHDISTILL_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))


def rows(ids: Tensor) -> list[tuple[int, ...]]:
    return [tuple(row) for row in ids.tolist()]


def same_partition(ids: list[tuple[int, ...]], names: list[str]) -> bool:
    """Whether both distinguish exactly the same pairs."""
    return len(set(ids)) == len(set(names)) == len(set(zip(ids, names, strict=True)))


def dots(*values: float) -> Graphs:
    return Graphs.from_data_list([Data(x=torch.tensor([[v]]), edge_index=NO_EDGES) for v in values])


@settings(deadline=None, max_examples=150)
@given(graph_lists(), st.integers(0, 4), st.booleans())
def test_ids_tell_apart_what_canonical_strings_tell_apart(graphs: list[Data], depth: int, degrees: bool) -> None:
    names = [canonical_tree(g, v, depth, degrees) for g in graphs for v in range(len(g.x))]
    ids = rows(tree_ids(Graphs.from_data_list(graphs), depth, degrees=degrees))
    assert same_partition(ids, names)


@settings(deadline=None, max_examples=40)
@given(graph_lists(), st.integers(0, 4), st.booleans(), st.integers(0, 99))
def test_ids_follow_nodes_and_edges_that_are_renumbered(
    graphs: list[Data], depth: int, degrees: bool, seed: int
) -> None:
    for graph in graphs:
        other, place = shuffled(graph, seed)
        ids, moved = (tree_ids(Graphs.from_data_list([g]), depth, degrees=degrees) for g in (graph, other))
        assert torch.equal(ids, moved[place])


@settings(deadline=None, max_examples=40)
@given(graph_lists(), st.integers(0, 4))
def test_ids_do_not_depend_on_the_shard(graphs: list[Data], depth: int) -> None:
    together = tree_ids(Graphs.from_data_list(graphs), depth, degrees=True)
    apart = [tree_ids(Graphs.from_data_list([g]), depth, degrees=True) for g in graphs]
    assert torch.equal(together, torch.cat(apart))


PROGRAM = """
import torch
from torch_geometric.data import Data
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.wl import tree_ids
x = torch.tensor([[-1, 5], [0, 2**40], [0, 2**40], [7, 7]])
index = torch.tensor([[0, 1, 2, 2, 3, 0], [1, 0, 1, 2, 3, 3]])
attr = torch.tensor([[0.5], [-0.0], [0.0], [1e30], [2.0], [0.5]])
graphs = Graphs.from_data_list([Data(x=x, edge_index=index, edge_attr=attr)])
ids = tree_ids(graphs, 3, degrees=True).tolist()
"""


@pytest.mark.bits
def test_ids_are_the_same_in_another_process() -> None:
    here: dict[str, list[list[int]]] = {}
    exec(PROGRAM, here)
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM + "print(ids)"]
    folder = Path(__file__).parents[3]
    there = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == str(here["ids"])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.bool])
def test_integers_hash_by_value_whatever_their_type(dtype: torch.dtype) -> None:
    values = torch.tensor([[0, 1], [1, 1], [1, 0]])
    assert torch.equal(hash_rows(values.to(dtype), 1), hash_rows(values, 1))


def test_floats_hash_by_value_whatever_their_type() -> None:
    values = torch.tensor([[0.0, 1.5], [-2.0, -0.0]])
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        assert torch.equal(hash_rows(values.to(dtype), 1), hash_rows(values, 1))
    assert torch.equal(hash_rows(values, 1), hash_rows(values.T.contiguous().T, 1))


@pytest.mark.parametrize("value", [0, 1])
def test_one_and_one_point_zero_differ(value: int) -> None:
    assert not torch.equal(tree_ids(dots(value), 0), tree_ids(dots(float(value)), 0))


def test_the_two_zeros_are_one_number() -> None:
    ids = tree_ids(dots(0.0, -0.0), 1)
    assert torch.equal(ids[0], ids[1])


@given(st.lists(st.sampled_from(INTEGERS) | st.integers(-(2**63), 2**63 - 1), min_size=2, unique=True))
@example([0, -1])
@example([5, -6])
@example([2**32, -(2**32) - 1])
def test_different_integers_differ_on_each_lane(values: list[int]) -> None:
    lanes = hash_rows(torch.tensor(values)[:, None], 1)
    assert [len(lane.unique()) for lane in lanes.T] == [len(values)] * 2


@given(st.lists(st.sampled_from(FLOATS) | st.floats(allow_nan=False, allow_infinity=False), min_size=2))
def test_different_floats_differ_on_each_lane(values: list[float]) -> None:
    lanes = hash_rows(torch.tensor(values, dtype=torch.double)[:, None], 1)
    assert [len(lane.unique()) for lane in lanes.T] == [len(set(values))] * 2


def test_columns_have_an_order_and_salts_keep_kinds_apart() -> None:
    values = torch.tensor([[1, 2], [2, 1]])
    ids = torch.cat([hash_rows(values, salt) for salt in range(4)])
    assert len(set(rows(ids))) == 8
    assert len(set(ids.flatten().tolist())) == 16


def test_the_two_lanes_are_not_one() -> None:
    ids = tree_ids(dots(*range(50)), 2)
    assert len(set(ids.flatten().tolist())) == 100


@pytest.mark.parametrize("lane", [0, 1])
def test_a_collision_on_one_lane_is_none_on_the_other(lane: int) -> None:
    """Two rows made to collide: each holds, in one column, the factor of the other's column."""
    words = torch.tensor([word(1 + lane + 2 * (7 + 2000 * (column + 1))) for column in range(2)])
    folded = words ^ ((words >> 32) & 0xFFFFFFFF)  # what folds to the word
    ids = hash_rows(torch.stack([torch.stack([folded[1], folded[0] * 0]), torch.stack([folded[0] * 0, folded[0]])]), 7)
    assert (ids[0] == ids[1]).tolist() == [lane == 0, lane == 1]


def test_grids_of_values_do_not_collide() -> None:
    side = torch.arange(-20, 20)
    grid = torch.cartesian_prod(side, side, side[::4])
    for values in (grid, grid.double(), grid.double() / 1024, grid * 2**33):
        lanes = hash_rows(values, 1)
        assert [len(lane.unique()) for lane in lanes.T] == [len(grid)] * 2


def test_a_child_and_its_edge_belong_together() -> None:
    """Swapping the edges of two children makes another tree, though the bags of children and edges stay."""
    index = torch.tensor([[0, 1], [2, 2]])
    pair = [
        Data(x=torch.tensor([[1], [2], [3]]), edge_index=index, edge_attr=torch.tensor(e)) for e in ([4, 6], [6, 4])
    ]
    ids = tree_ids(Graphs.from_data_list(pair), 1)
    assert not torch.equal(ids[2], ids[5])


def test_degrees_belong_to_the_label_only_on_request() -> None:
    graph = Graphs.from_data_list([Data(x=torch.tensor([[1], [1]]), edge_index=torch.tensor([[0], [1]]))])
    assert [len(tree_ids(graph, 0, degrees=d).unique(dim=0)) for d in (False, True)] == [1, 2]


def test_a_negative_depth_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^depth must be 0 or more, got -1$"):
        tree_ids(dots(1), -1)


def test_edge_factors_are_odd_so_they_lose_nothing() -> None:
    factor = edge_factor(hash_rows(torch.arange(100)[:, None], 2))
    assert bool((factor % 2 == 1).all())
    assert len(factor.unique()) == 100


def check_group(ids: Tensor) -> None:
    distinct, inverse, first = group(ids)
    want, first_row, back = np.unique(ids.numpy(), axis=0, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(distinct.numpy(), want)
    np.testing.assert_array_equal(inverse.numpy(), back.reshape(-1))
    np.testing.assert_array_equal(first.numpy(), first_row)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=30))
@example([(0, 1), (0, -1), (0, 1)])
@example([])
def test_group_when_the_first_lane_collides(ids: list[tuple[int, int]]) -> None:
    check_group(torch.tensor(ids, dtype=torch.long).view(-1, 2))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30))
def test_group_when_the_first_lane_tells_all(lane: list[int]) -> None:
    values = torch.tensor(lane, dtype=torch.long)
    check_group(torch.stack([values, values ^ 5], dim=1))


def test_trees_of_all_training_molecules_of_ogbg_molhiv() -> None:
    """Known counts at 3 hops, which canonical strings gave; feature versions may move them by a few."""
    if not (ROOT / "ogb" / "ogbg_molhiv").is_dir():
        pytest.skip(f"ogbg-molhiv is not in {ROOT}; set GRAPHDISTILL_DATA to the folder that has ogb/ogbg_molhiv")
    data = datasets.load("ogbg-molhiv", ROOT)
    assert isinstance(data, GraphDataset)
    graphs, y = data.split("train")
    ids = tree_ids(graphs, 3)
    of_node = y[graphs.graph_of_node]
    counts = [len(group(ids[of_node == label])[0]) for label in (0, 1)]
    assert abs(counts[0] - 193_443) <= 5
    assert abs(counts[1] - 12_941) <= 5
