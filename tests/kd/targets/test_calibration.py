import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.kd.targets.calibration import CalibratedTarget, self_mix


@given(st.integers(0, 2**31), st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0, 0.9))
def test_targets_are_the_rule_row_by_row(seed, cuts, smoothing):
    low, middle, high = sorted(cuts)
    g = torch.Generator().manual_seed(seed)
    p = (3 * torch.randn(9, 4, generator=g)).softmax(dim=1)
    y = torch.randint(-1, 4, (9,), generator=g)
    target, keep = CalibratedTarget(low, middle, high, smoothing)(p, y)
    for i in range(9):
        label = int(y[i]) if y[i] >= 0 else int(p[i].argmax())
        sure = float(p[i, label])
        assert bool(keep[i]) == (low <= sure <= high)
        if sure < middle:
            want = torch.full((4,), smoothing / 4)
            want[label] += 1 - smoothing
            torch.testing.assert_close(target[i], want)
        else:
            assert torch.equal(target[i], p[i])
    torch.testing.assert_close(target.sum(dim=1), torch.ones(9))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"low": 0.5}, "low, middle and high must be 0 to 1 in this order, got 0.5, 0.3 and 0.999"),
        ({"high": 1.1}, "got 0.1, 0.3 and 1.1"),
        ({"smoothing": 1.0}, r"smoothing must be 0 to below 1, got 1\.0"),
    ],
)
def test_options_are_checked(options, text):
    with pytest.raises(ValueError, match=text):
        CalibratedTarget(**options)


@pytest.mark.parametrize("seed", range(20))
def test_a_rectangle_of_the_other_region_is_put_in(seed):
    g = torch.Generator().manual_seed(seed)
    pair = torch.rand(2, 3, 2, 6, 9, generator=g)
    mixed, where, left = self_mix(pair, g)
    rows, columns = where.any(dim=1).nonzero().flatten(), where.any(dim=0).nonzero().flatten()
    assert int(where.sum()) == len(rows) * len(columns)  # a full rectangle
    assert len(rows) == 0 or len(rows) == int(rows[-1] - rows[0]) + 1
    assert left == pytest.approx(1 - int(where.sum()) / 54)
    assert torch.equal(mixed[..., where], pair[1][..., where])
    assert torch.equal(mixed[..., ~where], pair[0][..., ~where])


def test_all_shares_are_equally_frequent():
    g = torch.Generator().manual_seed(0)
    shares = torch.tensor([self_mix(torch.zeros(2, 1, 1, 64, 64), g)[2] for _ in range(2000)])
    found = torch.histc(shares, 4, 0, 1) / 2000
    assert (found - 0.25).abs().max() < 0.04
