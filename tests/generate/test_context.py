import pytest
import torch

from graphdistill.generate.config import GenerateConfig
from graphdistill.generate.context import Context
from tests.generate.samples import denoiser, entries


def context(**words):
    data = entries()
    config = {name: words.pop(name) for name in ("batch_size", "sampling_steps") if name in words}
    teacher = denoiser(data.shape).frozen()
    return Context(teacher=teacher, entries=data, config=GenerateConfig(**config), **words)


def test_levels_fall_from_the_first_on_the_grid_of_the_teacher():
    assert context().levels(2.5) == [2.5]
    found = context(sampling_steps=4).levels(2.5)
    assert len(found) == 4
    assert found[0] == pytest.approx(2.5)
    low, high = 0.01 ** (1 / 7), 2.5 ** (1 / 7)
    assert found == pytest.approx([(high + i / 4 * (low - high)) ** 7 for i in range(4)], rel=1e-4)
    with pytest.raises(ValueError, match=r"--start must be above the teacher's least noise level 0\.01, got 0\.005"):
        context().levels(0.005)


def test_labels_are_drawn_among_those_that_are_named():
    some = context(batch_size=300)
    draws = torch.Generator().manual_seed(0)
    assert torch.bincount(some.labels((), draws)).min() > 60
    assert set(some.labels((0, 2), draws).tolist()) == {0, 2}


def test_batches_are_of_the_training_split_with_their_classes():
    some = context(batch_size=50)
    z, y = some.batch(torch.Generator().manual_seed(0))
    train, labels = some.entries.split("train")
    assert z.shape == (50, 1, 4, 4)
    for entry, label in zip(z, y, strict=True):
        place = int((train == entry).flatten(1).all(dim=1).nonzero())
        assert labels[place] == label


def test_purposes_have_streams_of_their_own():
    some, again, other = context(seed=1), context(seed=1), context(seed=2)
    drawn = [torch.rand(3, generator=c.stream("a")).tolist() for c in (some, again, other)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert torch.rand(3, generator=some.stream("b")).tolist() != drawn[0]
    assert some.space is some.entries.space
