import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from graphdistill.kd.selectors.robust_active import equaliser, robust_active


def value_by_linear_programming(gains, wrong, harm):
    """Largest value that a distribution reaches against every set of wrong entries, one constraint for each set."""
    n = len(gains)
    rows = []
    for chosen in itertools.combinations(range(n), wrong):
        payoff = np.array(gains)
        payoff[list(chosen)] *= -1 if harm else 0
        rows.append([*-payoff, 1.0])  # value <= payoff . q
    found = linprog(
        [*np.zeros(n), -1.0],
        A_ub=rows,
        b_ub=np.zeros(len(rows)),
        A_eq=[[*np.ones(n), 0.0]],
        b_eq=[1.0],
        bounds=[*[(0, 1)] * n, (None, None)],
    )
    return -found.fun


def worst(q, gains, wrong, harm):
    """Value of a distribution when the wrong entries are those that cost most."""
    each = np.sort(np.asarray(q) * np.asarray(gains))[::-1]
    return each.sum() - (2 if harm else 1) * each[:wrong].sum()


@pytest.mark.parametrize("harm", [True, False])
@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_it_reaches_the_value_of_the_game(wrong, harm):
    draws = np.random.default_rng(wrong)
    for _ in range(5):
        gains = draws.random(8) ** 3
        q = equaliser(torch.tensor(gains), wrong, harm=harm)
        assert float(q.sum()) == pytest.approx(1)
        assert worst(q, gains, wrong, harm) == pytest.approx(value_by_linear_programming(gains, wrong, harm), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=12), st.data())
def test_no_mixture_with_another_entry_is_better(gains, data):
    wrong = data.draw(st.integers(0, (len(gains) - 1) // 2))
    q = equaliser(torch.tensor(gains), wrong).numpy()
    other = np.eye(len(gains))[data.draw(st.integers(0, len(gains) - 1))]
    best = worst(q, gains, wrong, True)
    assert worst(0.9 * q + 0.1 * other, gains, wrong, True) <= best + 1e-6


def test_a_right_teacher_is_asked_about_the_largest_gain_alone():
    assert equaliser(torch.tensor([0.1, 0.9, 0.3]), 0).tolist() == [0, 1, 0]


def test_questions_that_are_asked_gain_the_same():
    gains = torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    q = equaliser(gains, 12)
    each = (q * gains)[q > 0]
    torch.testing.assert_close(each, each[:1].expand_as(each))
    assert gains[q > 0].min() >= gains[q == 0].max()


@pytest.mark.parametrize(("gains", "wrong"), [([0.0, 0.0], 0), ([0.5, 0.4, 0.3, 0.2], 2)])
def test_without_any_gain_all_entries_are_equal(gains, wrong):
    assert equaliser(torch.tensor(gains), wrong).tolist() == [1 / len(gains)] * len(gains)


def test_entries_are_drawn_without_replacement_and_by_the_distribution():
    gains = torch.tensor([1.0, 0.5, 0.25, 0.25, 1e-6])
    q = equaliser(gains, 1)
    draws, count = torch.Generator().manual_seed(0), torch.zeros(5)
    for _ in range(3000):
        count[robust_active(gains, 1, 1, draws)] += 1
    torch.testing.assert_close(count / 3000, q.float(), atol=0.03, rtol=0)
    found = robust_active(gains, 1, 4, draws)
    assert len(found.unique()) == 4
    assert robust_active(gains, 1, 9, draws).sort().values.tolist() == [0, 1, 2, 3, 4]


def test_where_the_distribution_is_narrow_large_gains_follow():
    assert robust_active(torch.tensor([0.1, 0.9, 0.3]), 0, 2, torch.Generator()).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("gains", "wrong", "message"),
    [
        ([-0.1, 1.0], 0, "gains must be finite and 0 or more"),
        ([float("nan"), 1.0], 0, "gains must be finite and 0 or more"),
        ([0.5, 1.0], -1, "wrong must be 0 or more, got -1"),
    ],
)
def test_arguments_are_checked(gains, wrong, message):
    with pytest.raises(ValueError, match=message):
        equaliser(torch.tensor(gains), wrong)
