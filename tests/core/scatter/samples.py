"""What the tests of segment operations share: segments of every shape over random rows."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from graphdistill.core.data.tensors import segment_ptr

WIDTHS = (1, 5, 64, 130)
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
HALVES = (torch.bfloat16, torch.float16)
LENGTHS = [
    pytest.param([3, 0, 1, 20, 0, 2], id="mixed"),
    pytest.param([300], id="one of everything"),
    pytest.param([0, 0, 0], id="only empty ones"),
    pytest.param([], id="none"),
]


class Sample(NamedTuple):
    """Rows ``[N, F]``, segments over them and a weight for each entry."""

    x: Tensor
    ptr: Tensor
    index: Tensor
    weight: Tensor

    @property
    def gathered(self) -> Tensor:
        """The row of each entry ``[E, F]``."""
        return self.x[self.index]


def draw(
    lengths: list[int],
    width: int = 3,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    *,
    rows: int = 7,
    seed: int = 0,
) -> Sample:
    """Random rows, gathered by random entries in segments of the given lengths."""
    generator = torch.Generator().manual_seed(seed)
    ptr = segment_ptr(torch.tensor(lengths, dtype=torch.long))
    entries = int(ptr[-1])
    x = torch.randn(rows, width, generator=generator, dtype=torch.double)
    weight = torch.randn(entries, generator=generator, dtype=torch.double)
    index = torch.randint(max(rows, 1), (entries,), generator=generator)
    return Sample(x.to(device, dtype), ptr.to(device), index.to(device), weight.to(device, dtype))


def words(*shape: int, seed: int = 0) -> Tensor:
    """Random long words over all 64 bits."""
    low, high = torch.iinfo(torch.long).min, torch.iinfo(torch.long).max
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))


def close(got: Tensor, want: Tensor, slack: float = 1) -> None:
    """Fail unless values agree as far as sums of their dtype can, compared on the CPU."""
    if not got.is_floating_point():
        assert torch.equal(got.cpu(), want.cpu())
        return
    wide = torch.promote_types(got.dtype, torch.float32)
    tolerance = slack * max({torch.float64: 1e-12, torch.float32: 2e-5}[wide], torch.finfo(got.dtype).eps)
    torch.testing.assert_close(got.cpu(), want.cpu(), rtol=tolerance, atol=tolerance)


def leaves(*values: Tensor | None) -> list[Tensor | None]:
    """Copies that ask for a gradient."""
    return [None if v is None else v.detach().clone().requires_grad_() for v in values]
