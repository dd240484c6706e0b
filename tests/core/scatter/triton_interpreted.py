"""The CUDA kernels run by Triton's interpreter, on the CPU: `test_triton.py` starts this with TRITON_INTERPRET=1.

The interpreter runs one program after another, so a race between programs does not show here, nor does speed.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch

from graphdistill.core import scatter
from graphdistill.core.scatter import _ops, _reference
from tests.core.scatter.samples import DTYPES, LENGTHS, WIDTHS, close, draw, leaves, words
from tests.reference import class_moments_naive, tree_hash_step_naive

LIMIT = 32
"""Entries that one program reduces here, fewer than on a device, since the interpreter takes its time."""


@pytest.fixture(autouse=True)
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the kernels, called by every operator."""
    from graphdistill.core.scatter import _triton

    monkeypatch.setattr(_triton, "LIMIT", getattr(request, "param", LIMIT))
    monkeypatch.setattr(_ops, "kernels", lambda x: _triton)
    return _triton


def test_the_interpreter_is_on(kernels: ModuleType) -> None:
    assert type(kernels.reduce_kernel).__name__ == "InterpretedFunction"


@pytest.mark.parametrize(("kernels", "depth"), [(256, 2), (4, 5)], indirect=["kernels"])
def test_a_low_limit_makes_chunks_of_chunks(kernels: ModuleType, depth: int) -> None:
    twin, rounds = torch.tensor([0, 300, 300, 301]), 0
    while twin is not None:
        rounds, (start, stop, _, twin) = rounds + 1, kernels._chunks(twin)
        assert int((stop - start).max()) <= kernels.LIMIT
    assert rounds == depth


