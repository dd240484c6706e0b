from __future__ import annotations

import numpy as np
import pytest
import torch

from graphdistill.core.sets.expansion import integers
from graphdistill.core.sets.projected import Projected, random_features
from graphdistill.core.sets.views import views
from tests.core.sets.samples import expansion, pixels
from tests.hostile import refused


def test_features_number_by_number() -> None:
    images = pixels(3, 1, 4, 6)
    sums = images[:, 0].numpy().astype(np.int64).reshape(3, 2, 2, 3, 2).sum(axis=(2, 4)).reshape(3, 6)
    signs = integers(8, 30, 2).view(6, 5).numpy() - 1
    unit = int(1020 * 6**0.5) // 128
    offset = (integers(9, 5, 128).numpy() - 64) * unit
    wanted = np.clip(np.floor((sums @ signs + offset) / unit), 0, 255)
    found = random_features(images, torch.tensor([1, 0, 1]), 5, 2, 7).numpy()
    assert (found[:, :5] == wanted).all()
    assert found[:, 5:].tolist() == [[0, 64], [64, 0], [0, 64]]


def test_features_do_not_depend_on_how_many_images_there_are() -> None:
    images, y = pixels(40, 3, 5, 5), torch.arange(40) % 2
    assert torch.equal(random_features(images, y, 6, 2, 1)[:3], random_features(images[:3], y[:3], 6, 2, 1))


def test_labels_are_the_projection() -> None:
    stored = expansion("projected")
    assert isinstance(stored, Projected)
    x, y = stored.expand()
    assert torch.equal(x, views(stored.images, 7, 4, 100))
    phi = random_features(x, stored.y.repeat_interleave(4), 8, 3, 7).numpy()
    logits = phi @ stored.down.numpy().astype(float) @ stored.up.numpy() / 2**17
    wanted = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.abs(y.numpy() - wanted / wanted.sum(axis=1, keepdims=True)).max() < 3 / 254


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("down", torch.zeros(11, 3).char(), r"holds up of int8 \[2, 3\], expected int8 \[3, any\]"),
        ("down", torch.zeros(1028, 2).char(), "holds a projector of 1028 x 2 and 2 x 3"),
        ("up", torch.zeros(2, 1).char(), "holds a projector of 11 x 2 and 2 x 1"),
        ("up", torch.zeros(2, 3), r"holds up of float32 \[2, 3\], expected int8"),
        ("images", torch.zeros(6, 1, 800, 800, dtype=torch.uint8), "pixels, too many for 8 random features"),
        ("y", torch.tensor([0, 0, 1, 1, 2, 3]), "holds 3 in y, expected from 0 to 2"),
    ],
)
def test_damaged_tensors_are_named(name: str, value: torch.Tensor, match: str) -> None:
    with refused(match):
        Projected.from_arrays({**expansion("projected").arrays(), name: value}, 1000)
