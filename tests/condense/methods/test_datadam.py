from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.condense.methods import datadam, dm
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from tests.condense.methods.steps import step_of
from tests.condense.samples import context_of, real, seeded
from tests.reference import class_distance_naive


def attention_naive(z: torch.Tensor, power: float) -> torch.Tensor:
    """Number by number."""
    index = []
    for image in z.tolist():
        height, width = len(image[0]), len(image[0][0])
        row = [sum(abs(map_[i][j]) ** power for map_ in image) for i in range(height) for j in range(width)]
        length = sum(value**2 for value in row) ** 0.5
        index.append([value / length for value in row])
    return torch.tensor(index)


@pytest.mark.parametrize("power", [1.0, 4.0])
def test_the_loss_is_both_distances_row_by_row(power: float) -> None:
    here, images = step_of(NO_AUGMENT, per_class=2), real()
    loss = datadam.AttentionMatch(batch=100, power=power, embedding_weight=0.5).accumulate(here)
    (first, last), (small_first, small_last) = (
        [part.detach() for part in here.net.features(x)] for x in (images.x, here.synthetic.x)
    )
    maps = attention_naive(first, power), attention_naive(small_first, power)
    wanted = class_distance_naive(maps[0], images.y, maps[1], here.synthetic.y)
    wanted += 0.5 * class_distance_naive(last.flatten(1), images.y, small_last.flatten(1), here.synthetic.y)
    assert loss == pytest.approx(wanted, rel=1e-4)


def test_only_embeddings_give_the_gradient_of_dm() -> None:
    one, other = step_of(Augment()), step_of(Augment())
    dm.MomentMatch(batch=8).accumulate(one)
    datadam.AttentionMatch(batch=8, embedding_weight=1e8).accumulate(other)
    torch.testing.assert_close(other.synthetic.x.grad / 1e8, one.synthetic.x.grad, rtol=1e-3, atol=1e-6)


@given(st.floats(0.1, 10), st.sampled_from([1.0, 2.0, 4.0]), st.integers(0, 9))
def test_attention_knows_no_scale_and_has_length_one(factor: float, power: float, seed: int) -> None:
    z = torch.randn(3, 4, 2, 2, generator=seeded(seed))
    maps = datadam.attention(z, power)
    torch.testing.assert_close(maps.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(datadam.attention(factor * z, power), maps)


def test_both_sides_see_the_same_augmentation() -> None:
    images, here = real(), step_of(Augment(), per_class=12)
    with torch.no_grad():
        here.synthetic.x.copy_(images.x[torch.cat(images.members)])
    for _ in range(10):
        assert datadam.AttentionMatch(batch=12).accumulate(here) == pytest.approx(0, abs=1e-8)


def test_the_step_grows_with_the_images_of_a_class() -> None:
    one, ten = datadam.recipe(context_of(1), datadam.Config()).lr, datadam.recipe(context_of(10), datadam.Config()).lr
    assert isinstance(one, float)
    assert ten == pytest.approx(10 * one)
