import numpy as np
import pytest
import torch

from fed.config import FedConfig
from fed.data import images as data
from fed.data.images import SEVERITY, domains, parts
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.datasets._corruptions import KINDS, corrupt


@pytest.fixture(autouse=True)
def _fresh():
    """No parts of another test, and none left for one."""
    parts.cache_clear()
    yield
    parts.cache_clear()


@pytest.mark.parametrize("partition", ["iid", "dirichlet", "domain"])
def test_every_image_is_with_one_client(partition):
    held = parts(FedConfig(dataset="digits", clients=3, partition=partition, dirichlet_alpha=2.0))
    for split, count in (("train", 1439), ("valid", 179), ("test", 179)):
        images = torch.cat([getattr(part, split)[0] for part in held])
        assert images.shape == (count, 1, 8, 8)
        assert len(images.flatten(1).unique(dim=0)) == count
    assert {part.num_classes for part in held} == {10}


def made(monkeypatch, labels=None, **sizes):
    """Image sets of these sides and channels in place of those that are loaded."""

    def load(name, root, seed):
        size, channels = sizes[name]
        x = torch.rand(20, channels, size, size, generator=torch.Generator().manual_seed(0))
        every = torch.arange(20)
        y = every % 2 if labels is None else labels
        return ImageDataset(name, x, y, every[:10], every[10:15], every[15:])

    monkeypatch.setattr("fed.data.images.load", load)
    parts.cache_clear()


def test_images_get_the_largest_side_and_the_most_channels(monkeypatch):
    made(monkeypatch, a=(8, 1), b=(28, 1), c=(16, 1), d=(32, 3))
    for names, shape in (("a,b,c", (1, 28, 28)), ("a", (1, 8, 8)), ("d", (3, 32, 32)), ("d,b,c", (3, 32, 32))):
        for part in parts(FedConfig(dataset=names, clients=3)):
            assert part.train[0].shape[1:] == part.valid[0].shape[1:] == part.test[0].shape[1:] == shape


def test_clients_take_domains_cyclically_and_share_them(monkeypatch):
    made(monkeypatch, a=(8, 1), b=(8, 1))
    held = parts(FedConfig(dataset="a,b", clients=3))
    assert [(part.name, len(part.train[1]), len(part.test[1])) for part in held] == [
        ("a 0", 5, 3),
        ("b", 10, 5),
        ("a 1", 5, 2),
    ]
    assert [part.name for part in parts(FedConfig(dataset="a,b", clients=1))] == ["a"]


