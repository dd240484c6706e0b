import pytest

from graphdistill.mirage import MirageConfig


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"hops": -1}, "--hops must be 0 or more, got -1"),
        ({"bytes": 0}, "--bytes must be 1 or more, got 0"),
        ({"fraction": 0.0}, "--fraction must be above 0, got 0.0"),
        ({"fraction": float("nan")}, "--fraction must be above 0, got nan"),
        ({"label_bits": 9}, "--label-bits must be from 1 to 8, got 9"),
        ({"thresholds": ()}, r"--thresholds takes one support of 1 or more per class, got \(\)"),
        ({"thresholds": (5, 0)}, r"per class, got \(5, 0\)"),
        ({"bytes": 10, "lossless": True}, "--bytes and --lossless each set the size; give one of them"),
        ({"thresholds": (1,), "fraction": 0.1}, "--thresholds and --fraction each set the size"),
    ],
)
def test_errors_name_the_option_and_the_value(words, message):
    with pytest.raises(ValueError, match=message):
        MirageConfig(**words)


def test_defaults():
    assert MirageConfig() == MirageConfig(hops=2, verify=False)
