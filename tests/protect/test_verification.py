from dataclasses import replace

import numpy as np
import pytest
import torch

from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.protect import ClassFiltersConfig, protect, verify_protection
from graphdistill.protect.verification import Verification, _correlation
from tests.protect.samples import KEY, images


def test_the_key_reproduces_every_image_and_another_does_not():
    protected = protect(images(), KEY, ClassFiltersConfig(filter_size=5))
    found = verify_protection(images(), protected, KEY)
    assert (found.same, found.p, found.holds) == (1.0, 0.01, True)
    assert found.correlation == pytest.approx(1)
    other = verify_protection(images(), protected, KEY + "!")
    assert other.same == 0
    assert other.correlation < found.correlation
    assert not other.holds


def test_changed_images_are_still_explained_best_by_their_key():
    protected = protect(images(), KEY)
    noise = 0.1 * torch.randn(protected.data.shape, generator=torch.Generator().manual_seed(0))
    found = verify_protection(images(), replace(protected, data=(protected.data + noise).clamp(0, 1)), KEY)
    assert found.same == 0
    assert (found.p, found.holds) == (0.01, True)


def test_images_that_nobody_protected_are_not_explained():
    real = replace(protect(images(), KEY), data=images().images[:60])
    assert verify_protection(images(), real, KEY).correlation < 0.99


def test_correlations_are_those_of_numpy():
    a, b = (torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    want = [np.corrcoef(x.flatten().numpy(), y.flatten().numpy())[0, 1] for x, y in zip(a, b, strict=True)]
    assert _correlation(a, b) == pytest.approx(np.mean(want), abs=1e-6)
    a[0] = 0.5
    assert _correlation(a, b) == pytest.approx(np.mean(want[1:]), abs=1e-6)


def test_a_verification_counts_other_keys_that_do_as_well():
    assert (Verification(0.0, 0.5, (0.5, 0.2, 0.1)).p, Verification(0.0, 0.5, (0.5, 0.2)).holds) == (0.5, False)


def test_a_key_that_is_a_little_better_than_others_explains_nothing():
    assert not Verification(0.0, 0.62, (0.6, 0.5)).holds
    assert not Verification(0.0, 0.89, (0.6, 0.5)).holds
    assert Verification(0.0, 0.91, (0.6, 0.5)).holds
    assert Verification(1.0, 1.0, (1.0, 0.5)).holds


def test_sets_of_other_data_are_refused():
    protected = protect(images(), KEY)
    cut = SyntheticSet(protected.data[:9], protected.y[:9], torch.ones(9), meta=protected.meta)
    with pytest.raises(
        ValueError, match=r"the set has images \[9, 1, 8, 8\] and rows \[60, 1, 8, 8\], or labels differ"
    ):
        verify_protection(images(), cut, KEY)
    with pytest.raises(ValueError, match="the set was made by 'herding', not by a method of protection"):
        verify_protection(images(), protected.with_meta({"method": "herding", "options": {}}), KEY)
