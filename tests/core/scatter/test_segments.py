from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.scatter import (
    Segments,
    gather_segment,
    segment_max,
    segment_mean,
    segment_repeat,
    segment_sum,
    sort_by,
)
from tests.core.scatter.samples import DTYPES, HALVES, LENGTHS, WIDTHS, Sample, close, draw, leaves
from tests.reference import (
    gather_segment_naive,
    segment_naive,
    segment_repeat_naive,
    segment_sum_naive,
    sort_by_naive,
)

REDUCERS = {"sum": segment_sum, "mean": segment_mean, "max": segment_max}

cases = st.builds(
    draw,
    st.lists(st.integers(0, 5), max_size=6),
    st.integers(1, 4),
    rows=st.integers(1, 5),
    seed=st.integers(0, 1000),
)


def alike(got: Callable[..., Tensor], want: Callable[..., Tensor], *floating: Tensor | None) -> None:
    """Fail unless two functions agree in value and in the derivatives of a weighted sum of it."""
    ours, plain = leaves(*floating), leaves(*floating)
    out, expected = got(*ours), want(*plain)
    close(out, expected)
    if not expected.requires_grad:
        return
    factor = torch.arange(out.numel(), dtype=out.dtype).view_as(out) - 2
    (out * factor).sum().backward()
    (expected * factor).sum().backward()
    for our, other in zip(ours, plain, strict=True):
        if our is not None and other is not None:
            assert our.grad is not None
            close(our.grad, torch.zeros_like(other) if other.grad is None else other.grad, 100)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("width", WIDTHS)
def test_values_are_those_of_a_loop(width: int, lengths: list[int], dtype: torch.dtype, device: torch.device) -> None:
    sample = draw(lengths, width, dtype)
    x, ptr, index, weight = (v.to(device) for v in sample)
    wide, segments = sample.x.double(), Segments(ptr, index, len(x), weight)
    for reduce, function in REDUCERS.items():
        close(function(x[index], ptr), segment_naive(wide[sample.index], sample.ptr, reduce).to(dtype))
    for reduce, held in (("sum", segments.sum), ("mean", segments.mean)):
        plain = gather_segment_naive(wide, sample.ptr, sample.index, None, reduce).to(dtype)
        weighted = gather_segment_naive(wide, sample.ptr, sample.index, sample.weight.double(), reduce).to(dtype)
        close(gather_segment(x, ptr, index, reduce=reduce), plain)
        close(gather_segment(x, ptr, index, weight, reduce), weighted)
        close(held(x), weighted)
        close(held(x, torch.ones_like(weight)), plain)
    rows = gather_segment(x, ptr, index)
    repeated = segment_repeat(rows, ptr, len(index))
    assert torch.equal(repeated.cpu(), segment_repeat_naive(rows.cpu(), sample.ptr))
    assert repeated.dtype == rows.dtype == dtype


@settings(deadline=None)
@given(cases, st.booleans(), st.sampled_from(["sum", "mean"]))
def test_gathering_and_its_gradients_are_those_of_a_loop(sample: Sample, weighted: bool, reduce: str) -> None:
    x, ptr, index, weight = sample
    alike(
        lambda x, w: gather_segment(x, ptr, index, w, reduce),
        lambda x, w: gather_segment_naive(x, ptr, index, w, reduce),
        x,
        weight if weighted else None,
    )
    held = Segments(ptr, index, len(x), weight if weighted else None)
    alike(held.sum, lambda x: segment_sum_naive(ptr, index, held.weight, x), x)


