"""Images for distillation: a convolutional teacher and a narrow convolutional, transformer or dense student."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.mixed import MixedConvNet
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.networks.vit import ViT
from graphdistill.kd.data.view import Kind, Training, View
from graphdistill.kd.inputs import Inputs


class ImageView(View):
    """Images ``[n, channels, height, width]``, which networks get as ``images``, ``x`` or ``pixel_values``."""

    KIND: ClassVar[Kind] = "images"
    TRAINING = Training(steps=600, batch_size=128, lr=3e-3, weight_decay=1e-4, eval_every=50)
    CHUNK = 64

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.data.images.shape[1:]
        return channels, height, width

    def inputs(self, index: Tensor) -> Inputs:
        """Images of entries."""
        images = self.data.images[index.cpu()].to(self.device)
        return Inputs("images", {"images": images, "pixel_values": images})


def _convnet(view: ImageView) -> nn.Module:
    return ConvNet(view.shape, view.num_classes)


def _small_convnet(view: ImageView) -> nn.Module:
    return ConvNet(view.shape, view.num_classes, width=8)


ImageView.TEACHERS = {"ConvNet": _convnet}


def _vit(view: ImageView) -> nn.Module:
    return ViT(view.shape, view.num_classes, width=32)


def _mlp(view: ImageView) -> nn.Module:
    return MLP(view.shape, view.num_classes)


def _mixed_convnet(view: ImageView) -> nn.Module:
    return MixedConvNet(view.shape, view.num_classes)


ImageView.STUDENTS = {"ConvNet-8": _small_convnet, "ViT-32": _vit, "MLP": _mlp, "mixed-ConvNet": _mixed_convnet}
