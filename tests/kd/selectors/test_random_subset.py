import pytest
import torch

from graphdistill.kd.selectors.random_subset import random_subsets


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_rounds_share_no_entry_until_all_are_used():
    found = random_subsets(12, 4, 6, draws())
    assert found.shape == (6, 4)
    for half in found.view(2, 12):
        assert half.sort().values.tolist() == list(range(12))
    assert not torch.equal(found[:3], found[3:])
    assert torch.equal(found, random_subsets(12, 4, 6, draws()))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((4, 5, 1), "size must be from 1 to the number of entries, 4, got 5"),
        ((4, 2, 0), "rounds must be 1 or more, got 0"),
    ],
)
def test_sizes_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        random_subsets(*words, draws())
