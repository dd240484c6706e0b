"""Images from folders: one folder per class, with or without folders for the split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.datasets._splits import stratified

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Suffixes of image files."""
_PARTS = {"train": "train", "val": "valid", "valid": "valid", "validation": "valid", "test": "test"}


def load_image_folder(path: Path, seed: int) -> ImageDataset:
    """Images of ``path/class/name.png``, or of ``path/train/class/name.png`` with sibling folders ``val`` and ``test``.

    Classes are numbered in the order of their names. Without folders for the split it is 80/10/10 by class; without
    ``val`` a tenth of each training class is used for validation. Gray images have one channel; if any image has
    colours, all have three.

    Raises:
        ValueError: images outside of class folders, of different sizes, or classes without images.
        OSError: an image cannot be read.
    """
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    split = bool(folders) and all(p.name.lower() in _PARTS for p in folders)
    parts = {_PARTS[p.name.lower()]: p for p in folders} if split else {"all": path}
    if split and not {"train", "test"} <= parts.keys():
        raise ValueError(f"{path} holds {', '.join(p.name for p in folders)}; a split needs the folders train and test")
    files = {part: _files(folder) for part, folder in parts.items()}
    names = sorted({name for found in files.values() for name in found})
    if len(names) < 2:
        raise ValueError(f"{path} has images of {len(names)} classes; give a folder of images for each of two or more")
    images, label = _read(files, names)
    places = dict(
        zip(files, torch.arange(len(label)).split([sum(map(len, f.values())) for f in files.values()]), strict=True)
    )
    if not split:
        train, valid, test = stratified(label, seed, path.name)
        note = f"stratified 80/10/10 split of seed {seed}"
    else:
        train, test, note = places["train"], places["test"], "its own validation and test images"
        if "valid" in places:
            valid = places["valid"]
        else:
            first, second, valid = (train[index] for index in stratified(label[train], seed, path.name))
            train = torch.cat([first, second]).sort()[0]
            note = f"its own test images, a tenth of train for validation by seed {seed}"
    shown = ", ".join(f"{number} {name}" for number, name in enumerate(names[:10]))
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ImageDataset(
        name=path.name,
        images=images,
        y=label,
        train=train,
        valid=valid,
        test=test,
        notes=f"{path.name}, {note}; classes: {shown}{more}",
    )


def _files(folder: Path) -> dict[str, list[Path]]:
    """Image files of each class below a folder."""
    loose = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES]
    if loose:
        raise ValueError(f"{loose[0]} lies in no class folder; give {folder}/CLASS/{loose[0].name}")
    found = {}
    for inside in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        found[inside.name] = sorted(p for p in inside.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not found[inside.name]:
            raise ValueError(f"{inside} holds no images ({', '.join(SUFFIXES)}); add some or remove the folder")
    return found


def _read(files: dict[str, dict[str, list[Path]]], names: list[str]) -> tuple[Tensor, Tensor]:
    """All images as float ``[N, C, H, W]`` from 0 to 1, and their classes."""
    from PIL import Image, UnidentifiedImageError

    arrays, label = list[np.ndarray](), list[int]()
    first: Path | None = None
    for found in files.values():
        for name, paths in found.items():
            for path in paths:
                try:
                    with Image.open(path) as image:
                        array = np.asarray(image.convert("L" if image.mode in ("1", "L", "LA") else "RGB"))
                except (UnidentifiedImageError, OSError, SyntaxError) as error:
                    raise OSError(f"{path} is damaged or no image ({error}); replace or remove it") from error
                first = first or path
                if arrays and array.shape[:2] != arrays[0].shape[:2]:
                    (height, width), (row, column) = arrays[0].shape[:2], array.shape[:2]
                    raise ValueError(
                        f"images differ in size: {first} is {height} x {width}, {path} is {row} x {column}; "
                        f"resize all to the same height and width"
                    )
                arrays.append(array)
                label.append(names.index(name))
    if any(array.ndim == 3 for array in arrays):
        arrays = [array if array.ndim == 3 else array[..., None].repeat(3, axis=2) for array in arrays]
    stacked = torch.from_numpy(np.stack(arrays)).float() / 255
    return stacked[:, None] if stacked.dim() == 3 else stacked.permute(0, 3, 1, 2).contiguous(), torch.tensor(label)
