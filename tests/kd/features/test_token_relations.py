import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.kd.features import TokenRelations


def test_naive_loop_over_heads_and_tokens():
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 3, 12, generator=draws), torch.randn(2, 3, 24, generator=draws)
    found = TokenRelations(heads=2)(student, teacher)
    for i in range(2):
        values = []
        for left, right in ((0, 1), (2, 2)):
            for head in range(2):
                dist = []
                for tokens, width in ((student[i], 2), (teacher[i], 4)):
                    first = tokens[:, left * 2 * width + head * width :][:, :width]
                    second = tokens[:, right * 2 * width + head * width :][:, :width]
                    dist.append(torch.softmax(first @ second.T / width**0.5, 1))
                values += [F.kl_div(dist[0][k].log(), dist[1][k], reduction="sum") / 6 for k in range(3)]
        assert found[i].item() == pytest.approx(sum(values).item(), rel=1e-4)


@given(st.integers(0, 99), st.sampled_from([1, 2, 4]))
def test_it_is_not_negative_and_zero_for_equal_relations(seed, heads):
    student, teacher = torch.randn(2, 2, 4, 24, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    loss = TokenRelations(heads)
    assert (loss(student, teacher) > 0).all()
    assert loss(teacher, teacher).abs().max() < 1e-12


def test_all_tokens_permuted_give_the_same_value():
    student, teacher = torch.randn(2, 2, 5, 12, generator=torch.Generator().manual_seed(0))
    order = torch.tensor([3, 1, 4, 0, 2])
    assert torch.allclose(
        TokenRelations()(student, teacher), TokenRelations()(student[:, order], teacher[:, order]), atol=1e-6
    )


def test_bad_input():
    with pytest.raises(ValueError, match="heads must be 1 or more, got 0"):
        TokenRelations(0)
    with pytest.raises(ValueError, match=r"teacher must have queries, keys and values of 2 heads, .* got 9 channels"):
        TokenRelations(2)(torch.zeros(1, 2, 12), torch.zeros(1, 2, 9))
    with pytest.raises(ValueError, match=r"as many tokens, got \(1, 2, 12\) and \(1, 3, 12\)"):
        TokenRelations()(torch.zeros(1, 2, 12), torch.zeros(1, 3, 12))
