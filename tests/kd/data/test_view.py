import pytest
import torch

from graphdistill.kd.data.images import ImageView
from tests.kd.samples import images, mlp


def test_predictions_come_in_chunks_in_evaluation_mode():
    view, net = ImageView(images()), torch.nn.Sequential(mlp(0, 64, 3), torch.nn.Dropout(0.5))
    net.train()
    found = view.predict(net, images().train, ["0.1"])
    assert net.training
    assert net[1].training
    assert torch.allclose(found.logits, net[0](images().images[images().train]))
    assert found.features["0.1"].shape == (60, 16)
    assert view.CHUNK == 64 < 90
    assert torch.allclose(view.predict(net, torch.arange(90)).logits, net[0](images().images), atol=1e-6)


def test_labels_and_scores():
    view = ImageView(images(), labelled=torch.tensor([1, 2]))
    assert view.labels(torch.tensor([1, 80])).tolist() == [1, 2]
    assert view.known(torch.tensor([0, 1, 2])).tolist() == [-1, 1, 2]
    perfect = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3, bias=False))
    weight = torch.zeros(3, 8, 8)
    for c in range(3):
        weight[c, 2 * c + 1] = 1
    perfect[1].weight.data = weight.flatten(1)
    assert view.score(perfect, "test") == 1.0
    assert (view.name, view.metric, view.num_classes, view.rows_per_entry) == ("rows", "accuracy", 3, 1)


def test_a_view_has_domains():
    view = ImageView(images())
    view.set_domain(torch.arange(90) % 2)
    assert view.domain.tolist() == [0, 1] * 45


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        (torch.zeros(90), r"domain must be long \[90\], a number for each entry, got torch.float32 \[90\]"),
        (torch.zeros(89).long(), r"domain must be long \[90\], a number for each entry, got torch.int64 \[89\]"),
        (2 * (torch.arange(90) % 2), "domain 1 has no training entries in rows; number domains from 0"),
        ((torch.arange(90) < 60).long(), "domain 0 has no training entries in rows"),
        ((torch.arange(90) < 30).long(), "domain 1 has no validation entries in rows"),
    ],
)
def test_every_domain_has_entries(domain, message):
    with pytest.raises(ValueError, match=message):
        ImageView(images()).set_domain(domain)
