from dataclasses import replace

import pytest
import torch

from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.protect import ClassFiltersConfig, protect
from graphdistill.protect.keys import number_of
from graphdistill.protect.methods import class_filters
from graphdistill.protect.protection import hide
from tests.kd.samples import nodes, texts
from tests.protect.samples import KEY, images


@pytest.mark.parametrize("channels", [1, 3])
def test_the_training_images_are_changed_and_keep_their_order_and_labels(channels, tmp_path):
    data = images(channels)
    found = protect(data, KEY, ClassFiltersConfig(filter_size=4))
    x, y = data.images[data.train], data.y[data.train]
    want = class_filters.protect(x, y, class_filters.Config(filter_size=4), number_of(KEY))
    assert torch.equal((found.data * 255).round(), (want * 255).round())
    assert torch.equal(found.y, y)
    assert found.meta["options"] == {"filter_size": 4, "blur": 0.06}
    assert found.meta["data_digest"] == data.digest
    save_set(found, tmp_path)
    again = load_set(tmp_path)
    assert torch.equal(again.data, found.data)
    assert torch.equal(again.y, found.y)


def test_test_images_stay_clean_and_validation_images_have_the_same_filters():
    data = images()
    hidden = hide(data, KEY, ClassFiltersConfig())
    assert torch.equal(hidden.images[data.test], data.images[data.test])
    assert torch.equal(hidden.images[data.train], protect(data, KEY).data)
    moved = replace(data, train=data.valid, valid=data.train)
    assert torch.equal(hidden.images[data.valid], protect(moved, KEY).data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (nodes(), "ring holds nodes, but protection is for labelled images; give digits, mnist5k, an .npz file"),
        (texts(), "colours holds texts, but protection is for labelled images"),
        ("digits", "data is a str, but protection is for labelled images"),
        (replace(images(), images=images().images * 3), "rows has pixels from .* scale images to 0 to 1"),
    ],
)
def test_other_data_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        protect(data, KEY)


def test_bad_keys_methods_and_sizes_are_refused():
    with pytest.raises(ValueError, match="key has 3 bytes"):
        protect(images(), "abc")
    with pytest.raises(ValueError, match=r"'class-filter' is unknown\. Did you mean class-filters\?"):
        protect(images(), KEY, "class-filter")
    with pytest.raises(ValueError, match="--filter-size 9 is larger than images of 8 x 8"):
        protect(images(), KEY, ClassFiltersConfig(filter_size=9))
