"""Show that a set of images was made of an owner's originals by the owner's key."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.digest import digest
from graphdistill.core.methods import MethodConfig
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.protect.keys import number_of
from graphdistill.protect.methods import FAMILY
from graphdistill.protect.protection import checked, originals, secret_images

OTHERS = 99
"""Other keys that a key is compared with, so that the least p is 0.01."""
CLOSER = 4
"""A key must come this many times closer to the set than the best of the other keys. Being better than all of them is
not enough: of 600 wrong keys of digits two were."""
MOST = 500
"""Images that keys are compared on; all are compared bit for bit."""


@dataclass(frozen=True)
class Verification:
    """How well a key explains a set.

    Attributes:
        same: share of images that are those of the key, bit for bit.
        correlation: mean correlation of an image with that of the key.
        others: the same of other keys, drawn at random.

    Example:
        >>> found = Verification(1.0, 1.0, (0.4, 0.6, 0.5))
        >>> found.p, found.holds
        (0.25, True)
    """

    same: float
    correlation: float
    others: tuple[float, ...]

    @property
    def p(self) -> float:
        """Probability that a key that has nothing to do with the set does as well."""
        return (1 + sum(other >= self.correlation for other in self.others)) / (1 + len(self.others))

    @property
    def holds(self) -> bool:
        """Whether all images are those of the key, or come four times closer to them than to those of any other key.

        Equality to the bit is a proof; a correlation of images that were changed is evidence, as somebody without the
        key may search for one whose images correlate.
        """
        return self.same == 1 or CLOSER * (1 - self.correlation) < 1 - max(self.others)


def verify_protection(
    data: ImageDataset,
    protected: SyntheticSet,
    key: bytes | str,
    method: str | MethodConfig | None = None,
) -> Verification:
    """Protect the originals once more, and compare the result with a set, image by image.

    The set may have been changed on its way, such as by JPEG, as long as its images are in the order of the originals.
    Nothing is undone: the originals are needed.

    Args:
        data: the originals.
        protected: the set.
        key: the key.
        method: config of the protection. (default: the one in the facts of the set)

    Raises:
        ValueError: the set has other labels or images of another shape, or no facts on its method.

    Example:
        >>> from graphdistill import load
        >>> from graphdistill.protect import protect
        >>> data = load("digits")
        >>> found = verify_protection(data, protect(data, "correct horse"), "correct horse")
        >>> found.same, found.p
        (1.0, 0.01)
    """
    config = checked(data, _config_of(protected) if method is None else method)
    images, y = originals(data)
    assert isinstance(protected.data, Tensor)
    if protected.data.shape != images.shape or not torch.equal(protected.y, y):
        raise ValueError(
            f"the set has images {list(protected.data.shape)} and {data.name} {list(images.shape)}, or labels differ; "
            f"give the data that it was made of, with the same seed of the split"
        )
    mine = secret_images(images, y, config, number_of(key))
    same = (mine == protected.data).flatten(1).all(dim=1).double().mean()
    few = slice(None, None, -(-len(y) // MOST))
    correlations = [_correlation(mine[few], protected.data[few])]
    for number in _others():
        correlations.append(_correlation(secret_images(images[few], y[few], config, number), protected.data[few]))
    return Verification(float(same), correlations[0], tuple(correlations[1:]))


def _others() -> list[int]:
    return [int(digest(["another key", number]), 16) for number in range(OTHERS)]


def _config_of(protected: SyntheticSet) -> MethodConfig:
    """The method that the facts of a set name."""
    name, options = protected.meta.get("method"), protected.meta.get("options")
    if not isinstance(protected.data, Tensor) or name not in FAMILY.names() or not isinstance(options, dict):
        raise ValueError(f"the set was made by {name!r}, not by a method of protection; give one that protect wrote")
    made: MethodConfig = FAMILY.module(str(name)).Config(**options)
    return made


def _correlation(a: Tensor, b: Tensor) -> float:
    """Mean over images of the correlation of their pixels; images of one value have none."""
    a, b = (values.flatten(1).double() for values in (a, b))
    a, b = (values - values.mean(dim=1, keepdim=True) for values in (a, b))
    lengths = a.norm(dim=1) * b.norm(dim=1)
    return float(((a * b).sum(dim=1) / lengths)[lengths > 0].mean())
