import pytest
import torch
from sklearn.metrics import jaccard_score

from graphdistill.core.randomness import generator
from graphdistill.datasets import load
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.pixels import INK, PixelDataset, mean_iou, scenes


def test_a_scene_has_the_ink_of_its_images():
    data = load("digits")
    found = scenes(data, count=20, side=16, seed=3)
    assert [len(part) for part in (found.train, found.valid, found.test)] == [16, 2, 2]
    assert found.images.shape == (20, 1, 16, 16)
    for i in range(20):
        classes = set(found.y[i].unique().tolist()) - {0}
        assert 1 <= len(classes) <= 2
        assert (found.images[i, 0][found.y[i] > 0] > INK).all()
    again = scenes(data, count=20, side=16, seed=3)
    assert torch.equal(found.images, again.images)
    assert not torch.equal(found.images, scenes(data, count=20, side=16, seed=4).images)


def test_splits_of_scenes_come_from_the_same_splits_of_images():
    data = load("digits")
    few = type(data)(data.name, data.images, data.y, data.train[:3], data.valid[:3], data.test[:3])
    found = scenes(few, count=20, side=16)
    for part, known in ((found.train, few.train), (found.test, few.test)):
        assert set(found.y[part].unique().tolist()) - {0} <= set((data.y[known] + 1).tolist())


def test_the_view_has_a_row_for_each_pixel():
    view = ImageView(scenes(load("digits"), count=10, side=16), labelled=torch.tensor([2]))
    assert (view.rows_per_entry, view.num_classes <= 11) == (256, True)
    known = view.known(torch.tensor([1, 2]))
    assert (known[:256] == -1).all()
    assert torch.equal(known[256:], view.labels(torch.tensor([2])))


def test_mean_iou_is_that_of_scikit_learn():
    draws = generator(0, "iou")
    logits, y = torch.randn(200, 5, generator=draws), torch.randint(4, (200,), generator=draws)
    wanted = jaccard_score(y.numpy(), logits.argmax(1).numpy(), average="macro", labels=range(5))
    assert mean_iou(logits, y) == pytest.approx(wanted)


def test_bad_input():
    with pytest.raises(ValueError, match="side must be at least twice the images' 8 pixels, got 12"):
        scenes(load("digits"), side=12)
    place = torch.arange(1)
    with pytest.raises(ValueError, match=r"y must be long \[1, 4, 4\], got torch.int64 \[1\]"):
        PixelDataset("p", torch.zeros(1, 1, 4, 4), torch.zeros(1, dtype=torch.long), place, place, place)
