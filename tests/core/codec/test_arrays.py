import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphdistill.core.codec import arrays, decode_array, encode_array
from graphdistill.core.codec.header import seal
from graphdistill.datasets import load

DTYPES = ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
SMALL = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)


def generator():
    return torch.Generator().manual_seed(0)


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()


def check_round_trip(values):
    data = encode_array(values)
    assert same_bits(decode_array(data, limit=max(values.numel(), *values.shape, 0)), values)
    assert encode_array(values) == data
    return data


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(np.dtype(d), SMALL)))
def test_arrays_of_all_dtypes_and_shapes_come_back(values):
    data = check_round_trip(torch.from_numpy(values.copy()))
    assert len(data) <= values.nbytes + 7 + 2 * values.ndim


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_every_form_holds_arrays_of_few_and_of_many_values(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6))
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    few = data.draw(st.lists(hnp.from_dtype(dtype), min_size=1, max_size=5))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    check_round_trip(torch.from_numpy(rng.choice(np.array(few, dtype), shape)))


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (torch.randint(256, (20, 3, 8, 8), generator=generator(), dtype=torch.uint8), arrays.RAW),
        (torch.randint(256, (1000,), generator=generator(), dtype=torch.uint8).repeat(20), arrays.XZ),
        (torch.arange(600, dtype=torch.int16).view(6, 1, 10, 10) // 3 - 40, arrays.LEVELS),
        (torch.randint(2, (50, 40), generator=generator()).float(), arrays.TABLE),
        (torch.randn(100, 40, generator=generator()), arrays.BITS),
        (torch.randn(100, 40, generator=generator()).half(), arrays.BITS),
        (torch.randn(100, 40, generator=generator()).double() / 3, arrays.BITS),
        (torch.randint(-(2**63), 2**62, (3000,), generator=generator()), arrays.BITS),
    ],
)
def test_the_shortest_form_is_taken(values, form):
    assert check_round_trip(values)[0] & 15 == form


def test_extreme_values_of_64_bits_come_back():
    ends = torch.tensor([-(2**63), 2**63 - 1, 0, -1])
    for values in (ends, ends[:2], torch.cat([ends, torch.arange(3000) * 2**50])):
        check_round_trip(values)


def test_bits_of_floats_are_kept():
    special = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 1e-42])
    nan = torch.tensor([0x7FC00001, -1], dtype=torch.int32).view(torch.float32)
    for values in (
        special,
        special.half(),
        special.double(),
        nan,
        torch.cat([special, torch.randn(2000, generator=generator())]),
    ):
        check_round_trip(values)


def test_floats_are_integers_in_the_same_order():
    x = np.sort(np.random.default_rng(0).normal(size=200).astype(np.float32))
    for values in (x, x.astype(np.float16), x / np.float64(3)):
        integers = arrays._integers(values)
        assert (np.diff(integers) >= 0).all()
        assert (arrays._from_integers(integers, values.dtype) == values).all()


def test_images_and_sparse_rows_take_less_than_by_xz():
    images = (load("digits").images[:100] * 16).round().to(torch.uint8)
    data = check_round_trip(images)
    assert len(data) < 0.8 * len(arrays._xz(images.numpy().tobytes()))
    # Flat rows, too, and half floats as well as bytes.
    assert len(encode_array(images.flatten(1))) < len(arrays._xz(images.numpy().tobytes()))
    assert len(encode_array(images.half() / 16)) < len(data) + 20
    sparse = torch.rand(60, 500, generator=generator()) < 0.02
    entropy = -(0.02 * np.log2(0.02) + 0.98 * np.log2(0.98)) * sparse.numel() / 8
    assert len(check_round_trip(sparse.half())) < 1.15 * entropy


