from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from graphdistill.core.codec.targets import dequantize_targets, quantize_targets

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**100), max_value=2.0**100)


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=FLOATS), st.data())
def test_targets_are_within_half_a_level_and_rounded_ones_come_back_in_the_same_integers(y, data):
    bits = data.draw(st.integers(1, 8))
    y = np.where(data.draw(arrays.arrays(bool, y.shape)), np.nan, y)
    grid, levels = quantize_targets(y, bits)
    rounded = dequantize_targets(grid, levels)
    assert levels.max() < 2**bits
    assert np.array_equal(np.isnan(rounded), np.isnan(y))
    assert np.array_equal(rounded.astype(np.float32).astype(float), rounded, equal_nan=True)
    for column, near in zip(y.T, rounded.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known):
            error = np.abs(near[~np.isnan(column)] - known).max()
            assert error <= 0.52 * np.ptp(known) / 2**bits + 2.0**-20 * np.abs(known).max() + 2.0**-199
    again = quantize_targets(rounded, bits)
    assert np.array_equal(again[0], grid)
    assert np.array_equal(again[1], levels)


def test_few_distinct_values_are_exact():
    y = np.array([[0.1], [0.35], [0.1], [np.nan]]).astype(np.float32).astype(float)
    assert np.array_equal(dequantize_targets(*quantize_targets(y, 1)), y, equal_nan=True)
    whole = np.array([[-3.0], [1.0], [5.0]])
    assert np.array_equal(dequantize_targets(*quantize_targets(whole, 2)), whole)


@pytest.mark.parametrize("grid", [(500, 1, 1), (-500, 1, 1), (0, 2**40, 1), (0, 0, -1), (127, 8, 1), (0, 1, 2**40)])
def test_a_changed_grid_is_refused(grid):
    with pytest.raises(ValueError, match="was changed: its targets cannot be read"):
        dequantize_targets(np.array([grid]), np.array([[1]]))
