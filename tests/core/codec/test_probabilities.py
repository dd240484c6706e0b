from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graphdistill.core.codec.probabilities import (
    LAST,
    PROBABILITY,
    dequantize,
    from_conditional,
    quantize,
    to_conditional,
)

ANY = arrays(np.float64, st.tuples(st.integers(0, 12), st.integers(1, 3)), elements=st.floats(0, 1) | st.just(np.nan))


def rounded(p, bits):
    return dequantize(*quantize(p, bits))


def divergence(p, q):
    return np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))


def test_probabilities_of_positions_are_correctly_rounded_quotients():
    exact = [Fraction(i * i * (3 * LAST - 2 * i), LAST**3) for i in range(LAST + 1)]
    assert PROBABILITY.tolist() == [float(p) for p in exact]
    assert np.allclose(PROBABILITY + PROBABILITY[::-1], 1, rtol=0, atol=1e-15)
    # Close to the arcsine scale: all steps are alike within a third.
    step = np.diff(2 * np.arcsin(np.sqrt(PROBABILITY)))
    assert step.max() / step.min() < 4 / 3


@given(p=ANY, bits=st.integers(1, 8))
def test_what_was_rounded_comes_back_in_the_same_integers(p, bits):
    grid, levels = quantize(p, bits)
    assert levels.max(initial=0) < 2**bits
    out = dequantize(grid, levels)
    again = quantize(out.astype(np.float32).astype(np.float64), bits)
    assert np.array_equal(again[0], grid)
    assert np.array_equal(again[1], levels)
    assert np.array_equal(np.isnan(out), np.isnan(p))


@given(p=ANY, bits=st.integers(1, 8))
def test_rounding_moves_by_half_a_step_at_most(p, bits):
    grid, _ = quantize(p, bits)
    arcsine = [2 * np.arcsin(np.sqrt(values)) for values in (p, rounded(p, bits))]
    assert (np.nan_to_num(np.abs(arcsine[0] - arcsine[1])) <= (0.55 * grid[:, 1].clip(1, 2**9) + 2.5) * 0.0035).all()


@pytest.mark.parametrize("bits", range(1, 9))
def test_certain_labels_are_exact(bits):
    p = np.array([[0.0], [1.0], [np.nan], [1.0]])
    assert np.array_equal(rounded(p, bits), p, equal_nan=True)


@pytest.mark.parametrize(("bits", "share"), [(2, 8), (3, 12), (4, 40)])
def test_a_rare_class_needs_few_levels(bits, share):
    logit = np.random.default_rng(0).normal(-4, 1.3, (1000, 1))
    p = 1 / (1 + np.exp(-logit))
    uniform = ((p * (2**bits - 1)).round() / (2**bits - 1)).clip(1e-6, 1 - 1e-6)
    assert divergence(p, rounded(p, bits)) < divergence(p, uniform) / share


@given(p=arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 5)), elements=st.floats(0, 1, width=16)))
def test_classes_are_their_conditional_probabilities(p):
    p = p + 1e-3
    p /= p.sum(axis=1, keepdims=True)
    assert np.allclose(from_conditional(to_conditional(p)), p, atol=1e-12)
    decoded = from_conditional(rounded(to_conditional(p), 3))
    assert np.allclose(decoded.sum(axis=1), 1, atol=1e-12)
    single = decoded.astype(np.float32).astype(np.float64)
    again = from_conditional(rounded(to_conditional(single), 3)).astype(np.float32)
    assert np.array_equal(again, decoded.astype(np.float32))


def test_no_label_and_no_class():
    assert rounded(np.zeros((0, 2)), 4).shape == (0, 2)
    assert from_conditional(to_conditional(np.ones((3, 1)))).tolist() == [[1.0]] * 3
