import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.kd.targets.calibration import CalibratedTarget


@given(st.integers(0, 2**31), st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0, 0.9))
def test_targets_are_the_rule_row_by_row(seed, cuts, smoothing):
    low, middle, high = sorted(cuts)
    g = torch.Generator().manual_seed(seed)
    z = 3 * torch.randn(9, 4, generator=g)
    p = z.softmax(dim=1)
    y = torch.randint(-1, 4, (9,), generator=g)
    target, keep = CalibratedTarget(low, middle, high, smoothing, 2.0)(z, y)
    for i in range(9):
        label = int(y[i]) if y[i] >= 0 else int(p[i].argmax())
        sure = float(p[i, label])
        assert bool(keep[i]) == (low <= sure <= high)
        if sure < middle:
            want = torch.full((4,), smoothing / 4)
            want[label] += 1 - smoothing
            torch.testing.assert_close(target[i], want)
        else:
            torch.testing.assert_close(target[i], (z[i] / 2).softmax(dim=0))
    torch.testing.assert_close(target.sum(dim=1), torch.ones(9))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"low": 0.5}, "low, middle and high must be 0 to 1 in this order, got 0.5, 0.3 and 0.999"),
        ({"high": 1.1}, "got 0.1, 0.3 and 1.1"),
        ({"temperature": 0.0}, r"temperature must be above 0, got 0\.0"),
        ({"smoothing": 1.0}, r"smoothing must be 0 to below 1, got 1\.0"),
    ],
)
def test_options_are_checked(options, text):
    with pytest.raises(ValueError, match=text):
        CalibratedTarget(**options)
