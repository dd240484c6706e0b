import numpy as np
import pytest
import torch

from graphdistill.mirage.shards.coding import code_within, guess, soft_labels


class Sizes:
    """Stands for a coding whose sizes are known; counts its tries."""

    def __init__(self, size, most):
        self.size, self.tries, self.selection = size, [], self
        self.most = most

    def run(self, function, context, items):
        self.tries += items
        return [self.size(item) for item in items]


@pytest.mark.parametrize("power", [1.0, 0.95, 0.85])
@pytest.mark.parametrize("budget", [3, 50, 10_000, 1_000_000])
def test_the_longest_prefix_within_a_percent_is_found_by_few_tries(power, budget):
    coding = Sizes(lambda count: round(30 + 5 * count**power), 10**7)
    count = code_within(coding, coding.run, budget)
    if budget < coding.size(1):
        assert count == 0
        return
    assert coding.size(count) <= budget
    assert coding.size(count) >= 0.99 * budget or coding.size(count + 1) > budget
    assert len(coding.tries) == len(set(coding.tries)) <= 8


def test_all_are_taken_if_they_fit():
    coding = Sizes(lambda count: 10 * count, 7)
    assert code_within(coding, coding.run, 10**6) == 7


def test_a_guess_follows_the_power_of_the_nearest_sizes():
    sizes = {n: round(4 * n**0.9) for n in (1000, 20_000, 100_000)}
    assert guess(sizes, 4 * 500_000**0.9) == pytest.approx(500_000, rel=0.01)


def test_labels_are_probabilities():
    logits = np.array([[0.0], [2.0]])
    assert torch.allclose(soft_labels(logits, "multiclass")[:, 1], torch.tensor([0.5, 0.8808]), atol=1e-4)
    assert soft_labels(np.zeros((3, 4)), "multiclass").sum(dim=1).tolist() == [1.0] * 3
    assert soft_labels(np.zeros((3, 4)), "multilabel").tolist() == [[0.5] * 4] * 3
