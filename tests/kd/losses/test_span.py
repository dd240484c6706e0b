import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.kd.losses.span import SpanRelations
from tests.kd.losses.checks import check_errors, check_gradient, check_safe, softmax


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 99), st.booleans())
def test_it_is_the_naive_loop(windows, length, seed, labelled):
    draws = torch.Generator().manual_seed(seed)
    n = windows * length
    s, t = torch.randn(2, n, 3, dtype=torch.float64, generator=draws)
    y = torch.randint(-1, 5, (n,), generator=draws) if labelled else None
    p, q = [[softmax(row, 2) for row in z.tolist()] for z in (t, s)]
    ends = {-1, 0, 2}
    want = []
    for i in range(n):
        joined = i % length < length - 1 and (y is None or not {int(y[i]), int(y[i + 1])} & ends)
        gaps = [q[i][c] * q[i + 1][c] - p[i][c] * p[i + 1][c] for c in range(3)] if joined else []
        want.append(sum(gap**2 for gap in gaps))
    got = SpanRelations(boundaries=(0, 2), window=length, temperature=2.0)(s, t, y)
    torch.testing.assert_close(got, torch.tensor(want, dtype=torch.float64))


def test_what_holds_for_all_losses():
    check_safe(SpanRelations())
    check_gradient(SpanRelations(temperature=2.0))
    check_errors(SpanRelations())


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="window must be 1 or more, got 0"):
        SpanRelations(window=0)
    with pytest.raises(ValueError, match="rows must be whole windows of 4 positions, got 6 rows"):
        SpanRelations(window=4)(torch.zeros(6, 2), torch.zeros(6, 2))
