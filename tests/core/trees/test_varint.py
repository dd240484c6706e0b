from __future__ import annotations

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from graphdistill.core.trees.varint import decode, encode, lengths

EDGES = [0, *(2**b + d for b in range(7, 63, 7) for d in (-1, 0)), 2**63 - 1]
numbers = st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 300), max_size=30)


def encode_naive(values: list[int]) -> list[int]:
    out = []
    for value in values:
        while value >= 128:
            out.append(128 + value % 128)
            value //= 128
        out.append(value)
    return out


@given(numbers)
@example(EDGES)
@example([])
def test_a_stream_is_leb128_and_is_read_back(values: list[int]) -> None:
    stream = encode(torch.tensor(values, dtype=torch.long))
    assert stream.dtype == torch.uint8
    assert stream.tolist() == encode_naive(values)
    back = decode(stream)
    assert back.dtype == torch.long
    assert back.tolist() == values


@given(numbers)
@example(EDGES)
def test_lengths_are_known_before(values: list[int]) -> None:
    want = [len(encode_naive([value])) for value in values]
    assert lengths(torch.tensor(values, dtype=torch.long)).tolist() == want


def test_encoding_leaves_its_input_as_it_was() -> None:
    values = torch.tensor([300, 5])
    encode(values)
    assert values.tolist() == [300, 5]


@given(numbers, st.integers(128, 2**63 - 1))
def test_a_stream_that_was_cut_is_refused(values: list[int], last: int) -> None:
    stream = encode(torch.tensor([*values, last]))[:-1]
    with pytest.raises(ValueError, match=r"^the byte stream ends inside of a number; the file is damaged$"):
        decode(stream)
