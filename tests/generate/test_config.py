import pytest

from graphdistill.generate.config import Command, GenerateConfig


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"steps": 0}, "--steps must be 1 or more, got 0"),
        ({"batch_size": 0}, "--batch-size must be 1 or more, got 0"),
        ({"sampling_steps": 0}, "--sampling-steps must be 1 or more, got 0"),
        ({"lr": 0.0}, r"--lr must be above 0, got 0\.0"),
        ({"lr": float("nan")}, "--lr must be above 0, got nan"),
        ({"ema": 1.0}, r"--ema must be 0 or more and below 1, got 1\.0"),
    ],
)
def test_training_out_of_range_is_refused(words, message):
    for config in (GenerateConfig, Command):
        with pytest.raises(ValueError, match=message):
            config(**words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"method": "dmd3"}, r"--method 'dmd3' is unknown\. Did you mean dmd2\?"),
        ({"teacher_steps": 0}, "--teacher-steps must be 1 or more, got 0"),
        ({"seeds": 0}, "--seeds must be 1 or more, got 0"),
        ({"trainings": 0}, "--trainings must be 1 or more, got 0"),
        ({"seed": -1}, "--seed must be 0 or more, got -1"),
        ({"jobs": 0}, "--jobs must be 1 or more, got 0"),
        ({"image_size": 7}, "--image-size must be 8 or more, got 7"),
        ({"image_size": -8}, "--image-size must be 8 or more, got -8"),
    ],
)
def test_options_out_of_range_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        Command(**words)
