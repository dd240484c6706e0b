import pytest
import torch
from scipy.special import softmax

from graphdistill.kd.selectors.margin import margin, smallest_margins


def test_the_margin_is_the_difference_of_the_two_largest_probabilities():
    logits = torch.randn(20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    expected = []
    for row in softmax(logits.numpy(), axis=1):
        *_, second, first = sorted(row)
        expected.append(first - second)
    torch.testing.assert_close(margin(logits), torch.tensor(expected))
    order = sorted(range(20), key=lambda i: expected[i])
    assert smallest_margins(logits, 7).tolist() == order[:7]
    assert smallest_margins(logits, 50).tolist() == order


def test_of_equal_margins_the_first_rows_are_taken():
    assert smallest_margins(torch.zeros(6, 2), 3).tolist() == [0, 1, 2]


def test_one_class_has_no_margin():
    with pytest.raises(ValueError, match="a margin needs logits of 2 classes or more, got 1"):
        margin(torch.zeros(2, 1))