@settings(deadline=None)
@given(cases)
def test_segments_and_their_gradients_are_those_of_a_loop(sample: Sample) -> None:
    ptr, entries = sample.ptr, sample.gathered
    for reduce in ("sum", "mean"):
        alike(lambda x, r=reduce: REDUCERS[r](x, ptr), lambda x, r=reduce: segment_naive(x, ptr, r), entries)
    rows = torch.randn(len(ptr) - 1, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    alike(lambda x: segment_repeat(x, ptr, len(entries)), lambda x: segment_repeat_naive(x, ptr), rows)


@settings(deadline=None)
@given(cases, st.integers(1, 3))
def test_blocks_are_the_same_segments_on_further_rows(sample: Sample, times: int) -> None:
    x, ptr, index, weight = sample
    blocks = Segments(ptr, index, len(x), weight).blocks(times)
    alike(
        blocks.sum,
        lambda rows: torch.cat([segment_sum_naive(ptr, index, weight, part) for part in rows.chunk(times)]),
        torch.cat([x * (n + 1) for n in range(times)]),
    )
    assert blocks.num_rows == times * len(x)


@settings(deadline=None)
@given(cases)
def test_apart_every_entry_is_a_segment(sample: Sample) -> None:
    x, ptr, index, weight = sample
    apart = Segments(ptr, index, len(x)).apart()
    alike(lambda x, w: apart.sum(x, w), lambda x, w: x[index] * w[:, None], x, weight)


def test_rows_of_segments_gather(device: torch.device) -> None:
    index = torch.tensor([2, 0, 2], device=device)
    x = torch.eye(3, device=device)
    assert torch.equal(Segments.rows(index, 3).sum(x), x[index])


@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_maxima_share_the_gradient_as_in_amax(dtype: torch.dtype, device: torch.device) -> None:
    values = torch.tensor([[1.0, 2.0], [3.0, 2.0], [3.0, -1.0], [3.0, 2.0]])
    x, y = leaves(values.to(device, dtype), values.to(device, dtype))
    segment_max(x, torch.tensor([0, 4], device=device)).sum().backward()
    torch.amax(y, 0).sum().backward()
    assert torch.equal(x.grad, y.grad)


@pytest.mark.parametrize("place", range(3))
def test_a_maximum_with_nan_is_nan(place: int, device: torch.device) -> None:
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], device=device)
    x[place] = torch.nan
    out = segment_max(x, torch.tensor([0, 3, 4], device=device)).tolist()
    assert out[0] != out[0]
    assert out[1] == 4


def test_maxima_may_be_negative_or_infinite(device: torch.device) -> None:
    x = torch.tensor([-2.0, -3.0, -torch.inf, torch.inf], device=device)
    assert segment_max(x, torch.tensor([0, 2, 3, 4, 4], device=device)).tolist() == [-2.0, -torch.inf, torch.inf, 0.0]


