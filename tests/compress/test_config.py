import pytest

from graphdistill.compress.config import Command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"seeds": 0}, "--seeds must be 1 or more, got 0"),
        ({"labels": 0}, "--labels must be 1 or more, got 0"),
        ({"method": "sparse"}, "--method 'sparse' is unknown"),
        ({"lr": 0.0}, "--lr must be above 0, got 0"),
        ({"seed": -1}, "--seed must be 0 or more, got -1"),
    ],
)
def test_options_out_of_range_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        Command(**words)
