from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.networks.ngrams import NGrams
from graphdistill.core.randomness import scoped


def net(vocabulary: int = 9, classes: int = 3, **options: int) -> NGrams:
    with scoped(0, "weights"):
        return NGrams(vocabulary, classes, **{"width": 4, "buckets": 50, **options})


def naive_bag(model: NGrams, text: list[int]) -> Tensor:
    """Mean embedding of a text without padding, by loops; the hash in Python's whole numbers."""
    golden = 2654435761
    rows = list(text)
    for first, second in pairwise(text):
        mixed = ((first * golden + second) * golden) % 2**32
        rows += [model.vocabulary + mixed * model.buckets // 2**32] * bool(model.buckets)
    total = torch.zeros(model.bag.embedding_dim)
    for row in rows:
        total = total + model.bag.weight[row]
    return 16 * total / len(rows)


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(1, 8), min_size=1, max_size=7), min_size=1, max_size=5), st.sampled_from([0, 50]))
def test_logits_are_those_of_a_loop(texts: list[list[int]], buckets: int) -> None:
    model = net(buckets=buckets)
    tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True)
    want = torch.stack([model.head(naive_bag(model, text)) for text in texts])
    torch.testing.assert_close(model(tokens), want)


def test_padding_changes_nothing_and_gets_no_gradient() -> None:
    model, short = net(), torch.tensor([[3, 5, 1]])
    padded = torch.cat([short, torch.zeros(1, 4, dtype=torch.long)], dim=1)
    torch.testing.assert_close(model(padded), model(short))
    model(padded).sum().backward()
    assert model.bag.weight.grad is not None
    assert float(model.bag.weight.grad[0].abs().sum()) == 0
    assert int((model.bag.weight.grad.abs().sum(dim=1) > 0).sum()) == 5


def test_pairs_fill_their_buckets_evenly_whatever_their_ids() -> None:
    buckets = 1024
    model = net(30_000, buckets=buckets)
    first, second = torch.meshgrid(torch.arange(1, 129), torch.arange(1, 129), indexing="ij")
    rows = model.rows(torch.stack([first.reshape(-1), second.reshape(-1)], dim=1))
    counts = torch.bincount(rows[:, 2] - 30_000, minlength=buckets).double()
    assert len(counts) == buckets
    # 16 pairs a bucket on average; a random function has a variance of 16, too.
    assert float(counts.var()) < 24
    large = model.rows(torch.tensor([[29_998, 29_999]]))
    assert 30_000 <= int(large[0, 2]) < 31_024


def test_the_order_of_words_counts_through_their_pairs() -> None:
    one, other = torch.tensor([[3, 5, 1]]), torch.tensor([[5, 3, 1]])
    assert not torch.allclose(net()(one), net()(other))
    torch.testing.assert_close(net(buckets=0)(one), net(buckets=0)(other))


@pytest.mark.parametrize(("option", "value", "least"), [("width", 0, 1), ("buckets", -1, 0)])
def test_sizes_that_cannot_be_used(option: str, value: int, least: int) -> None:
    with pytest.raises(ValueError, match=f"{option} must be {least} or more, got {value}"):
        net(**{option: value})
