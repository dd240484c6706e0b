import pytest
import torch

from fed.config import FedConfig
from fed.data import SIDE, domains, parts


@pytest.mark.parametrize("partition", ["iid", "dirichlet", "domain"])
def test_every_image_is_with_one_client(partition):
    held = parts(FedConfig(dataset="digits", clients=3, partition=partition, alpha=2.0))
    for split, count in (("train", 1439), ("valid", 179), ("test", 179)):
        images = torch.cat([getattr(part, split)[0] for part in held])
        assert images.shape == (count, 1, SIDE, SIDE)
        assert len(images.flatten(1).unique(dim=0)) == count
    assert {part.num_classes for part in held} == {10}


def test_a_small_alpha_makes_clients_differ():
    def spread(alpha):
        held = parts(FedConfig(dataset="digits", clients=3, partition="dirichlet", alpha=alpha, seed=2))
        counts = torch.stack([torch.bincount(part.train[1], minlength=10) for part in held]).float()
        return float((counts / counts.sum(dim=0)).std(dim=0).mean())

    assert spread(0.3) > 2 * spread(30.0)


def test_a_client_is_tested_on_the_classes_that_it_trains_on():
    held = parts(FedConfig(dataset="digits", clients=3, partition="dirichlet", alpha=0.3, seed=2))
    for part in held:
        train, test = (torch.bincount(part.__dict__[s][1], minlength=10).float() for s in ("train", "test"))
        assert torch.nn.functional.cosine_similarity(train, test, dim=0) > 0.98


def test_domains_come_from_packages_where_there_is_no_root(tmp_path, monkeypatch):
    monkeypatch.delenv("GRAPHDISTILL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("graphdistill.datasets._images.npz_names", lambda root: [])
    monkeypatch.setattr(
        "graphdistill.datasets._images.load_mnist5k", lambda seed: domains(FedConfig(dataset="digits"))[0]
    )
    assert len(domains(FedConfig(root=str(tmp_path)))) == 2


def test_what_holds_no_images_is_refused():
    with pytest.raises(ValueError, match="--dataset digits-knn: no images"):
        domains(FedConfig(dataset="digits-knn"))


def test_more_clients_than_images_are_refused():
    with pytest.raises(ValueError, match="--clients 300: client 179 would hold no valid images"):
        parts(FedConfig(dataset="digits", clients=300, partition="iid"))
