import copy

import pytest
import torch

from graphdistill.unlearn.methods import gradient_ascent
from tests.unlearn.samples import context, losses


def test_a_full_batch_is_adam_on_the_negative_loss():
    found = context()
    expected = copy.deepcopy(found.model)
    optimizer = torch.optim.Adam(expected.parameters(), lr=1e-3)
    images, y = found.whole.data.images[found.forget], found.whole.data.y[found.forget]
    for _ in range(3):
        optimizer.zero_grad()
        (-torch.nn.functional.cross_entropy(expected(images), y)).backward()
        optimizer.step()
    before = losses(found.whole, found.model, found.forget).mean()
    gradient_ascent.unlearn(found, gradient_ascent.Config(unlearn_steps=3, unlearn_lr=1e-3, stop_at=0.0))
    for a, b in zip(expected.parameters(), found.model.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    assert losses(found.whole, found.model, found.forget).mean() > before


@pytest.mark.parametrize("option", ["unlearn_steps", "unlearn_lr", "unlearn_batch_size"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match=f"--{option.replace('_', '-')} must be .*, got 0"):
        gradient_ascent.Config(**{option: 0})
