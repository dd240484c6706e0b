import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.kd.selectors.negatives import negative_weights


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=6), st.booleans())
def test_weights_are_those_of_a_loop(present, by_frequency):
    found = negative_weights(torch.tensor(present), by_frequency=by_frequency).tolist()
    frequency = [sum(row[t] for row in present) if by_frequency else 1 for t in range(3)]
    for row, weights in zip(present, found, strict=True):
        total = sum(frequency[t] for t in range(3) if not row[t])
        want = [frequency[t] / total if total and not row[t] else 0.0 for t in range(3)]
        assert torch.allclose(torch.tensor(weights), torch.tensor(want))
