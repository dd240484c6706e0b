import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from graphdistill.compress.sparse import (
    Masker,
    Sparse,
    expanded,
    largest,
    largest_of_four,
    mask_of,
    num_symbols,
    symbols_of,
)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 5), st.integers(1, 13), st.integers(1, 3), st.integers(0, 99))
def test_two_of_every_four_are_kept_and_their_positions_come_back(rows, channels, kernel, seed):
    score = random(rows, channels, kernel, seed=seed).abs()
    mask = largest_of_four(score)
    flat = score.flatten(1).numpy()
    expected = np.zeros(flat.shape, dtype=bool)
    for row in range(rows):
        for start in range(0, flat.shape[1], 4):
            group = flat[row, start : start + 4]
            expected[row, start + np.argsort(-group, kind="stable")[:2]] = True
    assert np.array_equal(mask.flatten(1).numpy(), expected)
    symbols = symbols_of(mask, 4)
    assert len(symbols) == num_symbols(score.shape, 4)
    assert int(symbols.max()) < 6
    assert torch.equal(mask_of(symbols, score.shape, 4), mask)


@given(st.integers(1, 40), st.sampled_from([0.0, 0.5, 0.75]), st.integers(0, 99))
def test_the_smallest_share_is_left_out(count, zeros, seed):
    score = random(count, 1, seed=seed).abs()
    mask = largest(score, zeros)
    assert int((~mask).sum()) == int(zeros * count)
    assert not bool((score[~mask][:, None] > score[mask]).any())
    assert torch.equal(mask_of(symbols_of(mask, 1), score.shape, 1), mask)


@pytest.mark.parametrize(("symbols", "group"), [([6], 4), ([2, 0, 0, 0], 1)])
def test_positions_that_are_none_are_refused(symbols, group):
    with pytest.raises(ValueError, match="it holds positions that are none"):
        mask_of(torch.tensor(symbols, dtype=torch.uint8), torch.Size([1, 4]), group)


def test_all_weights_get_the_gradient_of_the_sparse_ones():
    weight, x = random(3, 8).requires_grad_(True), random(5, 8, seed=1)
    masker = Masker(weight, largest_of_four(weight.abs()), 4)
    found = masker(weight)
    assert torch.equal(found, torch.where(masker.mask, weight, 0))
    (x @ found.T).square().sum().backward()
    free = found.detach().clone().requires_grad_(True)
    (x @ free.T).square().sum().backward()
    torch.testing.assert_close(weight.grad, free.grad)


def test_blocks_are_the_low_rank_term_of_the_paper():
    weight, x = random(3, 10), random(5, 10, seed=1)
    masker = Masker(weight, largest_of_four(weight.abs()), 4, block_size=4)
    projection = torch.zeros(3, 10)
    for block, start in enumerate(range(0, 10, 4)):
        projection[block, start : start + 4] = 1
    lost = weight * ~masker.mask
    torch.testing.assert_close(masker.blocks.detach(), lost @ projection.T / 4)
    expected = x @ (weight * masker.mask).T + (x @ projection.T) @ masker.blocks.T
    torch.testing.assert_close(x @ masker(weight).T, expected)
    masker(weight).sum().backward()
    torch.testing.assert_close(masker.blocks.grad, projection.sum(dim=1).expand(3, 3))


def test_only_weights_that_are_zero_decay():
    weight = nn.Parameter(random(2, 8))
    masker, before = Masker(weight, largest_of_four(weight.abs()), 4), weight.detach().clone()
    masker.decay(weight, 0.25)
    assert torch.equal(weight[masker.mask], before[masker.mask])
    torch.testing.assert_close(weight[~masker.mask], 0.75 * before[~masker.mask])


@pytest.mark.parametrize(("group", "block_size"), [(4, 0), (1, 0), (4, 3)])
def test_what_is_stored_is_what_the_network_computes_with(group, block_size):
    weight = random(4, 3, 3)
    score = weight.abs()
    masker = Masker(weight, largest_of_four(score) if group == 4 else largest(score, 0.75), group, block_size)
    part = masker.coded(weight)
    assert isinstance(part, Sparse)
    assert part.values.shape == (int(masker.mask.sum()),)
    assert torch.equal(part.weight, masker(weight).detach())
    blocks = expanded(part.blocks, block_size, weight) if block_size else torch.zeros(())
    assert torch.equal((part.weight - blocks).abs() > 1e-6, masker.mask)
