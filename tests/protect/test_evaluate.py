import torch

from graphdistill.core.command.report import Row
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.training.fit import FitConfig
from graphdistill.protect import ClassFiltersConfig
from graphdistill.protect.config import Defences
from graphdistill.protect.evaluate import PLAIN, fall, score_rows, shared_secret, treatments
from graphdistill.protect.protection import hide
from tests.protect.samples import KEY, images

CONFIG = ClassFiltersConfig(filter_size=5)


def test_every_treatment_has_rows_of_every_network():
    protocol = ImageProtocol(
        images(), networks=("MLP", "ConvNet"), trainings=1, fit=FitConfig(steps=8, batch_size=30, lr=0.01, eval_every=4)
    )
    ways = treatments(Defences(), CONFIG)
    assert list(ways) == [PLAIN, "augmentation", "smoothing", "random-filters", "adversarial", "clean-validation"]
    rows = score_rows(protocol, hide(images(), KEY, CONFIG), ways, shared_secret(images(), KEY, CONFIG))
    names = list(dict.fromkeys(row.name for row in rows))
    assert names[:4] == ["original", "protected", "one secret for all classes", "original, augmentation"]
    assert {"protected, clean-validation", "untrained network", "majority class"} <= set(names)
    assert "original, clean-validation" not in names
    found = {(row.name, row.group): row for row in rows}
    for way in ways:
        assert set(fall(rows, way)) == {"MLP", "ConvNet"}
    # Images of a class have one bright row, which the filters of the classes move.
    assert found["original", "MLP"].mean > 0.9
    trained = found["protected", "MLP"], found["protected, clean-validation", "MLP"]
    assert fall(rows, "clean-validation")["MLP"].mean == found["original", "MLP"].mean - trained[1].mean
    # Validation images are protected, too, and separable by their filters.
    assert trained[0].valid[0] > 0.9


def test_what_a_way_loses_is_paired():
    rows = [
        Row(name="original, smoothing", group="MLP", test=(0.9, 0.8)),
        Row(name="protected, smoothing", group="MLP", test=(0.4, 0.5)),
        Row(name="original", group="MLP", test=(0.1, 0.1)),
    ]
    found = fall(rows, "smoothing")["MLP"]
    assert (round(found.mean, 12), found.wins) == (0.4, 2)


def test_the_defences_change_the_images_of_a_step():
    ways = treatments(Defences(defences=("smoothing", "random-filters", "smoothing"), noise=0.5), CONFIG)
    assert list(ways) == [PLAIN, "smoothing", "random-filters"]
    x = torch.full((2000, 1, 8, 8), 0.5)
    noisy = ways["smoothing"].augment(x, torch.Generator().manual_seed(0))
    assert abs(float(noisy.std()) - 0.5) < 0.01
    assert (
        ways["random-filters"].augment(x[:3], torch.Generator().manual_seed(0)).amax(dim=(1, 2, 3)).tolist()
        == [1.0] * 3
    )


def test_one_secret_changes_all_images_alike_and_keeps_labels():
    data = images()
    shared = shared_secret(data, KEY, CONFIG)
    assert torch.equal(shared.y, data.y)
    first = data.y == 0
    assert torch.equal(shared.images[first], hide(data, KEY, CONFIG).images[first])
    assert not torch.equal(shared.images[data.y == 1], hide(data, KEY, CONFIG).images[data.y == 1])
