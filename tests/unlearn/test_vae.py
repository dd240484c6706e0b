import torch
from torch.distributions import Normal, kl_divergence

from graphdistill.unlearn.vae import FeatureVAE, fit_vae


def test_the_loss_is_that_of_torch_distributions():
    torch.manual_seed(0)
    vae, x, noise = FeatureVAE(6, 3), torch.rand(5, 6), torch.randn(5, 3)
    hidden = vae.encoder(x)
    posterior = Normal(vae.mean(hidden), (vae.log_variance(hidden) / 2).exp())
    again = vae.decoder(posterior.loc + posterior.scale * noise)
    divergence = kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(vae.loss(x, noise, 0.3), (again - x).square().sum(dim=1) + 0.3 * divergence)
    torch.testing.assert_close(vae.error(x), (vae(x) - x).square().sum(dim=1))


def test_features_like_those_of_the_training_have_the_least_error_and_a_seed_gives_the_same_weights():
    draws = torch.Generator().manual_seed(0)
    mine = 0.2 + 0.02 * torch.rand(40, 8, generator=draws)
    other = 0.8 + 0.02 * torch.rand(40, 8, generator=draws)
    words = {"latent": 2, "steps": 60, "beta": 0.01, "batch_size": 16, "seed": 3, "purpose": "test"}
    vae, again = (fit_vae(mine, **words) for _ in range(2))
    assert vae.error(mine).max() < vae.error(other).min()
    assert not vae.training
    assert not any(p.requires_grad for p in vae.parameters())
    assert all(torch.equal(a, b) for a, b in zip(vae.parameters(), again.parameters(), strict=True))
