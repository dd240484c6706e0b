"""Evaluation of image sets: a ConvNet, an MLP or a transformer, 8-bit pixels, random images of equal bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.evaluation.protocol import SetProtocol, TrainingInput, real_set
from graphdistill.core.evaluation.whole import whole_bytes
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.networks.vit import ViT
from graphdistill.core.sets.quantized import Precision
from graphdistill.core.sets.symmetry import KEY, elements, orbit
from graphdistill.core.sets.synthetic import SyntheticSet, quantize_uint8


@dataclass(frozen=True, kw_only=True)
class ImageProtocol(SetProtocol[ImageDataset]):
    """Evaluation of image sets; attributes are those of :class:`~graphdistill.core.evaluation.protocol.SetProtocol`."""

    networks: tuple[str, ...] = ("ConvNet",)

    NETWORKS: ClassVar[tuple[str, ...]] = ("ConvNet", "MLP", "ViT")
    UNIT: ClassVar[str] = "images"

    @property
    def linear(self) -> str:
        """Name of the row of linear models."""
        return "logistic regression on pixels of the same set"

    def build(self, name: str) -> nn.Module:
        """A network with weights from torch's global generator."""
        channels, height, width = self.data.images.shape[1:]
        makers: dict[str, Callable[..., nn.Module]] = {"ConvNet": ConvNet, "MLP": MLP, "ViT": ViT}
        return makers[name]((channels, height, width), self.num_classes)

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Images and classes of one split."""
        index: Tensor = getattr(self.data, name)
        return self.data.images[index], self.data.y[index]

    def inputs(self, synthetic: SyntheticSet) -> Tensor:
        """The images of a set."""
        assert isinstance(synthetic.data, Tensor)
        return synthetic.data

    def flat(self, what: SyntheticSet | str) -> Tensor:
        """Pixels."""
        return (self.split(what)[0] if isinstance(what, str) else self.inputs(what)).flatten(1)

    def chosen(self, index: Tensor) -> SyntheticSet:
        """Training images with 8 bits per pixel as a set, sorted by class, so that the codec needs fewer bytes."""
        index = self.data.train[index]
        index = index[self.data.y[index].argsort(stable=True)]
        return real_set(quantize_uint8(self.data.images[index]), self.data.y[index])

    def training_input(self, synthetic: SyntheticSet) -> TrainingInput:
        """The images of a set with their orbit under the group in ``meta``; only the images count as bytes."""
        part, group = super().training_input(synthetic), str(synthetic.meta.get(KEY, "identity"))
        y, weight = (torch.cat([values] * len(elements(group))) for values in (part.y, part.weight))
        return replace(part, inputs=orbit(self.inputs(synthetic), group), y=y, weight=weight)

    def content(self, synthetic: SyntheticSet) -> str:
        """Digest of the images and of the group."""
        return f"{super().content(synthetic)} {synthetic.meta.get(KEY)}"

    def extra_baselines(self, sets: Sequence[SyntheticSet]) -> dict[str, list[SyntheticSet]]:
        """Random images with the same orbit, if the sets are extended by their orbit under a group."""
        meta = {KEY: sets[0].meta.get(KEY, "identity")}
        if meta[KEY] == "identity":
            return {}
        budget = max(synthetic.nbytes for synthetic in sets)
        drawn = self.random_sets(budget, len(sets), Precision.from_meta(sets[0]))
        drawn = [synthetic.with_meta({**synthetic.meta, **meta}) for synthetic in drawn]
        return {f"random images with their {meta[KEY]}, equal bytes": drawn}

    @cached_property
    def full_bytes(self) -> int:
        """Bytes of all training images and their classes in the codec."""
        stored = self.chosen(torch.arange(len(self.data.train))).arrays()
        return whole_bytes(stored, jobs=self.jobs, progress=self.progress)

    def training_split(self) -> TrainingInput:
        """All training images."""
        x, y = self.split("train")
        return self.training_input(real_set(quantize_uint8(x), y))