def test_noise_does_not_grow():
    noise = torch.randint(0, 256, (4, 3, 8, 8), generator=generator(), dtype=torch.uint8)
    assert len(encode_array(noise)) <= noise.numel() + 12
    # Of 64 bits that are not used, nothing is left; 256 values cannot be learnt to be equally frequent from 768.
    assert len(encode_array(noise.long())) < 1.1 * noise.numel()


@pytest.mark.parametrize("values", [torch.zeros(2, dtype=torch.bool), torch.zeros(2).bfloat16()])
def test_other_dtypes_are_refused(values):
    with pytest.raises(ValueError, match=r"values of torch\.\w+ \[2\] cannot be coded; give one of uint8, int8, int16"):
        encode_array(values)


def test_damaged_streams_are_refused_in_bounded_time():
    streams = [
        encode_array(values)
        for values in (
            torch.arange(60).view(3, 1, 4, 5) % 9,
            (torch.arange(80).view(8, 10) % 7 * 1000).float(),
            torch.randn(40, 30, generator=generator()),
            torch.zeros(0, 3),
        )
    ]
    start, rng = time.process_time(), np.random.default_rng(0)
    for data in streams:
        for k in range(len(data)):
            if k > 40 and k % 97:
                continue
            with pytest.raises(ValueError, match="the coded array"):
                decode_array(data[:k], limit=10**4)
            with pytest.raises(ValueError, match="the coded array"):
                decode_array(data[:k] + bytes([data[k] ^ (1 << rng.integers(8))]) + data[k + 1 :], limit=10**4)
    assert time.process_time() - start < 20


@pytest.mark.parametrize("form", range(arrays.BITS + 1))
def test_hostile_streams_with_right_checksums_are_refused(form):
    rng = np.random.default_rng(form)
    for numbers in ([0, 5, 1], [0, 10, 11], [1, 2**17, 0], [65536, 3], [0, 64], [0, 65], [2**64 - 1, 30], [0, 0, 0]):
        head = bytes([arrays.VERSION << 4 | form, 4, 2, 30, 30])
        # A check of 16 bits fits by chance once in 65,536 times; the draws are fixed.
        data = seal(head + arrays._varints(numbers), rng.bytes(50), 1)
        with pytest.raises(ValueError, match=r"the coded array (was changed|is cut short|holds a header)"):
            decode_array(data, limit=900)


def test_the_header_is_checked_before_anything_is_made():
    data = encode_array(torch.zeros(100, 100))
    with pytest.raises(ValueError, match=r"holds 10000 values of shape \[100, 100\], more than the limit of 9999"):
        decode_array(data, limit=9999)
    with pytest.raises(ValueError, match=r"holds 0 values of shape \[0, 200\], more than the limit of 100"):
        decode_array(encode_array(torch.zeros(0, 200)), limit=100)
    with pytest.raises(ValueError, match="is of version 15; this release reads version 1"):
        decode_array(b"\xf0" + data[1:], limit=10**5)
    with pytest.raises(ValueError, match="a header that is cut short"):
        decode_array(b"", limit=1)


PROGRAM = """
import hashlib, torch
from graphdistill.core.codec import decode_array, encode_array, jit
generator = torch.Generator().manual_seed(0)
x = torch.randn(3, 2, 5, 4, generator=generator)
cases = [(x * 5).to(torch.int16), x.flatten(1).sign(), x.flatten(1).repeat(4, 1), torch.arange(9) * 7]
cases += [(x[:, :1] > 1).to(torch.uint8), torch.randn(1030, generator=generator)]
digest = hashlib.sha256()
for values in cases:
    data = encode_array(values)
    assert torch.equal(decode_array(data, limit=4000), values)
    digest.update(data)
print(jit.COMPILED, digest.hexdigest())
"""


@pytest.mark.bits
def test_compiled_and_plain_functions_give_the_same_bytes(compiled_and_plain):
    pytest.importorskip("numba")
    lines = compiled_and_plain(PROGRAM)
    assert [line[0] for line in lines] == ["True", "False"]
    assert lines[0][1] == lines[1][1]
