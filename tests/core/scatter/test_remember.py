import gc
import weakref

import torch
from torch import Tensor

from graphdistill.core.scatter._remember import remembered


def test_a_result_is_computed_once_for_each_argument() -> None:
    calls: list[int] = []

    def scaled(x: Tensor, factor: int) -> int:
        calls.append(factor)
        return int(x.sum()) * factor

    x = torch.tensor([1, 2])
    assert [remembered(x, scaled, factor) for factor in (1, 10, 1, 10)] == [3, 30, 3, 30]
    assert calls == [1, 10]
    assert remembered(x.clone(), scaled, 1) == 3  # another tensor
    assert calls == [1, 10, 1]


def test_a_change_in_place_or_through_a_view_is_seen() -> None:
    x = torch.tensor([1, 2])
    assert remembered(x, torch.sum) == 3
    x[0] = 5
    assert remembered(x, torch.sum) == 7
    x[1:].add_(1)
    assert remembered(x, torch.sum) == 8


def test_a_tensor_without_a_version_is_computed_anew() -> None:
    with torch.inference_mode():
        x = torch.tensor([1, 2])
        assert remembered(x, torch.sum) == 3
        x[0] = 5
        assert remembered(x, torch.sum) == 7


def test_nothing_is_kept_of_a_tensor_that_is_gone() -> None:
    x = torch.tensor([1, 2])
    total = remembered(x, torch.sum)
    kept = weakref.ref(total)
    del x, total
    gc.collect()
    assert kept() is None
