from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.scatter import tree_hash_step
from graphdistill.core.scatter._reference import LABEL
from tests.core.scatter.samples import LENGTHS, draw, words
from tests.reference import tree_hash_step_naive


def trees(lengths: list[int], seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Words of labels and children, and an odd factor for each child."""
    _, ptr, index, _ = draw(lengths, rows=9, seed=seed)
    return words(len(lengths), 2, seed=seed), words(9, 2, seed=seed + 1), ptr, index, words(len(index), 1) | 1


def unsigned(ids: Tensor) -> list[list[int]]:
    return [[lane % 2**64 for lane in row] for row in ids.tolist()]


@pytest.mark.parametrize("odd", [False, True], ids=["plain", "factors"])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_ids_are_those_of_python_integers(lengths: list[int], odd: bool, device: torch.device) -> None:
    *sample, factor = trees(lengths)
    ids = tree_hash_step(*(v.to(device) for v in sample), factor.to(device) if odd else None)
    assert unsigned(ids) == tree_hash_step_naive(*sample, factor if odd else None, LABEL)
    assert ids.dtype == torch.long


@given(st.lists(st.integers(0, 5), max_size=6), st.integers(0, 1000))
def test_ids_are_those_of_python_integers_for_any_trees(lengths: list[int], seed: int) -> None:
    sample = trees(lengths, seed)
    assert unsigned(tree_hash_step(*sample)) == tree_hash_step_naive(*sample, LABEL)


@given(st.permutations(range(6)))
def test_the_order_of_children_does_not_matter(order: list[int]) -> None:
    label, child, ptr, index, factor = trees([6])
    assert torch.equal(
        tree_hash_step(label, child, ptr, index, factor), tree_hash_step(label, child, ptr, index[order], factor[order])
    )


def test_strides_do_not_matter_and_inputs_stay_as_they_were(device: torch.device) -> None:
    sample = [v.to(device) for v in trees([3, 0, 2, 300])]
    strided = [torch.stack([v, v + 1], -1)[..., 0] for v in sample]
    before = [v.clone() for v in strided]
    assert torch.equal(tree_hash_step(*sample), tree_hash_step(*strided))
    assert all(torch.equal(v, was) for v, was in zip(strided, before, strict=True))


@pytest.mark.bits
def test_the_same_bits_on_any_number_of_threads(device: torch.device) -> None:
    sample, threads = [v.to(device) for v in trees([9] * 3000 + [5000])], torch.get_num_threads()
    try:
        first, second = (tree_hash_step(*sample) for n in (1, 2) if torch.set_num_threads(n) is None)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(first, second)


label, child, ptr, index = torch.zeros(2, 2).long(), torch.zeros(3, 2).long(), torch.tensor([0, 1, 2]), torch.arange(2)
bad_calls: dict[str, Callable[[], object]] = {
    r"label must be long \[2, 2\], got torch.int32 \[2, 2\]": lambda: tree_hash_step(label.int(), child, ptr, index),
    r"label must be long \[2, 2\], got torch.int64 \[1, 2\]": lambda: tree_hash_step(label[:1], child, ptr, index),
    r"child must have two lanes, shape \[N, 2\], got \[3, 1\]": lambda: tree_hash_step(label, child[:, :1], ptr, index),
    r"child is torch.float32 but label torch.int64": lambda: tree_hash_step(label, child.float(), ptr, index),
    r"factor must have shape \[2, 1\], got \[2\]": lambda: tree_hash_step(label, child, ptr, index, torch.ones(2)),
    r"factor is torch.float32 but label torch.int64": lambda: tree_hash_step(
        label, child, ptr, index, torch.ones(2, 1)
    ),
    r"ptr must start at 0, got 1": lambda: tree_hash_step(label, child, ptr + 1, index),
    r"ptr must not decrease, got 3 before 2": lambda: tree_hash_step(label, child, torch.tensor([0, 3, 2]), index),
    r"ptr must end at 2, the length of index, got 1": lambda: tree_hash_step(label, child, ptr // 2, index),
    r"index must be from 0 to 2, got 4": lambda: tree_hash_step(label, child, ptr, index * 4),
}


@pytest.mark.parametrize("message", bad_calls)
def test_errors_name_the_argument_and_the_value(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad_calls[message]()
