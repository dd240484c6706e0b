from __future__ import annotations

import pytest
import torch

from graphdistill.core.sets.replays import Replays
from graphdistill.core.sets.synthetic import soft_labels
from graphdistill.core.sets.views import views
from tests.core.sets.samples import expansion, pixels
from tests.hostile import refused


def test_every_view_has_its_own_label() -> None:
    images, labels = pixels(3, 1, 8, 8), torch.rand(6, 4).softmax(dim=1)
    x, y = Replays.of(images, (4, 2, 100), labels).expand()
    assert torch.equal(x, views(images, 4, 2, 100))
    assert torch.equal(y, soft_labels(labels, "multiclass"))


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("replays", torch.tensor([0, 4]), r"holds replays of int64 \[2\], expected int64 \[3\]"),
        ("replays", torch.tensor([-1, 4, 0]), "holds -1 as seed in replays"),
        (
            "replays",
            torch.tensor([0, 10**9, 0]),
            "holds 1000000000 as views of an image in replays",
        ),
        ("replays", torch.tensor([0, 4, 301]), "holds 301 as strength in replays, expected from 0 to 300"),
        ("y", torch.zeros(23, 2, dtype=torch.uint8), r"holds y of uint8 \[23, 2\], expected uint8 \[24, any\]"),
        ("images", torch.zeros(6, 8, 8, dtype=torch.uint8), r"holds images of uint8 \[6, 8, 8\], expected uint8"),
    ],
)
def test_damaged_tensors_are_named(name: str, value: torch.Tensor, match: str) -> None:
    with refused(match):
        Replays.from_arrays({**expansion("replays").arrays(), name: value}, 1000)
