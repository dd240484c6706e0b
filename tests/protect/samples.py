"""Small images that the tests of protection share."""

import functools

import torch

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.randomness import generator

KEY = "correct horse battery staple"


@functools.cache
def images(channels=1):
    """Ninety images of three classes, each bright in a row of its own."""
    draws = generator(0, "images")
    y = torch.arange(90) % 3
    pixels = 0.2 * torch.rand(90, channels, 8, 8, generator=draws)
    pixels[torch.arange(90), :, 2 * y + 1] += 0.7
    place = torch.arange(90)
    return ImageDataset("rows", pixels, y, place[:60], place[60:75], place[75:])
