r"""A small variational autoencoder of hidden features, whose error is high on features unlike those it was trained on.

.. math:: L = \lVert \hat e - e \rVert^2 + \beta \, \mathrm{KL}\bigl(\mathcal{N}(\mu(e), \sigma(e)^2) \,\Vert\,
    \mathcal{N}(0, 1)\bigr)

Shape legend: n entries, D features, z latent dimensions.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.loop import Training, train
from graphdistill.core.training.sampler import RepeatedRandomSampler

WIDTHS = (256, 128, 32)
"""Hidden widths of the encoder; the decoder has them in reverse."""
LR = 1e-3
"""Learning rate of Adam."""


class FeatureVAE(nn.Module):
    """An encoder of layers 256, 128 and 32 to a latent mean and variance, and its mirror image as decoder.

    The decoder ends in a sigmoid, so the features must lie between 0 and 1.

    Args:
        in_features: D.
        latent: z.

    Example:
        >>> vae = FeatureVAE(20, 8)
        >>> vae(torch.rand(3, 20)).shape
        torch.Size([3, 20])
    """

    def __init__(self, in_features: int, latent: int):
        super().__init__()
        self.encoder = nn.Sequential(*_layers([in_features, *WIDTHS]))
        self.mean, self.log_variance = nn.Linear(WIDTHS[-1], latent), nn.Linear(WIDTHS[-1], latent)
        inner = _layers([latent, *WIDTHS[::-1]])
        self.decoder = nn.Sequential(*inner, nn.Linear(WIDTHS[0], in_features), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        """Reconstruction from the latent mean, ``[n, D]``."""
        found: Tensor = self.decoder(self.mean(self.encoder(features)))
        return found

    def error(self, features: Tensor) -> Tensor:
        """Squared error of the reconstruction, ``[n]``."""
        found: Tensor = (self(features) - features).square().sum(dim=1)
        return found

    def loss(self, features: Tensor, noise: Tensor, beta: float) -> Tensor:
        """Squared error from a sampled latent plus the weighted divergence from the prior, ``[n]``.

        Args:
            features: ``[n, D]``, from 0 to 1.
            noise: standard normal, ``[n, z]``.
            beta: weight of the divergence.
        """
        hidden = self.encoder(features)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        found = self.decoder(mean + noise * (log_variance / 2).exp())
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
        value: Tensor = (found - features).square().sum(dim=1) + beta * divergence
        return value


def fit_vae(
    features: Tensor, *, latent: int, steps: int, beta: float, batch_size: int, seed: int, purpose: str
) -> FeatureVAE:
    """Train an autoencoder on features.

    Args:
        features: ``[n, D]``, from 0 to 1.
        latent: z.
        steps: steps of Adam.
        beta: weight of the divergence.
        batch_size: entries a step; all of them if there are fewer.
        seed: seed of weights, batches and latents.
        purpose: a word that makes the randomness its own.

    Returns:
        The autoencoder in evaluation mode, without gradients of its parameters.
    """
    with scoped(seed, "unlearn", purpose, "weights"):
        vae = FeatureVAE(features.shape[1], latent).to(features.device)
    draws = generator(seed, "unlearn", purpose, "latents")
    size = min(batch_size, len(features))
    sampler = RepeatedRandomSampler(len(features), size, generator(seed, "unlearn", purpose, "batches"))

    def loss(index: Tensor) -> Tensor:
        noise = torch.randn(len(index), latent, generator=draws).to(features.device)
        return vae.loss(features[index], noise, beta).mean()

    training = Training(vae, torch.optim.Adam(vae.parameters(), lr=LR), loss)
    train(training, lambda _: [sampler.round().to(features.device)], steps)
    return vae.eval().requires_grad_(False)


def _layers(widths: list[int]) -> list[nn.Module]:
    return [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
