"""Features in 16 bits whatever their unit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.core.sets.half_precision import half_exponent, on_grid, round_half, scaled
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights

values = st.floats(-(2.0**59), 2.0**59, width=32, allow_subnormal=False).map(lambda v: 0.0 if abs(v) < 1e-28 else v)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(values, min_size=2, max_size=2), min_size=1, max_size=5))
def test_rounding_twice_or_rows_alone_changes_nothing(rows: list[list[float]]) -> None:
    x = torch.tensor(rows)
    out = round_half(x)
    assert bool(torch.isfinite(out).all())
    assert torch.equal(round_half(out), out)
    most = x.abs().amax(dim=0)
    assert bool(((out - x).abs() <= most * 2**-11).all())
    assert bool(((out.abs().amax(dim=0) > 0) == (most > 0)).all())


def test_columns_that_fit_are_rounded_as_ever() -> None:
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 1e-3, 1e4, 0.0])
    assert half_exponent(x).tolist() == [0, 0, 0, 0]
    assert torch.equal(round_half(x), x.half().float())


def test_scaling_by_powers_of_two_is_exact() -> None:
    x = torch.rand(9, 2, generator=torch.Generator().manual_seed(0))
    exponent = torch.tensor([-41, 3])
    assert torch.equal(scaled(scaled(x, exponent), -exponent), x)


@pytest.mark.parametrize("unit", [1.0, 1e5, 1e-8, 1e17, 1e-25])
def test_a_set_in_any_unit_is_stored_in_halves_and_comes_back(tmp_path, unit: float) -> None:
    x = round_half(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([unit, 1.0, 1.0]))
    y = torch.arange(6) % 2
    synthetic = SyntheticSet(x, y, class_weights(y))
    assert synthetic.arrays()["features"].dtype == torch.half
    assert ("feature_exponent" in synthetic.payload()) == (unit != 1.0)
    save_set(synthetic, tmp_path)
    assert torch.equal(load_set(tmp_path).data, x)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(-(2**11) + 1, 2**11 - 1), min_size=1, max_size=6), st.integers(-90, 80))
def test_multiples_of_a_power_of_two_are_stored_as_integers(levels: list[int], exponent: int) -> None:
    x = torch.ldexp(torch.tensor([levels]).float(), torch.tensor(exponent))
    found = on_grid(x)
    assert found is not None
    integers, step = found
    assert torch.equal(torch.ldexp(integers.float(), step), x)
    assert integers.dtype == (torch.int8 if int(integers.abs().max()) < 128 else torch.int16)
    odd = integers % 2 == 1
    assert bool(odd.any()) or not bool(integers.any())


def test_numbers_without_a_common_step_are_not_integers() -> None:
    assert on_grid(torch.tensor([[1.0, 2.0**-15]])) is None
    assert on_grid(torch.tensor([[0.1]])) is None
    assert on_grid(torch.tensor([[-0.0, 1.0]])) is None
    assert on_grid(torch.tensor([[2.0**-120]])) is None
    assert on_grid(torch.empty(0, 3)) is not None
