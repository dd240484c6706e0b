import pytest

from graphdistill.kd.config import Command, KDConfig


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"steps": 0}, "--steps must be 1 or more, got 0"),
        ({"batch_size": 0}, "--batch-size must be 1 or more, got 0"),
        ({"lr": 0.0}, "--lr must be above 0, got 0"),
        ({"weight_decay": -1.0}, "--weight-decay must be 0 or more, got -1"),
    ],
)
def test_a_config_is_checked(words, message):
    with pytest.raises(ValueError, match=message):
        KDConfig(**words)


def test_a_command_is_checked():
    with pytest.raises(ValueError, match="--seeds must be 1 or more, got 0"):
        Command(seeds=0)
    with pytest.raises(ValueError, match="--labels must be 1 or more, got 0"):
        Command(labels=0)
    with pytest.raises(ValueError, match="--method 'tiad' is unknown"):
        Command(method="tiad")
