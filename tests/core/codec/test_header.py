import pytest

from graphdistill.core.codec.header import Header, seal, unseal
from graphdistill.core.codec.state import Sizes

SIZES = Sizes(12, 32, 4, 8, 128, 0, 1)


@pytest.mark.parametrize(
    "header",
    [
        Header(5, 0, 9, 3, 1, SIZES),
        Header(70_000, 3, 1, None, 2, SIZES, labels=True),
        Header(5, 0, 1, None, 0, SIZES, labels=True, targets=True),
        Header(1, 0, 0, 0, 0, SIZES, prior="moses500"),
        Header(1, 0, 40, 2, 0, SIZES, float_x=True, step=0.1),
        Header(1, 0, 1, 1, 0, SIZES, float_x=True, float_edge=True, step=2.0**-9),
    ],
)
def test_headers_come_back(header):
    data = header.to_bytes()
    assert Header.read(data + b"rest", 10**6) == (header, len(data))
    for end in range(len(data)):
        with pytest.raises(ValueError, match=r"holds (no|a) header"):
            Header.read(data[:end], 10**6)


def test_other_versions_and_large_numbers_are_refused():
    data = Header(5000, 0, 9, 3, 1, SIZES).to_bytes()
    with pytest.raises(ValueError, match="is of version 15 of the codec; this release reads versions 1 and 2"):
        Header.read(b"\xf0" + data[1:], 10**6)
    with pytest.raises(ValueError, match="names 5000 entries in its header, more than the limit of 4999"):
        Header.read(data, 4999)
    with pytest.raises(ValueError, match="names 128 entries in its header, more than the limit of 60"):
        Header.read(Header(5, 0, 9, 3, 1, SIZES).to_bytes(), 60)
    with pytest.raises(ValueError, match="needs prior number 7, which this release does not have; it has moses500"):
        Header.read(b"\x12\x07" + data[1:], 10**6)
    with pytest.raises(ValueError, match="damaged"):
        Header.read(data[:1] + b"\xff" * 20, 10**6)


def test_a_seal_shows_changes():
    data = seal(b"head", b"body", 0x12345)
    assert unseal(data, 4) == (b"body", 0x2345)
    for k in range(len(data)):
        with pytest.raises(ValueError, match="is cut short or was changed: its checksum does not fit"):
            unseal(data[:k] + bytes([data[k] ^ 1]) + data[k + 1 :], 4)
    with pytest.raises(ValueError, match="checksum"):
        unseal(data[:6], 4)