def images(path, seed, image_size=8):
    """An npz file of random images of two classes."""
    draws = np.random.default_rng(seed)
    arrays = {}
    for split, count in (("train", 40), ("test", 10)):
        arrays[f"{split}_images"] = draws.integers(0, 256, (count, image_size, image_size), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(count) % 2
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.parametrize("partition", ["domain", "iid", "dirichlet"])
def test_files_of_one_base_name_are_two_sets(partition, tmp_path):
    files = [images(tmp_path / folder / "x.npz", seed) for seed, folder in enumerate(("a", "b"))]
    held = parts(FedConfig(dataset=",".join(files), clients=2, partition=partition, dirichlet_alpha=100.0))
    whole = [part.train[0] for part in held]
    assert sum(map(len, whole)) == 72
    assert len(torch.cat(whole).flatten(1).unique(dim=0)) == 72
    if partition == "domain":
        assert [part.name for part in held] == ["x.npz (1)", "x.npz (2)"]
        for part, name in zip(held, files, strict=True):
            alone = parts(FedConfig(dataset=name, clients=1))[0]
            assert torch.equal(alone.train[0], part.train[0])


def test_a_set_that_is_named_twice_is_one():
    assert [part.name for part in parts(FedConfig(dataset="digits, digits", clients=2))] == ["digits 0", "digits 1"]


def test_a_client_makes_its_own_part_alone(monkeypatch):
    made(monkeypatch, a=(8, 1), b=(16, 1), c=(8, 1))
    resized, seen = data._resized, []
    monkeypatch.setattr(
        data, "_resized", lambda held, *rest: seen.append([d.name for d in held]) or resized(held, *rest)
    )
    held = parts(FedConfig(dataset="a,b,c", clients=3))
    assert (len(held), seen) == (3, [])
    assert held[1] is held[1]
    assert seen == [["b"]] * 3
    with pytest.raises(IndexError, match="client 3 of 3"):
        held[3]


@pytest.fixture
def root(tmp_path):
    """A root with a little set in place of the subset of CIFAR-10."""
    draws = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    arrays = {}
    for split, count in (("train", 800), ("test", 90)):
        coarse = draws.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
        arrays[f"{split}_images"] = coarse.repeat(4, axis=1).repeat(4, axis=2)
        arrays[f"{split}_labels"] = np.arange(count) % 4
    np.savez(tmp_path / "images" / "cifar10_subset.npz", **arrays)
    return str(tmp_path)


@pytest.mark.parametrize("partition", ["domain", "dirichlet"])
def test_every_client_holds_one_corruption_in_all_splits(root, partition):
    options = {"root": root, "clients": 21, "partition": partition, "dirichlet_alpha": 5.0}
    clean = parts(FedConfig(dataset="cifar10_subset", **options))
    held = parts(FedConfig(dataset="cifar10-corrupted", **options))
    for client, (part, before) in enumerate(zip(held, clean, strict=True)):
        kind = list(KINDS)[client % 19]
        assert part.name == f"cifar10_subset {client}, {kind}"
        for split in ("train", "valid", "test"):
            (x, y), (was, same) = getattr(part, split), getattr(before, split)
            assert torch.equal(y, same)
            # Of what is drawn the draws differ, so only the distance is comparable.
            like = corrupt(was, kind, SEVERITY, torch.Generator().manual_seed(0))
            assert (x - was).square().mean() > 0.2 * (like - was).square().mean() > 0
    for kind in ("contrast", "pixelate", "zoom blur"):
        client = list(KINDS).index(kind)
        assert torch.equal(held[client].test[0], corrupt(clean[client].test[0], kind, SEVERITY, torch.Generator()))


def test_the_seed_and_the_client_decide_what_is_drawn(monkeypatch):
    every = torch.arange(80)
    grey = ImageDataset("grey", torch.full((80, 3, 8, 8), 0.5), every % 2, every[:40], every[40:60], every[60:])
    monkeypatch.setattr("fed.data.images.load", lambda name, root, seed: grey)

    def noise(seed):
        parts.cache_clear()
        held = parts(FedConfig(dataset="cifar10-corrupted", clients=20, seed=seed))
        return torch.stack([x[0] for part in (held[0], held[19]) for x in (part.train[0], part.test[0])])

    first, again, other = noise(0), noise(0), noise(1)
    assert torch.equal(first, again)
    assert len(torch.cat([first, other]).flatten(1).unique(dim=0)) == 8


def test_a_file_that_cannot_be_used_is_refused_and_not_replaced_by_other_data(tmp_path):
    (tmp_path / "images" / "digits").mkdir(parents=True)
    arrays = {
        f"{part}_{what}": np.zeros(20, dtype=np.uint8) for part in ("train", "test") for what in ("images", "labels")
    }
    np.savez(tmp_path / "images" / "digits" / "mnist.npz", **arrays)
    with pytest.raises(ValueError, match=r"train_images are uint8 \[20\]; they must be \[N, H, W\]"):
        domains(FedConfig(dataset="digits-domains", root=str(tmp_path)))


def test_corruption_knows_no_classes(monkeypatch):
    held = []
    for labels in (torch.arange(20) % 2, torch.arange(20) // 10):
        made(monkeypatch, labels, cifar10_subset=(16, 3))
        held.append(parts(FedConfig(dataset="cifar10-corrupted", clients=5)))
    for one, other in zip(*held, strict=True):
        assert torch.equal(one.test[0], other.test[0])
    assert not all(torch.equal(one.test[1], other.test[1]) for one, other in zip(*held, strict=True))


def test_corrupted_images_need_their_file(tmp_path, monkeypatch):
    monkeypatch.delenv("GRAPHDISTILL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"--dataset cifar10-corrupted needs images/cifar10_subset.npz in --root or"):
        domains(FedConfig(dataset="cifar10-corrupted", root=str(tmp_path)))


def test_a_small_alpha_makes_clients_differ():
    def spread(alpha):
        held = parts(FedConfig(dataset="digits", clients=3, partition="dirichlet", dirichlet_alpha=alpha, seed=2))
        counts = torch.stack([torch.bincount(part.train[1], minlength=10) for part in held]).float()
        return float((counts / counts.sum(dim=0)).std(dim=0).mean())

    assert spread(0.3) > 2 * spread(30.0)


@pytest.mark.parametrize("clients", [3, 20])
def test_a_client_is_tested_on_the_classes_that_it_trains_on(clients):
    held = parts(FedConfig(dataset="digits", clients=clients, partition="dirichlet", dirichlet_alpha=0.3, seed=2))
    shares = {
        split: torch.stack([torch.bincount(getattr(part, split)[1], minlength=10) for part in held]).float()
        for split in ("train", "valid", "test")
    }
    train, valid, test = (counts / counts.sum(dim=0) for counts in shares.values())
    # Whole images: of the 17 or 18 of a class, cuts are off by a half each.
    assert (train - test).abs().max() < 1.1 / 17
    assert (train - valid).abs().max() < 1.1 / 17
    assert train.max() > 2 / clients


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
    for partition in ("iid", "dirichlet", "domain"):
        with pytest.raises(ValueError, match="--clients 300: 300 would share 179 valid images of digits; give fewer"):
            parts(FedConfig(dataset="digits", clients=300, partition=partition))


def test_a_client_with_few_images_has_some_of_every_split():
    held = parts(FedConfig(dataset="digits", clients=179, partition="dirichlet", dirichlet_alpha=0.1))
    assert {len(part.valid[1]) for part in held} == {1}
    assert min(len(part.train[1]) for part in held) >= 1


def test_scaffolds_are_no_partition_of_images():
    config = FedConfig(dataset="digits")
    object.__setattr__(config, "partition", "scaffold")
    with pytest.raises(ValueError, match="--partition scaffold is not for images; choose domain, iid or dirichlet"):
        parts(config)


def test_texts_are_refused(tmp_path):
    (tmp_path / "own.tsv").write_text("".join(f"{n % 2}\ta text\n" for n in range(20)))
    with pytest.raises(ValueError, match=r"--dataset .*own\.tsv: no images; choose digits-domains"):
        domains(FedConfig(dataset=str(tmp_path / "own.tsv")))
