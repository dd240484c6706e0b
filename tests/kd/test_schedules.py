import pytest

from graphdistill.kd.methods import kd
from graphdistill.kd.schedules import scheduled, warmed_up


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_schedule_goes_from_start_to_end_without_turning(shape):
    values = [scheduled(4.0, 1.0, u / 10, shape) for u in range(11)]
    assert (values[0], values[-1], values[5]) == (4.0, pytest.approx(1.0), pytest.approx(2.5))
    assert values == sorted(values, reverse=True)


def test_a_warm_up_grows_to_the_value_and_stays():
    assert [warmed_up(3.0, u, 0.5) for u in (0.0, 0.25, 0.5, 1.0)] == [0.0, 1.5, 3.0, 3.0]
    with pytest.raises(ValueError, match="--weight-end must be 0 or more, got -1"):
        kd.Config(weight_end=-1)
