import math

import pytest

from graphdistill.core.codec.tables import (
    STRETCH_LIMIT,
    count_buckets,
    learning_rates,
    rate_table,
    squash_table,
    stretch_table,
)


def test_squash_is_the_logistic_function():
    table = squash_table()
    assert len(table) == 2 * STRETCH_LIMIT + 1
    for x in range(-STRETCH_LIMIT, STRETCH_LIMIT + 1, 97):
        assert abs(table[x + STRETCH_LIMIT] - 65536 / (1 + math.exp(-x / 256))) < 1.5
    assert table == sorted(table)


def test_stretch_is_its_inverse():
    squash = squash_table()
    for p, x in enumerate(stretch_table()):
        assert squash[x + STRETCH_LIMIT] >= p * 16 + 8
        assert squash[x + STRETCH_LIMIT - 1] < p * 16 + 8


def test_rates_fall_with_the_count():
    assert rate_table()[0] == pytest.approx(65536 / 1.4, abs=1)
    assert rate_table()[255] == 65536 // 255
    rates = learning_rates()
    assert rates[0] == 3932
    assert rates[-1] == 393
    assert rates == sorted(rates, reverse=True)


def test_buckets_of_counts():
    assert [count_buckets()[n] for n in (0, 1, 2, 3, 5, 9, 21, 61, 255)] == [0, 1, 2, 3, 4, 5, 6, 7, 7]
