from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.scatter import class_moments, codebook_stats, nearest_code
from tests.core.scatter.samples import DTYPES, HALVES, WIDTHS, close, leaves
from tests.reference import class_moments_naive, codebook_stats_naive, nearest_code_naive

METRICS = ("euclidean", "cosine")


def rows(count: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(count, width, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def classes(count: int, below: int, seed: int = 0) -> Tensor:
    return torch.randint(below, (count,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [0, 1, 300])
@pytest.mark.parametrize("width", WIDTHS)
def test_moments_and_stats_are_those_of_a_loop(
    width: int, count: int, dtype: torch.dtype, device: torch.device
) -> None:
    x, y = rows(count, width).to(dtype), classes(count, 3)
    number, *wanted = class_moments_naive(x.double(), y, 5)  # two classes have no rows
    got = class_moments(x.to(device), y.to(device), 5)
    assert got.count.tolist() == number
    assert got.count.dtype == torch.long
    for moment, naive in zip(got[1:], wanted, strict=True):
        close(moment, naive.to(dtype))
    stats, total = codebook_stats(x.to(device), y.to(device), 5)
    assert stats.tolist() == number
    assert stats.dtype == torch.long
    close(total, codebook_stats_naive(x.double(), y, 5)[1].to(dtype), 10)


def test_moments_of_one_dimension_are_those_of_one_column(device: torch.device) -> None:
    x, y = rows(9, 1).to(device), classes(9, 2).to(device)
    for line, column in zip(class_moments(x[:, 0], y, 3), class_moments(x, y, 3), strict=True):
        assert torch.equal(line, column.view(3))


def test_moments_of_many_halves_do_not_overflow(device: torch.device) -> None:
    x = torch.full((3000, 2), 100, dtype=torch.float16, device=device)
    moments = class_moments(x, torch.zeros(3000, dtype=torch.long, device=device), 1)
    assert (moments.mean.tolist(), moments.second.tolist()) == ([[100, 100]], [[10000, 10000]])


@pytest.mark.parametrize("far", [0, 1e4, 1e6, -3e7])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("count", [40, 9000])
def test_the_variance_keeps_its_digits_far_from_zero(
    count: int, dtype: torch.dtype, far: float, device: torch.device
) -> None:
    x, y = (rows(count, 3) * torch.tensor([1.0, 100.0, 0.0]) + far).to(dtype), classes(count, 3)
    x[0, 1] += 1e5  # whatever row comes first
    got = class_moments(x.to(device), y.to(device), 4)
    for c in range(3):
        mine = x[y == c].double().numpy()
        np.testing.assert_allclose(got.variance[c].cpu(), mine.var(axis=0), rtol=1e-5, atol=0)
        np.testing.assert_allclose(got.mean[c].cpu(), mine.mean(axis=0), rtol=2e-6, atol=1e-3)
    assert not got.variance[3].any()


@settings(deadline=None)
@given(st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=1, max_size=20), st.integers(1, 20))
def test_the_variance_is_never_negative_and_that_of_equal_rows_is_zero(values: list[float], times: int) -> None:
    x, y = torch.tensor(values * times), torch.zeros(len(values) * times, dtype=torch.long)
    assert class_moments(x, y, 1).variance >= 0
    assert class_moments(x[:1].expand(300), torch.zeros(300, dtype=torch.long), 1).variance == 0


def test_long_classes_and_codes_keep_their_digits(device: torch.device) -> None:
    x, y = torch.full((1_000_000, 1), 0.1, device=device), torch.zeros(1_000_000, dtype=torch.long, device=device)
    assert class_moments(x, y, 1).mean.item() == pytest.approx(0.1, rel=1e-6)
    assert codebook_stats(x, y, 1)[1].item() == pytest.approx(1e5, rel=1e-6)


@pytest.mark.parametrize("output", ["mean", "second", "variance", "all", "stats"])
def test_first_and_second_derivatives(output: str, device: torch.device) -> None:
    y = torch.tensor([0, 2, 2, 0, 4], device=device)
    functions: dict[str, Callable[[Tensor], object]] = {
        "mean": lambda x: class_moments(x, y, 5).mean,
        "second": lambda x: class_moments(x, y, 5).second,
        "variance": lambda x: class_moments(x, y, 5).variance,
        "all": lambda x: class_moments(x, y, 5)[1:],
        "stats": lambda x: codebook_stats(x, y, 5)[1],
    }
    (x,) = leaves(rows(5, 2).to(device))
    assert torch.autograd.gradcheck(functions[output], (x,))
    assert torch.autograd.gradgradcheck(functions[output], (x,))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_nearest_code_is_that_of_a_loop(width: int, metric: str, dtype: torch.dtype, device: torch.device) -> None:
    x, codebook = rows(40, width).to(dtype), rows(30, width, seed=1).to(dtype)
    index, distance = nearest_code(x.to(device), codebook.to(device), metric)
    want, far = nearest_code_naive(x, codebook, metric)
    if width > 1 or metric == "euclidean":  # on a line all codes of one sign are equally near by angle
        assert index.tolist() == want
    close(distance, torch.tensor(far, dtype=torch.double).to(dtype))
    assert (index.dtype, distance.dtype) == (torch.long, dtype)


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 20), st.integers(0, 1000))
def test_the_nearest_code_is_that_of_cdist(count: int, codes: int, width: int, seed: int) -> None:
    x, codebook = rows(count, width, seed), rows(codes, width, seed + 1)
    low, want = torch.cdist(x, codebook, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    index, distance = nearest_code(x, codebook)
    assert torch.equal(index, want)
    close(distance, low)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("metric", METRICS)
def test_halves_are_compared_in_float32(metric: str, dtype: torch.dtype, device: torch.device) -> None:
    x, codebook = rows(50, 20).to(device, dtype), rows(40, 20, seed=1).to(device, dtype)
    index, distance = nearest_code(x, codebook, metric)
    wide_index, wide_distance = nearest_code(x.float(), codebook.float(), metric)
    assert torch.equal(index, wide_index)
    assert torch.equal(distance, wide_distance.to(dtype))


def test_of_equally_near_codes_the_first_is_taken(device: torch.device) -> None:
    codebook = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]], device=device)
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]], device=device)
    index, distance = nearest_code(x, codebook)
    assert index.tolist() == [0, 0, 1, 2]
    assert distance.tolist() == pytest.approx([2, 2**0.5, 2**0.5, 2**0.5])
    assert nearest_code(x[1:], codebook, "cosine")[0].tolist() == [0, 1, 2]


