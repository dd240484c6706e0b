import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from graphdistill.kd.teachers.parc import parc, spearman, task_weights


def scipys(features, y):
    upper = np.triu_indices(len(y), 1)
    one_hot = np.eye(int(y.max()) + 1)[y.numpy()]
    labels = np.round(np.corrcoef(one_hot)[upper], 9)
    return spearmanr(1 - np.corrcoef(features.double().numpy())[upper], 1 - labels).statistic


@pytest.mark.parametrize(("n", "d", "classes", "seed"), [(8, 5, 2, 0), (30, 16, 3, 1), (60, 4, 10, 2)])
def test_the_value_is_that_of_scipy(n, d, classes, seed):
    draws = torch.Generator().manual_seed(seed)
    features, y = torch.randn(n, d, generator=draws), torch.arange(n) % classes
    assert parc(features, y) == pytest.approx(scipys(features, y), abs=1e-9)
    assert parc(3 * features + 7, 2 * y) == pytest.approx(parc(features, y), abs=1e-4)
    assert parc(torch.eye(classes)[y] + 0.01 * torch.randn(n, classes, generator=draws), y) > 0.2


def test_features_that_are_all_alike_say_nothing():
    assert parc(torch.ones(6, 4), torch.arange(6) % 2) == 0
    assert parc(torch.rand(4).expand(6, 4), torch.arange(6) % 2) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12))
def test_rank_correlation_with_ties(pairs):
    a, b = (torch.tensor(values, dtype=torch.double) for values in zip(*pairs, strict=True))
    if len(a.unique()) < 2 or len(b.unique()) < 2:
        assert spearman(a, b) == 0
    else:
        assert spearman(a, b) == pytest.approx(spearmanr(a.numpy(), b.numpy()).statistic, abs=1e-9)


def test_weights_follow_the_relevance():
    assert task_weights([0.3, -0.2, 0.0, 0.1], 0).tolist() == [0.5, 0, 0, 0.5]
    assert task_weights([0.3, 0.1], 1).tolist() == pytest.approx([0.75, 0.25])
    assert task_weights([-0.3, -0.1], 2).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([], "the probe is empty; give 3 or more labelled entries of 2 or more classes"),
        ([1, 0], "the probe has 2 labelled entries of 2 classes; give 3 or more"),
        ([1, 1, 1], "the probe has 3 labelled entries of 1 classes"),
    ],
)
def test_a_probe_that_says_nothing_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        parc(torch.rand(len(y), 3), torch.tensor(y, dtype=torch.long))
    with pytest.raises(ValueError, match="features have 9 rows for"):
        parc(torch.rand(9, 3), torch.tensor(y, dtype=torch.long))
