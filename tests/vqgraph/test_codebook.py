from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.vqgraph.codebook import Codebook, Distance
from tests.kd.nodes.samples import rows
from tests.reference import codebook_stats_naive, moving_average_naive, nearest_code_naive

METRICS = get_args(Distance)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clouds(number: int = 8, each: int = 30, width: int = 5) -> Tensor:
    """Rows around a few far centres."""
    return (5 * rows(number, width, 1))[torch.arange(number * each) % number] + rows(number * each, width)


def started(x: Tensor, num_codes: int, metric: Distance = "cosine", rounds: int = 10, **options: float) -> Codebook:
    book = Codebook(num_codes, x.shape[1], metric=metric, **options)
    book.start(x, draws(), rounds)
    return book


def error(book: Codebook, x: Tensor) -> float:
    """Mean squared distance to the nearest code, in Python's own numbers."""
    _, far = nearest_code_naive(book.place(x), book.codes, "euclidean")
    return sum(d * d for d in far) / len(far)


@pytest.mark.parametrize("metric", METRICS)
def test_k_means_lowers_the_error_of_random_rows_as_codes(metric: Distance) -> None:
    x = clouds()
    errors = [error(started(x, 12, metric, rounds), x) for rounds in (0, 1, 10)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("metric", METRICS)
def test_codes_that_started_are_means_of_their_rows(metric: Distance) -> None:
    x = clouds()
    book = started(x, 8, metric, rounds=50)
    count, total = codebook_stats_naive(book.place(x), book(x), 8)
    assert book.count.tolist() == count
    torch.testing.assert_close(book.codes, book.place(total / torch.tensor(count)[:, None]), rtol=1e-4, atol=1e-5)
    assert int(book.revivals) == 0


@pytest.mark.parametrize("metric", METRICS)
def test_rows_take_the_nearest_code(metric: Distance) -> None:
    x = clouds()
    book = started(x, 12, metric)
    assert book(x).tolist() == nearest_code_naive(x.double(), book.codes.double(), metric)[0]


@settings(deadline=None, max_examples=50)
@given(
    code=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    metric=st.sampled_from(METRICS),
    decay=st.sampled_from((0.0, 0.3, 0.9)),
    seed=st.integers(0, 1000),
)
def test_an_update_is_the_moving_average(code: list[int], metric: Distance, decay: float, seed: int) -> None:
    x, taken = rows(len(code), 3, seed, torch.double), torch.tensor([*code[1:], code[0]])
    book = Codebook(4, 3, metric=metric, decay=decay, revive_below=0).double()
    book.codes.copy_(book.place(rows(4, 3, seed + 1, torch.double)))
    book.count.copy_(torch.tensor([2.0, 0.5, 1.0, 7.0]))
    used = torch.bincount(taken, minlength=4) > 0
    kept = (decay > 0) | used  # without decay a code that no row takes has no average
    place = kept.long().cumsum(0) - 1
    count, codes = moving_average_naive(book.codes[kept], book.count[kept], book.place(x), place[taken], decay)
    before = book.codes.clone()
    book.update(x, taken, draws())
    torch.testing.assert_close(book.count[kept], torch.tensor(count, dtype=torch.double))
    torch.testing.assert_close(book.codes[kept], book.place(torch.stack(codes)))
    torch.testing.assert_close(book.codes[~kept], before[~kept])


@pytest.mark.parametrize("metric", METRICS)
def test_dead_codes_move_onto_rows_and_are_counted(metric: Distance) -> None:
    x = clouds()
    book = started(x, 8, metric)
    code = book(x)
    code[code == 3] = 4
    code[code == 5] = 4
    updates = 0
    while not int(book.revivals):
        book.update(x, code, draws(updates))
        updates += 1
    assert updates > 5
    assert int(book.revivals) == book.health(code).revivals == 2
    assert book.count[[3, 5]].tolist() == [1, 1]
    placed = book.place(x)
    for dead in (3, 5):
        assert (placed == book.codes[dead]).all(dim=1).any() or torch.cdist(placed, book.codes[[dead]]).min() < 1e-6


def test_codes_that_nothing_takes_stay_where_revival_is_off() -> None:
    x, book = rows(5, 2), Codebook(2, 2, metric="euclidean", decay=0.5, revive_below=0)
    book.codes.copy_(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    for _ in range(300):
        book.update(x, torch.zeros(5, dtype=torch.long), draws())
    assert book.codes[1].tolist() == [3, 4]
    torch.testing.assert_close(book.codes[0], x.mean(dim=0))
    assert int(book.revivals) == 0


def test_half_of_far_too_many_codes_live_after_updates() -> None:
    x = clouds(number=4, each=50)
    book, draw = started(x, 64), draws(1)
    for _ in range(30):
        book.update(x, book(x), draw)
    assert book.health(book(x)).live >= 32


def test_cosine_codes_are_of_length_one() -> None:
    x = clouds()
    book, draw = started(x, 30), draws(1)
    for _ in range(20):
        torch.testing.assert_close(book.codes.norm(dim=1), torch.ones(30))
        book.update(x * 3, book(x), draw)


def test_cosine_does_not_see_the_length_of_rows() -> None:
    x, factor = clouds(), torch.rand(240, 1, generator=draws()) + 0.5
    first, second = started(x, 8), started(x * factor, 8)
    torch.testing.assert_close(first.codes, second.codes)
    assert torch.equal(first(x), second(x * factor))


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_seed_gives_the_same_bits_and_another_one_others(metric: Distance) -> None:
    x, books = clouds(), []
    for seed in (0, 0, 1):
        torch.manual_seed(len(books))
        book = Codebook(20, 5, metric=metric)
        draw, before = draws(seed), torch.get_rng_state()
        book.start(x, draw)
        for _ in range(40):
            book.update(x, book(x) // 4, draw)
        assert torch.equal(torch.get_rng_state(), before)
        books.append(book)
    assert torch.equal(books[0].codes, books[1].codes)
    assert int(books[0].revivals) == int(books[1].revivals) > 0
    assert not torch.equal(books[0].codes, books[2].codes)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_health_is_that_of_the_frequencies(code: list[int]) -> None:
    health = Codebook(10, 1).health(torch.tensor(code))
    share = np.bincount(code) / len(code)
    share = share[share > 0]
    assert health.perplexity == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    assert (health.live, health.codes, health.revivals) == (len(set(code)), 10, 0)


@pytest.mark.parametrize("metric", METRICS)
def test_similarity_is_that_of_each_pair_and_the_nearest_has_the_largest(metric: Distance) -> None:
    x = clouds().double()
    book = started(x.float(), 8, metric).double()
    book.codes.copy_(book.place(book.codes))
    similar = book.similarity(x)
    want = cosines(x, book.codes) if metric == "cosine" else -torch.cdist(x, book.codes).square()
    torch.testing.assert_close(similar, want)
    assert torch.equal(similar.argmax(dim=1), book(x))
    soft = (book.similarity(x) / 0.1).log_softmax(dim=1)
    torch.testing.assert_close(soft, (want / 0.1).log_softmax(dim=1))


def cosines(x: Tensor, codes: Tensor) -> Tensor:
    return torch.stack([torch.cosine_similarity(x, code[None]) for code in codes], dim=1)


@pytest.mark.parametrize("metric", METRICS)
def test_similarity_differentiates_in_rows(metric: Distance) -> None:
    book = started(clouds(), 4, metric).double()
    assert torch.autograd.gradcheck(book.similarity, (rows(3, 5, dtype=torch.double).requires_grad_(),))


def test_the_state_is_all_in_the_state_dict() -> None:
    x = clouds()
    book, other = started(x, 8), Codebook(8, 5)
    book.update(x, book(x) // 2, draws())
    other.load_state_dict(book.state_dict())
    for one in (book, other):
        one.update(x, one(x), draws(1))
    assert all(torch.equal(a, b) for a, b in zip(book.buffers(), other.buffers(), strict=True))
    assert list(book.parameters()) == []


def test_as_many_codes_as_rows_are_the_rows() -> None:
    x = rows(5, 3)
    assert sorted(started(x, 5)(x).tolist()) == list(range(5))


bad_calls: dict[str, Callable[[], object]] = {
    r"num_codes is 6 but there are only 5 rows; use at most one code per row": lambda: started(rows(5, 2), 6),
    r"num_codes must be 1 or more, got 0": lambda: Codebook(0, 2),
    r"decay must be from 0 to below 1, got 1": lambda: Codebook(1, 2, decay=1),
    r"metric must be one of euclidean, cosine, got 'l2'": lambda: Codebook(1, 2, metric="l2"),
    r"x holds nan in row 0; mend or drop that row": lambda: Codebook(1, 2)(torch.tensor([[torch.nan, 1.0]])),
}


@pytest.mark.parametrize("message", bad_calls)
def test_errors_name_the_argument_and_the_value(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad_calls[message]()
