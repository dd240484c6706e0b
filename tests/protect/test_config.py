import pytest

from graphdistill.protect.config import Command


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "cuda"}, "--method 'cuda' is unknown"),
        ({"trainings": 0}, "--trainings must be 1 or more, got 0"),
        ({"steps": 0}, "--steps must be 1 or more, got 0"),
        ({"noise": 0.0}, "--noise must be above 0, got 0.0"),
        ({"epsilon": float("inf")}, "--epsilon must be above 0, got inf"),
        ({"networks": ()}, "--networks is empty; choose from ConvNet, MLP, ViT"),
        ({"seed": -1}, "--seed must be 0 or more"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Command(**options)
