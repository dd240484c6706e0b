import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.core.codec.static_coder import StaticCoder


def drawn(channels, levels, count, seed):
    """Frequencies that differ widely, and symbols that follow them."""
    draws = torch.Generator().manual_seed(seed)
    frequency = (torch.rand(channels, levels, generator=draws) * 12).exp2().mul(8).long() + 1
    symbols = torch.multinomial(frequency.double(), count, replacement=True, generator=draws)
    return frequency, symbols


@settings(max_examples=25, deadline=None)
@given(channels=st.integers(1, 4), bits=st.integers(1, 7), count=st.integers(1, 60), seed=st.integers(0, 2**20))
def test_symbols_come_back_in_the_bytes_of_their_ideal_code(channels, bits, count, seed):
    frequency, symbols = drawn(channels, 2**bits, count, seed)
    coder = StaticCoder(frequency)
    data = coder.encode(symbols)
    assert torch.equal(coder.decode(data, count), symbols)
    share = frequency.double() / frequency.sum(dim=1, keepdim=True)
    ideal = -share.log2().gather(1, symbols).sum().item() / 8
    assert ideal - 1 <= len(data) <= 1.002 * ideal + 3


def test_another_range_coder_needs_as_many_bytes():
    constriction = pytest.importorskip("constriction")
    import numpy as np

    frequency, symbols = drawn(3, 64, 2000, 0)
    encoder = constriction.stream.queue.RangeEncoder()
    for row, channel in zip(frequency, symbols, strict=True):
        share = (row.double() / row.sum()).numpy()
        model = constriction.stream.model.Categorical(share, perfect=False)
        encoder.encode(channel.numpy().astype(np.int32), model)
    theirs = 4 * len(encoder.get_compressed())
    assert len(StaticCoder(frequency).encode(symbols)) == pytest.approx(theirs, rel=0.002, abs=6)


def test_likely_symbols_take_no_bytes():
    coder = StaticCoder(torch.tensor([[1, 1 << 24]]))
    assert len(coder.encode(torch.ones(1, 100, dtype=torch.long))) <= 1
    assert coder.decode(b"", 0).shape == (1, 0)
    rare = coder.encode(torch.zeros(1, 100, dtype=torch.long))
    assert len(rare) == pytest.approx(100 * 16 / 8, abs=3)  # a bit has a chance of 1/65536 or more
    assert math.isclose(coder.decode(rare, 100).sum(), 0)


def test_damaged_bytes_and_wrong_tables_are_refused():
    frequency, symbols = drawn(2, 8, 200, 1)
    coder = StaticCoder(frequency)
    data = coder.encode(symbols)
    for changed, count in ((data[: len(data) // 2], 200), (data + b"12345", 200), (data, 20), (data, 900)):
        with pytest.raises(ValueError, match=r"are not \d+ symbols of each of 2 channels of this table"):
            coder.decode(changed, count)
    with pytest.raises(ValueError, match="symbols must be 0 to 7, got 0 to 8"):
        coder.encode(torch.tensor([[8], [0]]))
    with pytest.raises(ValueError, match=r"symbols must be integers \[2, P\], got torch.int64 \[3, 1\]"):
        coder.encode(torch.zeros(3, 1, dtype=torch.long))
    for table in (torch.ones(3), torch.ones(3, 6, dtype=torch.long), torch.ones(2, 8)):
        with pytest.raises(ValueError, match=r"frequency must be integers \[K, L\] with L a power of two"):
            StaticCoder(table)
    with pytest.raises(ValueError, match="frequencies must be 1 to 16777216, got 0 to 1"):
        StaticCoder(torch.tensor([[0, 1]]))
