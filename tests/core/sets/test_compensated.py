from __future__ import annotations

import pytest
import torch

from graphdistill.core.sets.compensated import Compensated
from graphdistill.core.sets.expansion import enlarged, integers
from tests.core.sets.samples import expansion, pixels
from tests.hostile import refused


def test_entries_one_by_one() -> None:
    """Two images of each of three classes, two compensators of each index, two mixtures of each entry."""
    stored = expansion("compensated")
    assert isinstance(stored, Compensated)
    x, y = stored.expand()
    entries = [image.int() for image in stored.images]
    for learnt in stored.compensator:
        for number, image in enumerate(stored.images):
            wide = enlarged(learnt[number // 3][None], 2)[0]
            entries.append((image.int() + wide).clamp(0, 255))
    logits = stored.logits.double() / 4
    assert [e.tolist() for e in entries] == x[:18].tolist()
    assert torch.allclose(y[:18].double(), logits.softmax(dim=1), atol=1 / 254)
    other, share = integers(10, 36, 17).tolist(), (integers(11, 36, 256).double() / 256).tolist()
    for place in range(36):
        one, two, s = place % 18, other[place], share[place]
        wanted = (1 - s) * entries[one].double() + s * entries[two].double()
        assert (x[18 + place] - wanted).abs().max() <= 0.5
        mixed = ((1 - s) * logits[one] + s * logits[two]).softmax(dim=0)
        assert torch.allclose(y[18 + place].double(), mixed, atol=1 / 254)


def test_without_mixtures_entries_are_the_images_and_the_compensated_ones() -> None:
    images = pixels(4, 1, 8, 8)
    nothing = torch.zeros(1, 2, 1, 2, 2, dtype=torch.int8)
    x, _ = Compensated(images, nothing, torch.zeros(8, 2).char(), torch.tensor([0, 0])).expand()
    assert torch.equal(x, images.repeat(2, 1, 1, 1))


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("mixup", torch.tensor([0, 101]), "holds 101 as mixtures of an entry in mixup, expected from 0 to 100"),
        (
            "compensator",
            torch.zeros(2, 4, 1, 4, 4).char(),
            r"holds compensator of shape \[2, 4, 1, 4, 4\] for",
        ),
        ("compensator", torch.zeros(2, 2, 1, 3, 3).char(), "for 6 images of 8 x 8"),
        ("compensator", torch.zeros(2, 2, 1, 4, 2).char(), "for 6 images of 8 x 8"),
        ("compensator", torch.zeros(2, 2, 1, 0, 0).char(), "for 6 images of 8 x 8"),
        ("compensator", torch.zeros(2, 2, 3, 4, 4).char(), r"expected int8 \[any, any, 1, any, any\]"),
        ("logits", torch.zeros(17, 3).char(), r"holds logits of int8 \[17, 3\], expected int8 \[18, any\]"),
        ("logits", torch.zeros(18, 1).char(), "holds logits of 1 classes, expected from 2"),
    ],
)
def test_damaged_tensors_are_named(name: str, value: torch.Tensor, match: str) -> None:
    with refused(match):
        Compensated.from_arrays({**expansion("compensated").arrays(), name: value}, 1000)


def test_labels_count_in_what_may_be_expanded() -> None:
    wide = Compensated(
        pixels(1, 1, 1, 1), torch.zeros(1, 1, 1, 1, 1).char(), torch.zeros(2, 10**6).char(), torch.tensor([0, 100])
    )
    with refused("holds 10 bytes that expand to 202,000,000 values"):
        Compensated.from_arrays(wide.arrays(), 10)
