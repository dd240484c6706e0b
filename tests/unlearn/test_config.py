from pathlib import Path

import pytest

from graphdistill.unlearn.config import Command


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"forget_class": 3, "forget_share": 0.1}, "--forget-class and --forget-share both say what is forgotten"),
        ({"request": Path("r"), "forget_class": 0}, "--request and --forget-class both say what is forgotten"),
        ({"forget_share": 0.0}, "--forget-share must be above 0 and below 1, got 0.0"),
        ({"forget_share": 1.0}, "--forget-share must be above 0 and below 1, got 1.0"),
        ({"seeds": 0}, "--seeds must be 1 or more, got 0"),
        ({"method": "lfa"}, "--method 'lfa' is unknown. Did you mean laf?"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Command(**options)
