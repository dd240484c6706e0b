from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.evaluation.group_gaps import odds_gap, parity_gap, reweighing

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=30)


def share(entries, label):
    return sum(predicted == label for predicted, _, _ in entries) / len(entries)


def naive(rows):
    """Largest difference over classes and pairs of groups, by definition."""
    parts = [[row for row in rows if row[2] == group] for group in range(4)]
    parts = [part for part in parts if part]
    return max(abs(share(a, c) - share(b, c)) for a, b, c in product(parts, parts, range(3)))


@given(ROWS)
def test_gaps_are_those_of_the_definitions(rows):
    predicted, y, group = torch.tensor(rows).T
    assert parity_gap(predicted, group) == pytest.approx(naive(rows), abs=1e-12)
    of_class = [[row for row in rows if row[1] == label] for label in range(3)]
    assert odds_gap(predicted, y, group) == pytest.approx(max(naive(part) for part in of_class if part), abs=1e-12)


@given(ROWS)
def test_gaps_do_not_depend_on_numbers_of_groups_and_are_0_within_one(rows):
    predicted, y, group = torch.tensor(rows).T
    assert parity_gap(predicted, 10 - 3 * group) == parity_gap(predicted, group)
    assert odds_gap(predicted, y, torch.zeros_like(group)) == 0


def test_two_classes_have_the_gaps_of_the_rates():
    y = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0])
    group = torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])
    predicted = torch.tensor([1, 1, 1, 0, 1, 0, 0, 0])  # true positives 1 and 0.5, false ones 0.5 and 0
    assert odds_gap(predicted, y, group) == 0.5
    assert parity_gap(predicted, group) == 0.5


@given(ROWS)
def test_with_the_weights_every_group_has_the_shares_of_classes_that_all_have(rows):
    _, y, group = torch.tensor(rows).T
    weight = reweighing(y, group).double()
    for label, of in product(range(3), range(4)):
        here = (y == label) & (group == of)
        expected = float((y == label).double().mean() * (group == of).double().mean())
        # A class that a group lacks cannot be weighted.
        assert float(weight[here].sum()) / len(y) == pytest.approx(expected if here.any() else 0, rel=1e-6)


def test_weights_need_a_group_of_each_entry():
    with pytest.raises(ValueError, match=r"group is torch\.int64 \[2\]; y and group hold a number of each entry"):
        reweighing(torch.tensor([0]), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("predicted", "group", "message"),
    [
        ([0, 1], [0], r"group is torch\.int64 \[1\]; predicted and group hold a number of each entry"),
        ([0.5, 1.0], [0, 1], r"predicted is torch\.float32 \[2\]"),
        ([], [], r"predicted is torch\.float32 \[0\]"),
        ([0, 1], [0, -1], r"group holds -1; numbers are from 0"),
    ],
)
def test_numbers_that_cannot_be_used(predicted, group, message):
    with pytest.raises(ValueError, match=message):
        parity_gap(torch.tensor(predicted), torch.tensor(group))