@pytest.mark.parametrize("lengths", [[0, 3000, 2, 257, 256], [1] * 500 + [3000, 7]], ids=["few", "among many"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_long_segments_are_those_of_a_loop_and_short_ones_beside_them_unchanged(
    lengths: list[int], dtype: torch.dtype, device: torch.device
) -> None:
    sample = draw(lengths, 3, dtype)
    x, ptr, index, weight = (v.to(device) for v in sample)
    short = (ptr.diff() <= 256).nonzero().view(-1)
    for reduce in ("sum", "mean"):
        for w, naive in ((None, None), (weight, sample.weight.double())):
            got = gather_segment(x, ptr, index, w, reduce)
            want = gather_segment_naive(sample.x.double(), sample.ptr, sample.index, naive, reduce)
            close(got, want.to(dtype), 2)
            for s in short[: 0 if dtype in HALVES else 3].tolist():
                first, last = int(ptr[s]), int(ptr[s + 1])
                alone = torch.tensor([0, last - first], device=device)
                part = gather_segment(x, alone, index[first:last], None if w is None else w[first:last], reduce)
                assert torch.equal(got[s], part[0])


@settings(deadline=None, max_examples=20)
@given(st.floats(2.0**-10, 2.0**10, width=32), st.integers(262, 200_000))
def test_means_of_equal_numbers_are_that_number(value: float, count: int) -> None:
    x, ptr = torch.full((count,), value), torch.tensor([0, 5, count])
    assert segment_mean(x, ptr).tolist() == pytest.approx([x[0].item()] * 2, rel=1e-6)
    held = Segments(ptr, torch.zeros(count, dtype=torch.long), 1, x)
    assert held.mean(torch.ones(1)).tolist() == pytest.approx([x[0].item()] * 2, rel=1e-6)


def test_long_sums_and_gradients_keep_their_digits(device: torch.device) -> None:
    many = 20_000_000
    ptr = torch.tensor([0, many], device=device)
    assert segment_sum(torch.ones(many, device=device), ptr).item() == many
    assert segment_mean(torch.full((many // 2,), 0.1, device=device), ptr // 2).item() == pytest.approx(0.1, rel=1e-6)
    index = torch.zeros(many // 20, dtype=torch.long, device=device)
    x = torch.ones(1, device=device, requires_grad=True)
    gather_segment(
        x, torch.arange(many // 20 + 1, device=device), index, torch.full_like(index, 0.1, dtype=torch.float)
    ).sum().backward()
    assert x.grad.item() == pytest.approx(many // 20 * 0.1, rel=1e-6)
    repeated = torch.ones(1, device=device, requires_grad=True)
    (segment_repeat(repeated, ptr // 20, many // 20) * 0.1).sum().backward()
    assert repeated.grad.item() == pytest.approx(many // 20 * 0.1, rel=1e-6)


@pytest.mark.parametrize("dtype", HALVES)
def test_halves_are_summed_in_float32(dtype: torch.dtype, device: torch.device) -> None:
    x, ptr, index, weight = draw([3000, 40], 5, dtype, device)
    wide = x.float()
    for function in REDUCERS.values():
        close(function(x[index], ptr), function(wide[index], ptr).to(dtype))
    for reduce in ("sum", "mean"):
        close(gather_segment(x, ptr, index, None, reduce), gather_segment(wide, ptr, index, None, reduce).to(dtype))
        want = gather_segment(wide, ptr, index, weight.float(), reduce).to(dtype)
        close(gather_segment(x, ptr, index, weight, reduce), want)


@pytest.mark.parametrize("dtype", HALVES)
def test_gradients_of_halves_are_those_of_float32(dtype: torch.dtype, device: torch.device) -> None:
    x, ptr, index, weight = draw([300, 0, 40], 5, dtype, device)
    for reduce in ("sum", "mean"):
        here, there = leaves(x, weight), leaves(x.float(), weight.float())
        for values in (here, there):
            gather_segment(values[0], ptr, index, values[1], reduce).sum().backward()
        for half, wide in zip(here, there, strict=True):
            close(half.grad, wide.grad.to(dtype), 4)


def test_means_of_long_segments_of_halves_do_not_overflow(device: torch.device) -> None:
    x = torch.full((3000, 2), 100, dtype=torch.float16, device=device)
    ptr, index = torch.tensor([0, 3000], device=device), torch.arange(3000, device=device)
    ten = torch.full((3000,), 10, dtype=torch.float16, device=device)
    held = Segments(ptr, index, 3000, ten)
    assert segment_mean(x, ptr).tolist() == gather_segment(x, ptr, index, reduce="mean").tolist() == [[100, 100]]
    assert gather_segment(x, ptr, index, ten, "mean").tolist() == held.mean(x).tolist() == [[1000, 1000]]
    assert segment_sum(x, ptr).isinf().all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_dimension_is_one_column(dtype: torch.dtype, device: torch.device) -> None:
    x, ptr, index, weight = draw([3, 0, 2], 1, dtype, device)
    line, held = x[:, 0], Segments(ptr, index, len(x), weight)
    for function in REDUCERS.values():
        assert torch.equal(function(line[index], ptr), function(x[index], ptr)[:, 0])
    assert torch.equal(gather_segment(line, ptr, index, weight), gather_segment(x, ptr, index, weight)[:, 0])
    assert torch.equal(held.mean(line), held.mean(x)[:, 0])
    assert torch.equal(segment_repeat(line[:3], ptr, 5), segment_repeat(x[:3], ptr, 5)[:, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_strides_do_not_matter(dtype: torch.dtype, device: torch.device) -> None:
    sample = draw([3, 0, 2, 300], 5, dtype, device)
    x, ptr, index, weight = (torch.stack([v, v + 1], -1)[..., 0] for v in sample)
    assert not x.is_contiguous()
    for function in REDUCERS.values():
        close(function(x[index].T.contiguous().T, ptr), function(sample.gathered, sample.ptr))
    close(gather_segment(x, ptr, index, weight), gather_segment(*sample))
    rows = x[:4]
    assert torch.equal(segment_repeat(rows, ptr, 305), segment_repeat(rows.contiguous(), sample.ptr, 305))
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(gather_segment(x, ptr, index).T.sum(), x)  # an expanded scalar comes in
    want = torch.bincount(index, minlength=len(x)).to(dtype)[:, None].expand_as(x)
    assert torch.equal(gradient, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_to_gather_from(dtype: torch.dtype, device: torch.device) -> None:
    x = torch.ones(0, 2, dtype=dtype, device=device, requires_grad=True)
    index = torch.empty(0, dtype=torch.long, device=device)
    out = gather_segment(x, torch.tensor([0, 0, 0], device=device), index)
    out.sum().backward()
    assert out.tolist() == [[0, 0], [0, 0]]
    assert x.grad is not None
    assert x.grad.shape == (0, 2)


def test_gradients_of_the_weight_of_more_entries_than_rows_and_segments_allow(device: torch.device) -> None:
    """Entries repeat, and there are more of them than a dense matrix of segments by rows has places."""
    x, ptr, index, weight = draw([70], 3, device=device, rows=2)
    for width in (3, 0):
        (w,) = leaves(weight)
        gather_segment(x[:, :width], ptr, index, w).sum().backward()
        close(w.grad, x[:, :width].sum(1)[index])


differentiable = {
    **{f"segment {reduce}": lambda x, w, s, r=reduce: REDUCERS[r](x, s.ptr) for reduce in REDUCERS},
    "repeat": lambda x, w, s: segment_repeat(x[: len(s.ptr) - 1], s.ptr, len(s.index)),
    "gather sum": lambda x, w, s: gather_segment(x, s.ptr, s.index, w),
    "gather mean": lambda x, w, s: gather_segment(x, s.ptr, s.index, w, "mean"),
    "held, constant weight": lambda x, w, s: Segments(s.ptr, s.index, len(x), s.weight).mean(x),
    "held, another weight": lambda x, w, s: Segments(s.ptr, s.index, len(x), s.weight).sum(x, w),
}


@pytest.mark.parametrize("of", ["x", "weight", "both"])
@pytest.mark.parametrize("name", differentiable)
def test_first_and_second_derivatives(name: str, of: str, device: torch.device) -> None:
    sample = draw([2, 0, 3, 1], device=device, rows=6)
    x, weight = leaves(sample.x, sample.weight)
    inputs = {"x": (x, sample.weight), "weight": (sample.x, weight), "both": (x, weight)}[of]

    def function(x: Tensor, weight: Tensor) -> Tensor:
        return differentiable[name](x, weight, sample)

    if function(*inputs).requires_grad:
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.bits
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_bits_twice_and_on_any_number_of_threads(dtype: torch.dtype, device: torch.device) -> None:
    sample = draw([7, 0, 5000] + [9] * 300, 33, dtype, device, rows=50)
    threads = torch.get_num_threads()

    def results() -> list[Tensor]:
        x, weight, entries = leaves(sample.x, sample.weight, sample.gathered)
        held = Segments(sample.ptr, sample.index, len(x), sample.weight)
        outs = [function(entries, sample.ptr) for function in REDUCERS.values()]
        outs += [gather_segment(x, sample.ptr, sample.index, weight, reduce) for reduce in ("sum", "mean")]
        outs += [held.sum(x), held.mean(x), segment_repeat(outs[0], sample.ptr, len(entries))]
        sum((out * out).sum() for out in outs).backward()
        return [*outs, x.grad, weight.grad, entries.grad]

    try:
        torch.set_num_threads(1)
        first, again = results(), results()
        torch.set_num_threads(2)
        more = results()
    finally:
        torch.set_num_threads(threads)
    for a, b, c in zip(first, again, more, strict=True):
        assert torch.equal(a.isnan(), b.isnan())
        assert torch.equal(a.nan_to_num(), b.nan_to_num())
        assert torch.equal(a.nan_to_num(), c.nan_to_num())


@given(st.lists(st.integers(0, 6), max_size=30), st.none() | st.integers(7, 9))
def test_sorting_is_stable_and_knows_where_keys_start(keys: list[int], size: int | None) -> None:
    permutation, ptr = sort_by(torch.tensor(keys, dtype=torch.long), size)
    count = max(keys, default=-1) + 1 if size is None else size
    assert (permutation.tolist(), ptr.tolist()) == sort_by_naive(keys, count)
    assert permutation.dtype == ptr.dtype == torch.long


def test_sorting_by_keys_of_more_than_32_bits_is_refused_before_memory_runs_out() -> None:
    with pytest.raises(ValueError, match=r"keys must be from 0 to 4, got 4294967296"):
        sort_by(torch.tensor([2**32]), 5)


two = torch.ones(2, 1)
ptr_to_two, first_two = torch.tensor([0, 1, 2]), torch.tensor([0, 1])
bad_calls: dict[str, Callable[[], object]] = {
    r"ptr must start at 0, got 1": lambda: segment_sum(two, torch.tensor([1, 2])),
    r"ptr must not decrease, got 2 before 1; sort the entries with sort_by": lambda: segment_max(
        two, torch.tensor([0, 2, 1])
    ),
    r"ptr must end at 2, the length of x, got 1": lambda: segment_mean(two, torch.tensor([0, 1])),
    r"ptr must be long \[S \+ 1\], got torch.int32 \[2\]": lambda: segment_sum(two, torch.tensor([0, 2]).int()),
    r"ptr must be long \[S \+ 1\], got torch.int64 \[0\]": lambda: segment_sum(two, torch.tensor([]).long()),
    r"x must be floating, got torch.int64; convert it": lambda: segment_sum(two.long(), ptr_to_two),
    r"x must have shape \[n\] or \[n, F\], got \[2, 1, 1\]": lambda: segment_mean(two[..., None], ptr_to_two),
    r"ptr must end at 3, the length": lambda: segment_repeat(two, ptr_to_two, 3),
    r"x must have a row for each of ptr, whose shape is \[2\], got \[1, 1\]": lambda: segment_repeat(
        two[:1], ptr_to_two, 2
    ),
    r"ptr must end at 2, the length of index, got 1": lambda: gather_segment(two, torch.tensor([0, 1]), first_two),
    r"index must be from 0 to 1, got 2": lambda: gather_segment(two, ptr_to_two, torch.tensor([0, 2])),
    r"index must be from 0 to 1, got -1": lambda: gather_segment(two, ptr_to_two, torch.tensor([-1, 2])),
    r"index must be long \[n\], got torch.int32 \[2\]": lambda: gather_segment(two, ptr_to_two, first_two.int()),
    r"reduce must be one of sum, mean, got 'max'": lambda: gather_segment(two, ptr_to_two, first_two, None, "max"),
    r"weight must be \[E\] .* got \[2, 1\]": lambda: gather_segment(two, ptr_to_two, first_two, two),
    r"weight is torch.float64 but x torch.float32; convert one": lambda: gather_segment(
        two, ptr_to_two, first_two, torch.ones(2).double()
    ),
    r"ptr must not decrease, got 3 before 2": lambda: Segments(torch.tensor([0, 3, 2]), first_two, 2),
    r"index must be from 0 to 0, got 1": lambda: Segments(ptr_to_two, first_two, 1),
    r"weight must be \[E\] with a number for each entry of index, whose shape is \[2\], got \[3\]": lambda: Segments(
        ptr_to_two, first_two, 2, torch.ones(3)
    ),
    r"ptr is on cpu but index on meta; move them": lambda: Segments(ptr_to_two, first_two.to("meta"), 2),
    r"x must have the 2 rows that these segments gather from, got 3": lambda: Segments(ptr_to_two, first_two, 2).sum(
        torch.ones(3)
    ),
    r"size must be 0 or more, got -1": lambda: sort_by(torch.tensor([2]), -1),
    r"keys must be 0 or more, got -3": lambda: sort_by(torch.tensor([2, -3])),
    r"keys must be from 0 to 2, got 3": lambda: sort_by(torch.tensor([3, 1]), 3),
    r"keys must be long \[n\], got torch.float32 \[1\]": lambda: sort_by(torch.ones(1)),
}


@pytest.mark.parametrize("message", bad_calls)
def test_errors_name_the_argument_and_the_value(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad_calls[message]()


@pytest.mark.gpu
def test_devices_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ptr is on cpu but x on cuda:0; move them to one device"):
        segment_sum(two.cuda(), ptr_to_two)
    with pytest.raises(ValueError, match=r"weight is on cpu but x on cuda:0"):
        gather_segment(two.cuda(), ptr_to_two.cuda(), first_two.cuda(), torch.ones(2))
