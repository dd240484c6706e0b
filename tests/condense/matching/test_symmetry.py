from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch

from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.matching.symmetry import OrbitSet, check_closed
from graphdistill.condense.methods import dm
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.sets.symmetry import KEY
from graphdistill.core.training.fit import FitConfig
from tests.condense.samples import bars, context_of, seeded
from tests.second_device import second_device


@cache
def arrows(closed: bool) -> ImageDataset:
    """Hooks of two heights that point left or right: anywhere, or the way that their class has."""
    like, draw = bars(48, 2), seeded(1)
    images = 0.3 * torch.rand(len(like.y), 1, 8, 8, generator=draw)
    left = torch.rand(len(like.y), generator=draw) < 0.5 if closed else like.y == 0
    for image, label, way in zip(images, like.y.tolist(), left.tolist(), strict=True):
        top = 2 + 3 * label if closed else 2
        image[0, top, 2:6] += 0.6
        image[0, top - 1 : top + 2, 2 if way else 5] += 0.6
    return replace(like, name="arrows", images=(images.clamp(0, 1) * 255).round() / 255)


def context_on(data: ImageDataset) -> MethodContext:
    """A protocol of few steps, which are enough for shapes so plain."""
    fit = FitConfig(steps=50, eval_every=25, lr=0.01)
    protocol = replace(protocol_of(data), fit=fit)
    return MethodContext(training_data_of(protocol), 2, protocol)


def pair() -> tuple[LearnableSet, OrbitSet]:
    base = LearnableSet(torch.rand(2, 1, 8, 8, generator=seeded()), torch.tensor([0, 1]), torch.eye(2))
    return base, OrbitSet(base, "flip")


def test_an_orbit_shows_images_and_mirror_images_with_the_labels_of_both() -> None:
    base, synthetic = pair()
    assert torch.equal(synthetic.inputs(), torch.cat([base.x, base.x.flip(3)]))
    assert torch.equal(synthetic.inputs(synthetic.y == 1), torch.stack([base.x[1], base.x[1].flip(2)]))
    assert torch.equal(synthetic.labels, torch.cat([base.labels, base.labels]))
    assert synthetic.y.tolist() == [0, 1, 0, 1]
    assert len(synthetic) == 4


def test_images_learn_from_their_mirror_images() -> None:
    base, synthetic = pair()
    weight = torch.rand(4, 1, 8, 8, generator=seeded(2))
    synthetic.backward((synthetic.inputs() * weight).sum())
    torch.testing.assert_close(base.x.grad, weight[:2] + weight[2:].flip(3))


def test_what_is_stored_are_the_images_and_the_name_of_the_group() -> None:
    base, synthetic = pair()
    with torch.no_grad():
        base.x += 0.7
    synthetic.clip()
    kept, plain = synthetic.freeze({"a": 1}), base.freeze()
    assert kept.nbytes == plain.nbytes
    assert torch.equal(kept.data, plain.data)  # type: ignore[arg-type]
    assert kept.meta == {"a": 1, KEY: "flip"}
    assert float(base.x.detach().max()) == 1


def test_the_group_of_one_element_changes_no_bit() -> None:
    here = context_of(2)
    base = dm.recipe(here, dm.Config())
    recipes = base, replace(base, start=lambda synthetic: OrbitSet(synthetic, "identity"))
    one, other = (
        distill(
            here.real,
            2,
            replace(recipe, steps=4),
            validate=lambda synthetic: synthetic.data.sum().item(),
            generator=seeded(),
        )  # type: ignore[union-attr]
        for recipe in recipes
    )
    assert one.meta["checks"] == other.meta["checks"]
    assert all(torch.equal(a, b) for a, b in zip(one.payload().values(), other.payload().values(), strict=True))


def test_the_flip_suits_what_points_anywhere() -> None:
    check_closed(context_on(arrows(closed=True)), "flip")


def test_the_flip_is_refused_where_the_way_is_the_class() -> None:
    with pytest.raises(
        ValueError,
        match=r"group 'flip' does not keep .* arrows, so --method fyi is not .* 100% .* 0% .* such as dm, or",
    ):
        check_closed(context_on(arrows(closed=False)), "flip")
    check_closed(context_on(arrows(closed=False)), "identity")


def test_an_unknown_group_is_refused_before_a_network_is_trained() -> None:
    with pytest.raises(ValueError, match="group 'turn' is unknown; choose from identity, flip"):
        check_closed(context_on(arrows(closed=True)), "turn")


def test_on_another_device_the_orbit_is_there() -> None:
    here = OrbitSet(LearnableSet(torch.rand(2, 1, 8, 8), torch.tensor([0, 1])), "flip")
    assert here.to("cpu") is here
    with second_device() as device:
        there = here.to(device)
        assert there.inputs().device == there.labels.device == device
        assert there.x is there.base.x
        assert torch.equal(there.inputs().cpu(), here.inputs())
