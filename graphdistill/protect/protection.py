"""Protect the training images of a data set by a private key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.methods import MethodConfig, options_of
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights, quantize_uint8
from graphdistill.protect.keys import number_of
from graphdistill.protect.methods import FAMILY


def protect(data: ImageDataset, key: bytes | str, method: str | MethodConfig = "class-filters") -> SyntheticSet:
    """The training images of a data set, changed by a private key and rounded to 8 bits, in their order.

    Args:
        data: the images; validation and test images are not part of the result.
        key: the key, such as ``secrets.token_bytes()``, or a passphrase. It is not part of the result.
        method: name of the method, or its config, such as ``ClassFiltersConfig(filter_size=5)``. (default:
            ``class-filters``)

    Returns:
        A set that :func:`~graphdistill.core.sets.storage.save_set` writes; ``meta`` has the method, its options and a
        digest of the data.

    Raises:
        ValueError: the data are no images from 0 to 1, or smaller than a filter; the key is short; the method is
            unknown.

    Example:
        >>> from graphdistill import load
        >>> data = load("digits")
        >>> protected = protect(data, "correct horse battery staple")
        >>> protected.data.shape, protected.meta["method"]
        (torch.Size([1439, 1, 8, 8]), 'class-filters')
    """
    config = checked(data, method)
    images, y = originals(hide(data, key, config))
    return SyntheticSet(
        images,
        y,
        class_weights(y),
        meta={
            "method": config.name,
            "options": options_of(config),
            "dataset": data.name,
            "data_digest": data.digest,
        },
    )


def hide(data: ImageDataset, key: bytes | str, method: MethodConfig) -> ImageDataset:
    """The data with changed training and validation images, as they are to somebody who has the protected set alone.

    Args:
        data: the images; test images stay.
        key: the key.
        method: config of the method.
    """
    index = torch.cat([data.train, data.valid])
    images = data.images.clone()
    images[index] = secret_images(images[index], data.y[index], method, number_of(key))
    return replace(data, images=images)


def secret_images(images: Tensor, y: Tensor, method: MethodConfig, number: int) -> Tensor:
    """Images changed by the number of a key, in steps of 1/255."""
    made: Tensor = FAMILY.module(method).protect(images, y, method, number)
    return quantize_uint8(made)


def originals(data: ImageDataset) -> tuple[Tensor, Tensor]:
    """Training images and their classes."""
    return data.images[data.train], data.y[data.train]


def checked(data: Any, method: str | MethodConfig) -> Any:
    """The config of a method, if it can protect the data.

    Raises:
        ValueError: the data are no images from 0 to 1, or the method does not fit them.
    """
    if not isinstance(data, ImageDataset):
        held = f"{data.name} holds {data.ENTRIES}" if hasattr(data, "ENTRIES") else f"data is a {type(data).__name__}"
        raise ValueError(
            f"{held}, but protection is for labelled images; give digits, mnist5k, an .npz file or a folder of images"
        )
    low, high = (float(end) for end in data.images.aminmax())
    if low < 0 or high > 1:
        raise ValueError(f"{data.name} has pixels from {low:g} to {high:g}; scale images to 0 to 1")
    config = FAMILY.config(method)
    FAMILY.module(config).check(config, data.images.shape[2:])
    return config
