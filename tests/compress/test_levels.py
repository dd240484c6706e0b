import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.compress.levels import (
    Quantizer,
    bucket_range,
    even_levels,
    nearest,
    one_of_two,
    quantile_levels,
)


def naive(weight, levels, bucket_size):
    """Codes and values of the nearest levels, one weight after the other."""
    flat, codes, values = weight.flatten().tolist(), [], []
    for start in range(0, len(flat), bucket_size):
        bucket = flat[start : start + bucket_size]
        low, span = min(bucket), max(bucket) - min(bucket)
        for w in bucket:
            distances = [abs((w - low) / (span or 1) - level) for level in levels]
            codes.append(distances.index(min(distances)))
            values.append(low + span * levels[codes[-1]])
    return codes, values


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 40), bucket_size=st.integers(2, 17), count=st.integers(2, 9), seed=st.integers(0, 2**20))
def test_weights_take_the_nearest_level_of_their_bucket(size, bucket_size, count, seed):
    draws = torch.Generator().manual_seed(seed)
    weight = torch.randn(size, 3, generator=draws)
    levels = torch.rand(count, generator=draws).sort().values
    quantizer = Quantizer(levels, bucket_size)
    codes, values = naive(weight, levels.tolist(), bucket_size)
    found = quantizer.coded(weight)
    torch.testing.assert_close(found.weight.flatten(), torch.tensor(values))
    assert found.codes.shape == weight.shape
    assert sum(a != b for a, b in zip(found.codes.flatten().tolist(), codes, strict=True)) <= size // 20
    # What training computes with is what is stored, bit for bit.
    assert torch.equal(quantizer(weight), found.weight)


def test_even_levels_never_move_a_weight_by_more_than_half_a_step():
    weight = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    _, span = bucket_range(weight, 64)
    moved = (Quantizer(even_levels(8), 64)(weight) - weight).abs().flatten()
    assert bool((moved <= span.repeat_interleave(64)[: len(moved)] / 14 + 1e-6).all())


def test_equal_weights_stay_and_the_ends_of_a_bucket_too():
    quantizer = Quantizer(even_levels(2), 4)
    assert quantizer(torch.full((2, 3), 0.7)).tolist() == torch.full((2, 3), 0.7).tolist()
    assert quantizer(torch.tensor([[-1.0, 3.0]])).tolist() == [[-1.0, 3.0]]


def test_the_gradient_goes_straight_through_to_the_weights():
    weight = torch.randn(4, 5, requires_grad=True)
    factor = torch.randn(4, 5)
    (Quantizer(even_levels(4), 8)(weight) * factor).sum().backward()
    assert torch.equal(weight.grad, factor)


def test_the_gradient_of_a_level_is_the_sum_over_its_weights_times_their_range():
    draws = torch.Generator().manual_seed(1)
    weight, factor = torch.randn(5, 4, generator=draws), torch.randn(5, 4, generator=draws)
    quantizer = Quantizer(torch.tensor([0.1, 0.5, 0.8]), 6, trained=True)
    (quantizer(weight) * factor).sum().backward()
    codes, _ = naive(weight, [0.1, 0.5, 0.8], 6)
    span, expected = bucket_range(weight, 6)[1].tolist(), [0.0] * 3
    for i, code in enumerate(codes):
        expected[code] += span[i // 6] * factor.flatten()[i].item()
    torch.testing.assert_close(quantizer.levels.grad, torch.tensor(expected))


def test_levels_that_cross_are_used_in_order():
    weight = torch.tensor([[0.0, 0.3, 1.0]])
    crossed = Quantizer(torch.tensor([1.0, 0.0, 0.25]), 3, trained=True)
    assert crossed(weight).tolist() == [[0.0, 0.25, 1.0]]
    assert crossed.coded(weight).levels.tolist() == [0.0, 0.25, 1.0]


def test_random_rounding_is_right_in_the_mean_and_takes_a_neighbour():
    levels, chance = even_levels(4), torch.rand(20_000, generator=torch.Generator().manual_seed(2))
    for value in (0.0, 0.1, 0.5, 0.99, 1.0):
        found = levels[one_of_two(torch.full((len(chance),), value), levels, chance)]
        assert found.mean().item() == pytest.approx(value, abs=0.01)
        assert bool(((found - value).abs() <= 1 / 3 + 1e-6).all())


def test_rounding_is_random_in_training_alone():
    weight, quantizer = torch.rand(30, 30), Quantizer(even_levels(4), 256, stochastic=True)
    torch.manual_seed(0)
    assert not torch.equal(quantizer(weight), quantizer(weight))
    quantizer.eval()
    assert torch.equal(quantizer(weight), quantizer.coded(weight).weight)


def test_quantiles_give_every_level_as_many_weights():
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(3))
    levels = quantile_levels(weight, 4, 4096)
    low, span = weight.min(), weight.max() - weight.min()
    # Levels are the middles of quarters; a quarter ends where the nearest level changes or not far from it.
    below = (((weight - low) / span).flatten()[:, None] < levels).float().mean(dim=0)
    torch.testing.assert_close(below, torch.tensor([0.125, 0.375, 0.625, 0.875]), atol=1e-3, rtol=0)
    assert nearest(levels, levels).tolist() == [0, 1, 2, 3]
