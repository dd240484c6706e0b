import numpy as np
import pytest

from graphdistill.core.codec.arithmetic import DECODE, ENCODE, finish
from graphdistill.core.codec.entry_coder import code_entries, new_entries
from graphdistill.core.codec.jit import array, compile_all, zeros
from graphdistill.core.codec.model import NUM_MODEL_REGISTERS, new_model


def coded(images, num_levels, common=0):
    """Bytes of entries ``[n, channels, height, width]``, or of rows ``[n, 1, 1, d]`` with height 0."""
    compile_all()
    num, channels, height, width = images.shape
    height = 0 if height == 1 else height
    shape, flat = (num, channels, height, width), images.ravel().tolist()
    buffer = zeros(8 * len(flat) + 100, "uint8")
    m = new_model(14, NUM_MODEL_REGISTERS, buffer, ENCODE)
    code_entries(m, new_entries(len(flat) // num), array(flat), *shape, num_levels, common)
    data = finish(m.reg, buffer)
    m = new_model(14, NUM_MODEL_REGISTERS, array(list(data), "uint8"), DECODE)
    back = zeros(len(flat))
    code_entries(m, new_entries(len(flat) // num), back, *shape, num_levels, common)
    assert list(back) == flat
    return len(data)


@pytest.mark.parametrize("shape", [(3, 1, 2, 2), (2, 3, 4, 5), (1, 2, 1, 7), (4, 1, 1, 6), (5, 1, 1, 1), (2, 1, 7, 1)])
@pytest.mark.parametrize("num_levels", [1, 2, 300, 65536])
def test_entries_of_all_shapes_come_back(shape, num_levels):
    coded(np.random.default_rng(0).integers(0, num_levels, shape), num_levels)


def test_gradients_are_predicted():
    y, x = np.mgrid[:16, :16]
    images = np.stack([(3 * y + 5 * x + k)[None] for k in range(6)]) % 200
    assert coded(images, 200) < 0.1 * images.size


def test_channels_are_predicted_from_the_one_before():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 100, (20, 1, 8, 8))
    alone = coded(first, 120)
    assert coded(np.concatenate([first, first + 15], axis=1), 120) < 1.25 * alone


def test_columns_of_rows_have_their_own_distributions():
    rng = np.random.default_rng(0)
    rows = np.stack([np.full(300, 9), rng.integers(0, 2, 300) * 50, rng.integers(0, 4, 300)], axis=1)
    # No, one and two bits a column.
    assert coded(rows[:, None, None], 64) < 1.15 * 300 * 3 / 8
