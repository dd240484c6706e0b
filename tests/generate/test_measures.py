from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from graphdistill.generate.measures import (
    frechet_distance,
    held_out,
    in_class_spread,
    kernel_distance,
    precision_recall,
    real_entries,
)
from graphdistill.generate.space import entries_of
from tests.generate.samples import images

SEED = torch.Generator().manual_seed
SIZES = st.tuples(st.integers(4, 12), st.integers(4, 12), st.integers(1, 4), st.integers(0, 99))


def pair(n, m, size, seed):
    """Two sets of features, of which the second is stretched and moved."""
    draws = SEED(seed)
    first, second = torch.randn(n, size, generator=draws), torch.randn(m, size, generator=draws)
    return first, 1.5 * second @ torch.randn(size, size, generator=draws) + 0.7


@given(SIZES)
def test_the_frechet_distance_is_that_of_the_matrix_root(sizes):
    first, second = pair(*sizes)
    a, b = first.double().numpy(), second.double().numpy()
    one, two = (np.cov(values, rowvar=False).reshape(sizes[2], sizes[2]) for values in (a, b))
    root = np.real(sqrtm(one @ two))
    expected = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + np.trace(one + two - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)


def test_fewer_entries_than_features_still_have_a_distance():
    first, second = pair(5, 5, 40, 0)
    assert np.isfinite(frechet_distance(first, second))
    assert frechet_distance(first, second) > frechet_distance(first, first) >= 0


@given(SIZES)
def test_the_kernel_distance_is_that_of_a_double_loop(sizes):
    first, second = pair(*sizes)
    size = sizes[2]

    def kernel(x, y):
        return (float(x.double() @ y.double()) / size + 1) ** 3

    def own(values):
        n = len(values)
        return sum(kernel(values[i], values[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))

    across = sum(kernel(x, y) for x in first for y in second) / (len(first) * len(second))
    assert kernel_distance(first, second) == pytest.approx(own(first) + own(second) - 2 * across, rel=1e-6, abs=1e-6)


@given(SIZES, st.integers(1, 5))
def test_precision_and_recall_are_those_of_a_double_loop(sizes, neighbours):
    real, drawn = pair(*sizes)

    def among(entries, others):
        inside = 0
        for entry in entries:
            for i, other in enumerate(others):
                near = sorted(float((other - o).norm()) for j, o in enumerate(others) if j != i)
                if float((entry - other).norm()) <= near[min(neighbours, len(near)) - 1]:
                    inside += 1
                    break
        return inside / len(entries)

    assert precision_recall(real, drawn, neighbours) == pytest.approx((among(drawn, real), among(real, drawn)))


def test_entries_that_repeat_real_ones_are_among_them():
    real = torch.randn(60, 5, generator=SEED(0)).repeat(2, 1) + 100
    assert precision_recall(real, real.clone()) == (1.0, 1.0)
    assert precision_recall(real, real + 1000) == (0.0, 0.0)


def test_the_spread_is_that_of_a_loop_over_classes():
    x, y = torch.randn(20, 1, 2, 3, generator=SEED(0)), torch.arange(20) % 3
    y[-1] = 7  # alone, and so without a spread
    classes = [x[y == label].numpy().reshape(-1, 6) for label in (0, 1, 2)]
    assert in_class_spread(x, y) == pytest.approx(np.mean([part.std(axis=0).mean() for part in classes]), rel=1e-5)
    assert in_class_spread(x[:3], torch.arange(3)) == 0.0


def test_real_entries_are_training_entries_of_the_classes_that_were_asked_for():
    data = entries_of(images())
    train, labels = data.split("train")
    y = torch.tensor([0] * 7 + [2, 1, 1])
    found = real_entries(data, y)
    for entry, label in zip(found, y, strict=True):
        place = int((train == entry).flatten(1).all(dim=1).nonzero())
        assert labels[place] == label
    # Each of the five is drawn before one repeats.
    assert len(found[:7].unique(dim=0)) == 5
    assert torch.equal(found, real_entries(data, y))
    assert not torch.equal(found, real_entries(data, y, 1))


def test_real_entries_are_near_and_noise_is_far():
    data = entries_of(images())
    held = held_out(data)
    assert torch.equal(held.y, data.split("test")[1])
    real = held.measure(real_entries(data, held.y, 99), held.y)
    noise = held.measure(torch.randn(len(held.y), *data.shape, generator=SEED(0)), held.y)
    assert list(real) == ["Frechet", "MMD", "spread", "precision", "recall", "as asked"]
    assert real["Frechet"] == pytest.approx(1, abs=0.7)
    assert noise["Frechet"] > 3 * real["Frechet"]
    assert real["as asked"] == 1.0
    wrong = held.measure(real_entries(data, (held.y + 1) % 3), held.y)
    assert wrong["as asked"] == 0.0
    same = held.measure(data.split("test")[0], held.y)
    assert (same["Frechet"], same["precision"], same["recall"]) == (pytest.approx(0, abs=1e-3), 1.0, 1.0)


def test_the_classifier_is_always_the_same_and_may_be_asked_about_validation_entries():
    data = entries_of(images())
    one, two = held_out(data), held_out(data, "valid")
    z = data.split("train")[0]
    assert torch.equal(one.embed(z), two.embed(z))
    assert torch.equal(two.y, data.split("valid")[1])


def test_data_without_distances_are_refused():
    data = images()
    with pytest.raises(ValueError, match="rows has 5 test entries; distances need 6 or more"):
        held_out(entries_of(replace(data, test=data.test[:5])))
    some = data.train[data.y[data.train] != 2]
    with pytest.raises(ValueError, match="rows has test entries of class 2, but no training entries of it"):
        held_out(entries_of(replace(data, train=some)))
    twice = data.images.clone()
    twice[data.test] = twice[data.train[:1]]
    twice[data.train] = twice[data.train[:1]]
    with pytest.raises(ValueError, match="rows has test entries that are equal to training entries; distances need"):
        held_out(entries_of(replace(data, images=twice)))
