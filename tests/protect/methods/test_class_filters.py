import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import correlate

from graphdistill.core.randomness import generator
from graphdistill.protect.methods.class_filters import Config, check, filtered, protect, randomize, secrets
from tests.protect.samples import images

PAPER = Config(filter_size=3, blur=0.3)


@given(st.integers(2, 6), st.integers(1, 3), st.integers(0, 2**128))
def test_an_image_is_filtered_as_by_scipy_and_divided_by_its_maximum(size, channels, key):
    x, y = torch.rand(4, channels, 7, 9, generator=generator(0, "x")), torch.tensor([1, 0, 2, 1])
    found = protect(x, y, Config(filter_size=size), key)
    filters = secrets(Config(filter_size=size), 3, key, (7, 9))
    for place, label in enumerate(y):
        # An even filter has its middle left of the centre, as padding with one pixel less before does.
        origin = -1 if size % 2 == 0 else 0
        whole = [
            correlate(x[place, c].double().numpy(), filters[label].double().numpy(), mode="constant", origin=origin)
            for c in range(channels)
        ]
        want = np.stack(whole) / np.max(whole)
        np.testing.assert_allclose(found[place].numpy(), want, atol=1e-6)


@given(st.integers(2, 5), st.floats(0.01, 1.0), st.integers(0, 2**128))
def test_one_random_place_of_a_filter_has_one_and_the_others_less(size, blur, key):
    filters = secrets(Config(filter_size=size, blur=blur), 5, key, (8, 8)).flatten(1)
    assert filters.shape == (5, size * size)
    top = filters.sort(dim=1, descending=True).values
    assert bool((top[:, 0] == 1).all())
    assert bool(((filters >= 0) & (filters <= max(blur, 1))).all())
    assert bool((top[:, 1] < 1).all())
    assert bool((top[:, 1] <= blur + 1e-6).all())


def test_places_and_weights_are_uniform():
    filters = torch.cat([secrets(PAPER, 10, key, (8, 8)) for key in range(300)]).flatten(1)
    counts = (filters == 1).sum(dim=0).double()
    assert float(((counts - 3000 / 9) ** 2 / (3000 / 9)).sum()) < 26.1  # chi-squared of 8, 0.1 %
    rest = filters[filters < 1] / 0.3
    assert float((rest.histc(10, 0, 1) / len(rest) - 0.1).abs().max()) < 0.01


def test_a_key_gives_the_same_bits_everywhere():
    filters = secrets(PAPER, 2, 2**100 + 7, (8, 8))
    digest = hashlib.sha256(filters.numpy().tobytes()).hexdigest()[:16]
    assert digest == "06bfe6e5bf69b93f"
    assert not torch.equal(filters, secrets(PAPER, 2, 2**100 + 8, (8, 8)))
    # The filter of a class does not depend on how many classes there are.
    assert torch.equal(filters, secrets(PAPER, 9, 2**100 + 7, (8, 8))[:2])
    x = torch.rand(5, 1, 8, 8, generator=generator(0, "x"))
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(protect(x, torch.arange(5), Config(), 3))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)
    assert torch.equal(protect(x[2:3], torch.tensor([2]), Config(), 3), found[0][2:3])


def test_black_images_stay_black():
    assert bool((filtered(torch.zeros(2, 1, 4, 4), torch.rand(2, 3, 3)) == 0).all())


def test_images_of_random_filters_differ_and_do_not_know_the_key():
    x = images().images[:1].expand(4, -1, -1, -1)
    found = randomize(x, Config(), generator(0, "draws"))
    assert found.shape == x.shape
    assert len({image.numpy().tobytes() for image in found}) == 4
    assert torch.equal(found, randomize(x, Config(), generator(0, "draws")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter_size": 1}, "--filter-size must be 2 or more, got 1"),
        ({"blur": 0.0}, "--blur must be above 0 and at most 1, got 0.0"),
        ({"blur": 1.5}, "--blur must be above 0 and at most 1, got 1.5"),
        ({"blur": float("nan")}, "--blur must be above 0 and at most 1, got nan"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Config(**options)


def test_filters_larger_than_images_are_refused():
    check(Config(filter_size=8), (8, 9))
    with pytest.raises(ValueError, match="--filter-size 9 is larger than images of 8 x 9 pixels; give 8 or less"):
        check(Config(filter_size=9), (8, 9))
