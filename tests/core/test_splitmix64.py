import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.splitmix64 import FACTORS, mix, signed, word

words = st.integers(0, 2**64 - 1)


def finalise(z: int) -> int:
    """splitmix64's finaliser on Python's own integers."""
    z = ((z ^ (z >> 30)) * FACTORS[0]) % 2**64
    z = ((z ^ (z >> 27)) * FACTORS[1]) % 2**64
    return z ^ (z >> 31)


@given(st.lists(words, min_size=1, max_size=5))
def test_mixing_is_that_of_unsigned_words(values: list[int]) -> None:
    mixed = mix(torch.tensor([signed(v) for v in values]))
    assert [v % 2**64 for v in mixed.tolist()] == [finalise(v) for v in values]


@given(words)
def test_signed_words_are_the_same_modulo_two_to_the_64(value: int) -> None:
    assert -(2**63) <= signed(value) < 2**63
    assert signed(value) % 2**64 == value


def test_the_published_sequence() -> None:
    """The first outputs of splitmix64 from seed 0, apart from the lowest bit, which is set here."""
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [word(n) % 2**64 for n in (1, 2, 3)] == [p | 1 for p in published]


def test_mixing_works_in_place() -> None:
    z = torch.tensor([3])
    assert mix(z) is z


@pytest.mark.parametrize("number", range(20))
def test_words_are_odd(number: int) -> None:
    assert word(number) % 2 == 1
