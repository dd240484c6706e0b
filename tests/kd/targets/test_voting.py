import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.kd.targets.voting import vote


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_the_vote_is_that_of_a_loop(count, n, seed):
    p = torch.randn(count, n, 3, generator=torch.Generator().manual_seed(seed)).softmax(2)
    found = vote(p)
    assert torch.allclose(found.sum(1), torch.ones(n))
    for i in range(n):
        mean = [sum(float(p[k, i, c]) for k in range(count)) / count for c in range(3)]
        weights = [sum(float(p[k, i, c]) * mean[c] for c in range(3)) for k in range(count)]
        for c in range(3):
            wanted = sum(w * float(p[k, i, c]) for k, w in enumerate(weights)) / sum(weights)
            assert abs(float(found[i, c]) - wanted) < 1e-5


def test_an_outlier_counts_less_than_in_the_mean():
    p = torch.tensor([[[0.9, 0.1]], [[0.9, 0.1]], [[0.1, 0.9]]])
    assert float(vote(p)[0, 0]) > float(p.mean(0)[0, 0])
