"""VHL: noise that has classes, the same at all clients, anchors their embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fed.client.local_training import Terms
from fed.client.round import Turn
from fed.config import FedConfig
from fed.data.client_data import Facts, Pairs
from fed.methods._method import Algorithm
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import generator

CONTRAST = 1.0
"""Weight lambda of the contrastive term."""
GRID = 4
"""Random numbers along a side of a noise image; between them it is smooth."""
SPREAD = 0.5
"""Deviation of the images of a class around it, when classes have deviation 1."""


class Method(Algorithm):
    r"""Virtual homogeneity learning.

    .. math:: L = CE(B) + CE(N) + \lambda\, SupCon(f(B), f(N))

    B are batches of a client's own images, N are all noise images, which every client draws from the seed of the
    federation: no message holds them. The paper's come from an untrained StyleGAN, 2000 in all, in batches as large as
    B; here they are smooth random images around one for each class, as many as virtual images of FedLGD's server, and
    embedded once a step like those. So a round has as many steps, and takes as many images of a client's own, as one of
    other methods.
    """

    paper = "Tang et al., ICML 2022, https://arxiv.org/abs/2206.02465"
    rate = 0.2
    kinds = ("images",)

    def fit(self, turn: Turn) -> float:
        """SGD on a client's own images and noise."""
        data, count = turn.data()
        net, anchors = turn.net, noise(turn.config, turn.part.facts)
        assert isinstance(net, ConvNet)

        def extra(x: Tensor, z: Tensor) -> Tensor:
            return F.cross_entropy(net.head(z[len(x) :]), anchors[1])

        return turn.train(data, count, Terms(contrast=CONTRAST, anchors=anchors, extra=extra))


def noise(config: FedConfig, facts: Facts) -> Pairs:
    """Smooth random images of every class, around one of its own, and their classes.

    Args:
        config: the federation, whose seed is all that they depend on besides sizes.
        facts: shape of images and number of classes.
    """
    draws = generator(config.seed, "noise anchors")
    y = torch.arange(facts["classes"]).repeat_interleave(config.per_class)
    shape = (facts["channels"], GRID, GRID)
    classes = torch.randn((facts["classes"], *shape), generator=draws)
    coarse = classes[y] + SPREAD * torch.randn((len(y), *shape), generator=draws)
    fine = F.interpolate(coarse, (facts["height"], facts["width"]), mode="bicubic")
    return (0.5 + 0.25 * fine).clamp(0, 1), y
