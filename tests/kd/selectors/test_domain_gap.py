import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.kd.selectors.domain_gap import domain_gap

LOSSES = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(0.01, 1)), min_size=1, max_size=6)


@settings(max_examples=30, deadline=None)
@given(LOSSES, st.floats(0, 1))
def test_it_is_the_formula(domains, alpha):
    student, teacher, share = zip(*domains, strict=True)
    ratio = [math.exp(s) / math.exp(t) for s, t in zip(student, teacher, strict=True)]
    first = [math.exp(r) for r in ratio]
    given_losses = torch.tensor([student, teacher], dtype=torch.double)
    assert domain_gap(*given_losses).tolist() == pytest.approx([v / sum(first) for v in first])
    psi = [r * v for r, v in zip(share, first, strict=True)]
    expected = [alpha * p / sum(psi) + (1 - alpha) / len(psi) for p in psi]
    found = domain_gap(*given_losses, torch.tensor(share, dtype=torch.double), alpha)
    assert found.tolist() == pytest.approx(expected)
    assert float(found.sum()) == pytest.approx(1)


def test_without_a_gap_domains_are_equal_and_alpha_bounds_their_share():
    zero = torch.zeros(4)
    assert domain_gap(zero, zero).tolist() == [0.25] * 4
    far = domain_gap(torch.tensor([6.0, 0.0]), torch.zeros(2), torch.tensor([0.5, 0.5]))
    assert far.tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize(
    ("student", "alpha", "message"),
    [
        ([float("nan"), 1.0], 0.5, "the losses of domains must be finite and 0 or more"),
        ([-1.0, 1.0], 0.5, "the losses of domains must be finite and 0 or more"),
        ([1.0, 1.0], 1.5, "alpha must be 0 to 1, got 1.5"),
    ],
)
def test_arguments_are_checked(student, alpha, message):
    with pytest.raises(ValueError, match=message):
        domain_gap(torch.tensor(student), torch.zeros(2), alpha=alpha)
