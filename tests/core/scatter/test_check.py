from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch

from graphdistill.core.scatter import _check

line, long = torch.ones(3), torch.tensor([0, 2, 1])

good: list[Callable[[], None]] = [
    lambda: _check.rows("x", line),
    lambda: _check.rows("x", line[:, None].half(), dims=(2,)),
    lambda: _check.alike("weight", line, "x", line[:1]),
    lambda: _check.alike("ptr", long, "x", line, dtype=False),
    lambda: _check.per_row("y", long, "x", line[:, None]),
    lambda: _check.size("size", 0),
    lambda: _check.integers("y", long),
    lambda: _check.integers("y", long, 3),
    lambda: _check.integers("y", long[:0], 0),
    lambda: _check.pointer(torch.tensor([0]), 0, "x"),
    lambda: _check.pointer(torch.tensor([0, 0, 2, 2]), 2, "x"),
    lambda: _check.segments(torch.tensor([0, 1, 3]), long, 3),
    lambda: _check.finite("x", line),
    lambda: _check.finite("x", line[:0]),
    lambda: _check.one_of("reduce", "sum", ("sum", "mean")),
]

bad: dict[str, Callable[[], None]] = {
    "x must be floating, got torch.int64; convert it with .float()": lambda: _check.rows("x", long),
    "x must have shape [n] or [n, F], got [3, 1, 1]": lambda: _check.rows("x", line[:, None, None]),
    "x must have shape [n, F], got [3]": lambda: _check.rows("x", line, dims=(2,)),
    "weight is on meta but x on cpu; move them to one device": lambda: _check.alike(
        "weight", line.to("meta"), "x", line
    ),
    "ptr is on cpu but x on meta; move them to one device": lambda: _check.alike(
        "ptr", long, "x", line.to("meta"), dtype=False
    ),
    "weight is torch.float16 but x torch.float32; convert one of them": lambda: _check.alike(
        "weight", line.half(), "x", line
    ),
    "y must have a row for each of x, whose shape is [3, 1], got [2]": lambda: _check.per_row(
        "y", long[:2], "x", line[:, None]
    ),
    "y must have a row for each of x, whose shape is [3], got []": lambda: _check.per_row("y", long[0], "x", line),
    "size must be 0 or more, got -1": lambda: _check.size("size", -1),
    "y must be long [n], got torch.int32 [3]": lambda: _check.integers("y", long.int()),
    "y must be long [n], got torch.int64 [1, 3]": lambda: _check.integers("y", long[None]),
    "y must be long [n], got torch.int64 []": lambda: _check.integers("y", long[0]),
    "y must be 0 or more, got -1": lambda: _check.integers("y", long - 1),
    "y must be from 0 to 1, got 2": lambda: _check.integers("y", long, 2),
    "y must be from 0 to 4, got -2": lambda: _check.integers("y", long - 2, 5),
    "ptr must be long [S + 1], got torch.float32 [3]": lambda: _check.pointer(line, 3, "x"),
    "ptr must be long [S + 1], got torch.int64 [1, 3]": lambda: _check.pointer(long[None], 3, "x"),
    "ptr must be long [S + 1], got torch.int64 [0]": lambda: _check.pointer(long[:0], 0, "x"),
    "ptr must be long [S + 1], got torch.int64 []": lambda: _check.pointer(long[0], 0, "x"),
    "ptr must start at 0, got 1": lambda: _check.pointer(long + 1, 2, "x"),
    "ptr must start at 0, got -1": lambda: _check.pointer(long - 1, 2, "x"),
    "ptr must not decrease, got 2 before 1; sort the entries with sort_by": lambda: _check.pointer(long, 1, "x"),
    "ptr must end at 4, the length of x, got 3": lambda: _check.pointer(torch.tensor([0, 3]), 4, "x"),
    "ptr must end at 3, the length of index, got 2": lambda: _check.segments(torch.tensor([0, 2]), long, 3),
    "index must be from 0 to 1, got 2": lambda: _check.segments(torch.tensor([0, 3]), long, 2),
    "ptr is on meta but index on cpu; move them to one device": lambda: _check.segments(long.to("meta"), long, 3),
    "x holds nan in row 2; mend or drop that row": lambda: _check.finite("x", torch.tensor([1, 2, torch.nan])),
    "x holds -inf in row 1; mend or drop that row": lambda: _check.finite("x", torch.tensor([[1], [-torch.inf]])),
    "metric must be one of a, b, got 'c'": lambda: _check.one_of("metric", "c", ("a", "b")),
}


@pytest.mark.parametrize("check", good)
def test_good_input_passes(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("message", bad)
def test_errors_name_the_argument_and_the_value(message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        bad[message]()