def test_rows_without_a_direction_are_at_distance_one(device: torch.device) -> None:
    codebook = torch.tensor([[0.0, 0.0], [1.0, 0.0]], device=device)
    index, distance = nearest_code(torch.tensor([[0.0, 0.0], [-1.0, 0.0]], device=device), codebook, "cosine")
    assert (index.tolist(), distance.tolist()) == ([0, 0], [1, 1])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("at_once", [1, 2, 7, 64])
def test_little_memory_gives_the_same_codes(at_once: int, metric: str, device: torch.device) -> None:
    x, codebook = rows(100, 64).float().to(device), rows(50, 64, seed=1).float().to(device)
    index, distance = nearest_code(x, codebook, metric)
    little, near = nearest_code(x, codebook, metric, max_bytes=at_once * (50 + 3 * 64) * 4)
    assert torch.equal(index, little)
    close(distance, near)  # of as many rows at once as there is room for


@pytest.mark.parametrize("width", [1, 2, 16, 130])
def test_rows_far_from_the_origin_keep_their_code(width: int, device: torch.device) -> None:
    x, codebook = ((rows(200, width, seed) + 1e4).float().to(device) for seed in range(2))
    index, distance = nearest_code(x, codebook)
    want, far = nearest_code(x.double(), codebook.double())
    assert torch.equal(index, want)
    torch.testing.assert_close(distance.double(), far, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_no_rows_and_no_columns(dtype: torch.dtype, device: torch.device) -> None:
    none = nearest_code(torch.ones(0, 4, dtype=dtype, device=device), torch.ones(2, 4, dtype=dtype, device=device))
    assert [len(part) for part in none] == [0, 0]
    index, distance = nearest_code(*(torch.ones(n, 0, dtype=dtype, device=device) for n in (3, 2)))
    assert (index.tolist(), distance.tolist()) == ([0] * 3, [0] * 3)


def test_codes_are_not_differentiated(device: torch.device) -> None:
    x, codebook = leaves(rows(3, 2).to(device), rows(2, 2, seed=1).to(device))
    assert not nearest_code(x, codebook)[1].requires_grad


@pytest.mark.bits
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_same_bits_twice_and_on_any_number_of_threads(dtype: torch.dtype, device: torch.device) -> None:
    values, y = rows(5000, 33).to(device, dtype), classes(5000, 7).to(device)
    codebook, threads = values[:130].clone(), torch.get_num_threads()

    def results() -> list[Tensor]:
        (x,) = leaves(values)
        moments, (count, total) = class_moments(x, y, 8), codebook_stats(x, y, 8)
        (moments.mean.sum() + (moments.second**2 + moments.variance**2).sum() + (total**3).sum()).backward()
        return [
            *moments,
            count,
            total,
            x.grad,
            *(part for metric in METRICS for part in nearest_code(x, codebook, metric)),
        ]

    try:
        torch.set_num_threads(1)
        first, again = results(), results()
        torch.set_num_threads(2)
        more = results()
    finally:
        torch.set_num_threads(threads)
    for a, b, c in zip(first, again, more, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


@pytest.mark.bits
@pytest.mark.parametrize("width", [1, 2])
def test_moments_of_long_classes_have_the_same_bits_on_any_number_of_threads(width: int) -> None:
    x, y, outs, threads = rows(200_000, width), classes(200_000, 2), [], torch.get_num_threads()
    for number in (1, 2, 3):
        torch.set_num_threads(number)
        try:
            outs.append(class_moments(x, y, 2))
        finally:
            torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for out in outs[1:] for a, b in zip(outs[0], out, strict=True))


two, bad = torch.ones(2, 3), torch.ones(2, 3)
bad[1, 2] = torch.nan
zeros = torch.zeros(2, dtype=torch.long)
bad_calls: dict[str, Callable[[], object]] = {
    r"x must be floating, got torch.int64; convert it with .float\(\)": lambda: class_moments(two.long(), zeros, 1),
    r"x must have shape \[n\] or \[n, F\], got \[\]": lambda: class_moments(two[0, 0], zeros, 1),
    r"y must have a row for each of x, whose shape is \[2, 3\], got \[3\]": lambda: class_moments(
        two, torch.arange(3), 3
    ),
    r"y must be from 0 to 1, got 2": lambda: class_moments(two, zeros + 2, 2),
    r"y must be from 0 to 1, got -1": lambda: class_moments(two, zeros - 1, 2),
    r"y must have a row for each of x, whose shape is \[2, 3\], got \[\]": lambda: class_moments(two, zeros[0], 1),
    r"num_classes must be 0 or more, got -1": lambda: class_moments(two, zeros, -1),
    r"num_codes must be 0 or more, got -1": lambda: codebook_stats(two, zeros, -1),
    r"y must be long \[n\], got torch.float32 \[2\]": lambda: class_moments(two, zeros.float(), 2),
    r"x must have shape \[n, F\], got \[2\]": lambda: codebook_stats(two[:, 0], zeros, 1),
    r"code must have a row for each of x, whose shape is \[2, 3\], got \[1\]": lambda: codebook_stats(
        two, zeros[:1], 1
    ),
    r"code must be from 0 to 3, got 4": lambda: codebook_stats(two, zeros + 4, 4),
    r"code must be from 0 to 3, got -2": lambda: codebook_stats(two, zeros - 2, 4),
    r"x must have shape \[n, F\], got \[3\]": lambda: nearest_code(two[0], two),
    r"codebook must be floating, got torch.int64": lambda: nearest_code(two, two.long()),
    r"codebook must have shape \[n, F\], got \[3\]": lambda: nearest_code(two, two[0]),
    r"codebook must have at least one code, got none": lambda: nearest_code(two, two[:0]),
    r"codebook must have the 3 columns of x, got 2": lambda: nearest_code(two, two[:, :2]),
    r"codebook is torch.float64 but x torch.float32; convert one": lambda: nearest_code(two, two.double()),
    r"metric must be one of euclidean, cosine, got 'manhattan'": lambda: nearest_code(two, two, "manhattan"),
    r"codebook holds nan in row 1; mend or drop that row": lambda: nearest_code(two, bad),
    r"x holds nan in row 1; mend or drop that row": lambda: nearest_code(bad, two, "cosine"),
    r"codebook holds inf in row 0": lambda: nearest_code(two, two / 0),
    r"x holds -inf in row 0": lambda: nearest_code(two / -0.0, two),
    r"max_bytes must hold the distances of one row to 2 codes, got 43": lambda: nearest_code(two, two, max_bytes=43),
    r"max_bytes must hold the distances of one row to 2 codes, got -1": lambda: nearest_code(two, two, max_bytes=-1),
}


@pytest.mark.parametrize("message", bad_calls)
def test_errors_name_the_argument_and_the_value(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad_calls[message]()


@pytest.mark.gpu
def test_devices_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"codebook is on cpu but x on cuda:0; move them to one device"):
        nearest_code(two.cuda(), two)
    with pytest.raises(ValueError, match=r"y is on cpu but x on cuda:0"):
        class_moments(two.cuda(), zeros, 1)
