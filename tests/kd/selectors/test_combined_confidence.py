import pytest
import torch
from scipy.special import softmax

from graphdistill.kd.selectors.combined_confidence import combined_confidence, most_confident


def logits(count=3):
    return list(3 * torch.randn(count, 40, 4, generator=torch.Generator().manual_seed(0), dtype=torch.double))


def test_it_is_the_largest_probability_of_the_weighted_mean():
    parts, weights = logits(), [1.0, 0.0, 3.0]
    confidence, label = combined_confidence(parts, weights)
    mean = 0.25 * softmax(parts[0].numpy(), axis=1) + 0.75 * softmax(parts[2].numpy(), axis=1)
    torch.testing.assert_close(confidence, torch.from_numpy(mean.max(axis=1)))
    assert label.tolist() == mean.argmax(axis=1).tolist()
    alone, _ = combined_confidence(parts[:1])
    torch.testing.assert_close(alone, parts[0].softmax(dim=1).amax(dim=1))


@pytest.mark.parametrize("per_class", [1, 3, 100])
def test_the_most_confident_of_each_class_are_chosen(per_class):
    confidence, label = combined_confidence(logits())
    expected = []
    for c in range(4):
        mine = sorted((i for i in range(40) if label[i] == c), key=lambda i: -float(confidence[i]))
        expected += mine[:per_class]
    assert most_confident(confidence, label, per_class).tolist() == sorted(expected)


def test_of_equal_confidence_the_first_are_chosen():
    assert most_confident(torch.ones(4), torch.tensor([1, 1, 0, 1]), 2).tolist() == [0, 1, 2]
    assert most_confident(torch.ones(0), torch.zeros(0).long(), 2).tolist() == []


@pytest.mark.parametrize(
    ("parts", "weights", "message"),
    [
        ([], None, r"logits must be of one shape, got \[\]"),
        ([torch.zeros(2, 2), torch.zeros(2, 3)], None, r"logits must be of one shape, got \[\[2, 2\], \[2, 3\]\]"),
        ([torch.zeros(2, 2)], [1.0, 1.0], r"one for each of 1 networks, got \[1.0, 1.0\]"),
        ([torch.zeros(2, 2)] * 2, [0.0, 0.0], "weights must be 0 or more"),
        ([torch.zeros(2, 2)] * 2, [-1.0, 2.0], "weights must be 0 or more"),
    ],
)
def test_arguments_are_checked(parts, weights, message):
    with pytest.raises(ValueError, match=message):
        combined_confidence(parts, weights)


def test_a_class_has_one_entry_or_more():
    with pytest.raises(ValueError, match="per_class must be 1 or more, got 0"):
        most_confident(torch.ones(2), torch.zeros(2).long(), 0)
