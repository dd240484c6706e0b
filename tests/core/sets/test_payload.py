from __future__ import annotations

import pytest
import torch

from graphdistill.core.sets.checked_file import Entry
from graphdistill.core.sets.payload import (
    FLOATS,
    INTEGERS,
    check_finite,
    check_names,
    check_range,
    check_tensor,
    read_counts,
    read_stream,
)
from graphdistill.core.trees import varint


def stream(*values: int) -> dict[str, torch.Tensor]:
    return {"s": varint.encode(torch.tensor(values, dtype=torch.long))}


def test_names() -> None:
    check_names(["a", "b"], ["a"], ["b", "c"])
    with pytest.raises(ValueError, match=r"^holds no 'b'$"):
        check_names(["a"], ["a", "b"])
    with pytest.raises(ValueError, match=r"^holds 'c', which is not expected$"):
        check_names(["a", "c"], ["a"])


@pytest.mark.parametrize("of", [torch.zeros(2, 3), Entry(torch.float32, (2, 3))])
def test_tensors_and_what_headers_say_of_them_are_checked_alike(of: object) -> None:
    assert check_tensor({"x": of}, "x", FLOATS, 2, None) is of  # type: ignore[type-var]
    assert check_tensor({"x": of}, "x", FLOATS, at_least=2) is of  # type: ignore[type-var]
    for dtypes, sizes, least in ((INTEGERS, (2, 3), None), (FLOATS, (2, 4), None), (FLOATS, (), None), (FLOATS, (), 3)):
        with pytest.raises(ValueError, match=r"^holds x of float32 \[2, 3\], expected"):
            check_tensor({"x": of}, "x", dtypes, *sizes, at_least=least)  # type: ignore[type-var]


@pytest.mark.parametrize(("values", "bad"), [([0, 3], 3), ([-1, 2], -1)])
def test_ranges(values: list[int], bad: int) -> None:
    with pytest.raises(ValueError, match=rf"^holds {bad} in own1, expected from 0 to 2$"):
        check_range("own1", torch.tensor(values), 0, 2)
    with pytest.raises(ValueError, match="expected none at all"):
        check_range("own1", torch.tensor(values), 0, -1)
    assert check_range("own1", torch.tensor([]), 0, -1).tolist() == []


def test_floats_are_finite() -> None:
    with pytest.raises(ValueError, match=r"^holds nan in x at \[1, 0\], expected finite numbers$"):
        check_finite("x", torch.tensor([[0.0], [torch.nan]]))
    assert check_finite("x", torch.tensor([1])).tolist() == [1]


def test_streams() -> None:
    assert read_stream(stream(1, 300), "s", length=2).tolist() == [1, 300]
    with pytest.raises(ValueError, match="holds 2 numbers in s, expected 3"):
        read_stream(stream(1, 300), "s", length=3)
    with pytest.raises(ValueError, match=f"holds {10**10} in s, expected from 0 to 2147483647"):
        read_stream(stream(10**10), "s")
    with pytest.raises(ValueError, match=r"holds s that cannot be read: the byte stream is torch\.int64"):
        read_stream({"s": torch.tensor([1])}, "s")


def test_counts() -> None:
    assert read_counts(stream(2, 0, 1), "s", total=3).tolist() == [0, 2, 2, 3]
    with pytest.raises(ValueError, match="holds counts in s that sum to 2, expected 3"):
        read_counts(stream(2), "s", total=3)
    with pytest.raises(ValueError, match=f"holds {10**10} in s, expected from 0 to 3"):
        read_counts(stream(10**10), "s", total=3)
