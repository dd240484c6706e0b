import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from graphdistill.core.evaluation.paired import paired


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_mean_and_error_are_those_of_numpy_and_scipy(pairs):
    values, others = zip(*pairs, strict=True)
    found, differences = paired(values, others), np.subtract(values, others)
    assert found.mean == pytest.approx(differences.mean(), abs=1e-12)
    assert found.error == pytest.approx(stats.sem(differences), abs=1e-12)
    assert (found.wins, found.count) == (int((differences > 0).sum()), len(pairs))


def test_one_seed_has_no_error():
    assert math.isnan(paired([0.5], [0.25]).error)
    assert str(paired([0.5], [0.25])) == "+0.250 (1 seed)"
    assert paired([0.5, 0.5], [0.25, 0.25]).points() == "+25.00 ± 0.00 (2 of 2 seeds)"


def test_the_seeds_must_be_the_same():
    with pytest.raises(ValueError, match="paired scores need the same seeds, one or more, got 2 and 1"):
        paired([0.5, 0.5], [0.5])
