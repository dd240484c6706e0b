import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.kd.store_codec import MOST_CLASSES, Positions, decode, encode


def draw(seed, num, most, classes, *, scale=8, least=64):
    """Positions with random classes and numbers."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, most + 1, num)
    ids = np.concatenate([np.sort(rng.choice(classes, size, replace=False)) for size in count])
    lows = rng.integers(0, least * scale // 8, num)
    steps = np.concatenate([rng.integers(0, low + 1, size) for low, size in zip(lows, count, strict=True)])
    return Positions(count, lows, rng.integers(0, 24 * scale, num), ids, steps)


def equal(a, b):
    return all(np.asarray(x).tolist() == np.asarray(y).tolist() for x, y in zip(a, b, strict=True))


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 300), st.sampled_from([1, 8, 512]))
def test_positions_come_back(seed, num, classes, scale):
    most = 1 + seed % min(classes, 70)
    given = draw(seed, num, most, classes, scale=scale)
    data = encode(given, most=most, classes=classes, scale=scale)
    assert equal(decode(data, num, most=most, classes=classes, scale=scale), given)


@pytest.mark.parametrize("classes", [65_536, MOST_CLASSES])
def test_large_vocabularies_come_back(classes):
    given = draw(1, 5, 40, classes)
    data = encode(given, most=40, classes=classes, scale=8)
    assert equal(decode(data, 5, most=40, classes=classes, scale=8), given)


def test_all_classes_cost_nothing():
    num, classes = 50, 30
    every = np.tile(np.arange(classes), num)
    given = Positions(np.full(num, classes), np.zeros(num), np.zeros(num), every, np.zeros(num * classes))
    assert len(encode(given, most=classes, classes=classes, scale=8)) < 20


def test_frequent_classes_and_narrow_probabilities_take_fewer_bytes():
    rng = np.random.default_rng(0)
    flat, skewed = draw(0, 300, 8, 1000), []
    share = 1 / np.arange(1, 1001)
    for size in flat.count:
        skewed.append(np.sort(rng.choice(1000, size, replace=False, p=share / share.sum())))
    far = len(encode(flat, most=8, classes=1000, scale=8))
    near = len(encode(flat._replace(ids=np.concatenate(skewed)), most=8, classes=1000, scale=8))
    assert near < 0.9 * far
    assert len(encode(flat._replace(steps=flat.steps % 2), most=8, classes=1000, scale=8)) < 0.9 * far


def test_a_stream_that_ends_early_is_refused():
    given = draw(3, 40, 10, 500)
    data = encode(given, most=10, classes=500, scale=8)
    with pytest.raises(ValueError, match="is cut short"):
        decode(data[: len(data) // 3], 40, most=10, classes=500, scale=8)


@pytest.mark.parametrize("seed", range(5))
def test_any_bytes_give_positions_within_bounds_or_a_refusal(seed):
    data = np.random.default_rng(seed).bytes(3000)
    try:
        back = decode(data, 8, most=6, classes=100, scale=8)
    except ValueError:
        return
    assert len(back.ids) == back.count.sum()
    assert back.count.min() >= 1
    assert back.count.max() <= 6
    assert back.ids.min() >= 0
    assert back.ids.max() < 100
    for part in np.split(back.ids, back.count.cumsum()[:-1]):
        assert (np.diff(part) > 0).all()


def test_the_bytes_are_those_of_every_machine():
    ids = np.concatenate([np.arange(i % 5, 90, 9) for i in range(20)])
    given = Positions(np.full(20, 10), np.arange(20) + 60, np.arange(20), ids, ids % 50)
    data = encode(given, most=10, classes=90, scale=8)
    assert (len(data), hashlib.sha256(data).hexdigest()[:16]) == (262, "55502602c2d13e2a")