def agree(kernels: ModuleType, lengths: list[int], width: int, dtype: torch.dtype) -> None:
    """Fail unless all kernels of floating rows compute what the specification does."""
    x, ptr, index, weight = sample = draw(lengths, width, dtype)
    entries, rows, y = sample.gathered, draw([], width, dtype, rows=len(lengths), seed=1).x, index % 3
    calls: list[tuple[str, tuple[Any, ...]]] = [
        *(("segment_reduce", (entries, ptr, reduce)) for reduce in ("sum", "mean", "max")),
        ("gather_segment", (x, ptr, index, weight, "sum")),
        ("gather_segment", (x, ptr, index, weight, "mean")),
        ("gather_segment", (x, ptr, index, None, "mean")),
        ("gather_dot", (rows, x, ptr, index)),
        ("segment_repeat", (rows, ptr, len(index))),
    ]
    for name, arguments in calls:
        got, want = (getattr(module, name)(*arguments) for module in (kernels, _reference))
        close(got, want, 4)
        assert got.dtype == want.dtype
    count, *want = class_moments_naive(entries.double(), y, 4)
    moments = scatter.class_moments(entries, y, 4)
    assert moments.count.tolist() == count
    for got, mean in zip(moments[1:], want, strict=True):
        close(got, mean.to(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_values_are_those_of_the_specification(width: int, dtype: torch.dtype, kernels: ModuleType) -> None:
    agree(kernels, [3, 0, 1, 20, 0], width, dtype)


@pytest.mark.parametrize("width", [1, 130])
@pytest.mark.parametrize("lengths", [[70], [0, 0], []], ids=["one", "empty ones", "none"])
def test_so_are_those_of_one_segment_and_of_empty_ones(lengths: list[int], width: int, kernels: ModuleType) -> None:
    agree(kernels, lengths, width, torch.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kernels", "length"), [(256, 300), (4, 70)], indirect=["kernels"])
def test_values_of_long_segments_are_those_of_the_specification(
    length: int, dtype: torch.dtype, kernels: ModuleType
) -> None:
    agree(kernels, [2, length, 0], 2, dtype)


def test_long_sums_keep_their_digits(kernels: ModuleType) -> None:
    x, ptr = torch.full((5_000, 1), 0.7), torch.tensor([0, 3, 5_000])
    for reduce, want in (("sum", [2.1, 0.7 * 4_997]), ("mean", [0.7, 0.7])):
        assert kernels.segment_reduce(x, ptr, reduce).view(-1).tolist() == pytest.approx(want, rel=1e-6)
    half, _ = kernels.segment_reduce(x.half() + 1, ptr, "mean").view(-1).tolist()
    assert half == pytest.approx(1.7, rel=1e-3)


@pytest.mark.parametrize("far", [0, 1e4, 1e6])
def test_variances_keep_their_digits_far_from_zero(far: float, kernels: ModuleType) -> None:
    x, y = draw([], 2, torch.float32, rows=200).x + far, torch.arange(200) % 3
    got = scatter.class_moments(x, y, 3).variance
    want = torch.stack([x[y == c].double().var(dim=0, correction=0) for c in range(3)])
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=0)


def test_strides_do_not_matter(kernels: ModuleType) -> None:
    sample = draw([3, 0, 2, 70], 5)
    x, ptr, index, weight = (torch.stack([v, v + 1], -1)[..., 0] for v in sample)
    close(kernels.gather_segment(x, ptr, index, weight, "sum"), _reference.gather_segment(*sample, "sum"))
    close(kernels.gather_dot(x[:4], x, ptr, index), _reference.gather_dot(x[:4], sample.x, sample.ptr, sample.index))
    assert torch.equal(kernels.segment_repeat(x[:4], ptr, 75), _reference.segment_repeat(x[:4], ptr, 75))


@pytest.mark.parametrize("place", [0, 1, 17, 99])
def test_a_maximum_with_nan_is_nan(place: int, kernels: ModuleType) -> None:
    x = torch.arange(200.0).view(100, 2)
    x[place, 1] = torch.nan
    ptr = torch.tensor([0, 0, 2, 100])
    got = kernels.segment_reduce(x, ptr, "max")
    assert torch.equal(got.isnan(), _reference.segment_reduce(x, ptr, "max").isnan())
    assert torch.equal(got[:, 0], torch.tensor([0.0, 2, 198]))


def test_maxima_may_be_infinite(kernels: ModuleType) -> None:
    x, ptr = torch.tensor([[-torch.inf], [-torch.inf], [torch.inf], [1.0]]), torch.tensor([0, 2, 4, 4])
    assert kernels.segment_reduce(x, ptr, "max").tolist() == [[-torch.inf], [torch.inf], [0]]


def test_means_of_long_segments_of_halves_do_not_overflow(kernels: ModuleType) -> None:
    x, ptr = torch.full((700, 2), 100, dtype=torch.float16), torch.tensor([0, 700])
    index, ten = torch.arange(700), torch.full((700,), 10, dtype=torch.float16)
    assert kernels.segment_reduce(x, ptr, "mean").tolist() == [[100, 100]]
    assert kernels.gather_segment(x, ptr, index, ten, "mean").tolist() == [[1000, 1000]]
    assert [part.tolist() for part in scatter.class_moments(x, index * 0, 1)[1:]] == [
        [[100, 100]],
        [[10000, 10000]],
        [[0, 0]],
    ]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_nearest_code_is_that_of_the_specification(width: int, dtype: torch.dtype, kernels: ModuleType) -> None:
    codes = draw([], width, dtype, rows=130).x
    x, offset = draw([], width, dtype, rows=70, seed=1).x, codes.square().sum(1) / 2
    index = kernels.nearest(x, codes, offset)
    assert torch.equal(index, _reference.nearest(x, codes, offset))
    assert torch.equal(index, torch.cdist(x, codes, compute_mode="donot_use_mm_for_euclid_dist").argmin(1))
    for metric in ("euclidean", "cosine"):
        got = scatter.nearest_code(x, codes, metric)
        assert torch.equal(got[0], scatter.nearest_code(x, codes, metric, max_bytes=9 * (130 + 3 * width) * 8)[0])


@pytest.mark.parametrize("apart", [1, 5, 64, 100])
def test_of_equal_scores_the_first_is_nearest(apart: int, kernels: ModuleType) -> None:
    codes = torch.zeros(200, 3)
    codes[[7, 7 + apart]] = torch.tensor([1.0, 2.0, -1.0])
    assert kernels.nearest(codes[7:8], codes, codes.square().sum(1) / 2).tolist() == [7]
    assert kernels.nearest(torch.ones(2, 3), codes * 0, torch.zeros(200)).tolist() == [0, 0]


@pytest.mark.parametrize("odd", [False, True], ids=["plain", "factors"])
@pytest.mark.parametrize("lengths", [*LENGTHS, [1, 0] * 70 + [40]])
def test_ids_are_those_of_python_integers(lengths: list[int], odd: bool, kernels: ModuleType) -> None:
    _, ptr, index, _ = draw(lengths, rows=9)
    label, child, factor = words(len(lengths), 2), words(9, 2, seed=1), words(len(index), 1) | 1
    ids = kernels.tree_hash_step(label, child, ptr, index, factor if odd else None)
    assert torch.equal(ids, _reference.tree_hash_step(label, child, ptr, index, factor if odd else None))
    naive = tree_hash_step_naive(label, child, ptr, index, factor if odd else None, _reference.LABEL)
    assert [[lane % 2**64 for lane in row] for row in ids.tolist()] == naive


def test_unsorted_segments_are_refused() -> None:
    x, _, index, weight = draw([2, 0, 3])
    unsorted = torch.tensor([0, 3, 2, 5])
    with pytest.raises(ValueError, match="ptr must not decrease, got 3 before 2; sort the entries with sort_by"):
        scatter.segment_sum(x[index], unsorted)
    with pytest.raises(ValueError, match="ptr must not decrease, got 3 before 2"):
        scatter.gather_segment(x, unsorted, index, weight)
    with pytest.raises(ValueError, match="ptr must not decrease, got 3 before 2"):
        scatter.tree_hash_step(words(3, 2), words(7, 2), unsorted, index)


def test_the_same_bits_twice() -> None:
    sample = draw([7, 0, 90], 33, torch.float32)
    assert torch.equal(scatter.gather_segment(*sample), scatter.gather_segment(*sample))


@pytest.mark.parametrize("kernels", [2], indirect=True)
@pytest.mark.parametrize(
    "name", ["segment sum", "segment mean", "segment max", "repeat", "gather sum", "gather mean", "held", "moments"]
)
def test_first_and_second_derivatives(name: str) -> None:
    sample = draw([1, 0, 3], 1, rows=3)
    _, ptr, index, weight = sample
    entries, x, w = leaves(sample.gathered, sample.x, weight)
    function, inputs = {
        "segment sum": (lambda x: scatter.segment_sum(x, ptr), (entries,)),
        "segment mean": (lambda x: scatter.segment_mean(x, ptr), (entries,)),
        "segment max": (lambda x: scatter.segment_max(x, ptr), leaves(draw([], 1, rows=4).x)),
        "repeat": (lambda x: scatter.segment_repeat(x, ptr, 4), (x,)),
        "gather sum": (lambda x, w: scatter.gather_segment(x, ptr, index, w), (x, w)),
        "gather mean": (lambda x, w: scatter.gather_segment(x, ptr, index, w, "mean"), (x, w)),
        "held": (lambda x: scatter.Segments(ptr, index, len(x), weight).mean(x), (x,)),
        "moments": (lambda x: scatter.class_moments(x, index, 4)[1:], (entries,)),
    }[name]
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)
