import pytest
import torch
from torch.distributions import Categorical, Normal, kl_divergence

from graphdistill.core.networks.table_vae import Columns, TableVAE, divergence, posterior


def table(n=40):
    """Two numbers, a category of three texts of which one is left out, another category, and a flag."""
    draw = torch.Generator().manual_seed(0)
    first, second = torch.randint(3, (n,), generator=draw), torch.randint(2, (n,), generator=draw)
    return torch.cat(
        [
            torch.randn(n, 1, generator=draw),
            torch.eye(3)[first][:, :2],
            torch.randn(n, 1, generator=draw),
            torch.eye(2)[second],
            (torch.rand(n, 1, generator=draw) < 0.5).float(),
        ],
        dim=1,
    )


def test_categories_are_neighbours_of_zeros_and_ones_that_exclude_each_other():
    columns = Columns.of(table())
    assert (columns.numbers, columns.categories) == ([0, 3], [[1, 2], [4, 5], [6]])
    assert columns.width == 2 + 3 + 3 + 2
    assert Columns.of(torch.tensor([[1.0, 1.0], [0.0, 1.0]])).categories == [[0], [1]]
    assert Columns.of(torch.randn(3, 2)) == Columns([0, 1], [])


def test_the_likelihood_is_that_of_torchs_distributions():
    x, columns = table(), Columns.of(table())
    out, log_scale = torch.randn(len(x), columns.width), torch.tensor([0.2, -0.5])
    normal = Normal(out[:, :2], log_scale.exp()).log_prob(x[:, columns.numbers]).sum(dim=1)
    place = torch.stack(
        [torch.where(x[:, c].sum(dim=1) == 0, torch.tensor(len(c)), x[:, c].argmax(dim=1)) for c in columns.categories]
    )
    texts = sum(
        Categorical(logits=part).log_prob(where)
        for part, where in zip(out[:, 2:].split([3, 3, 2], dim=1), place, strict=True)
    )
    constant = torch.log(torch.tensor(2 * torch.pi))  # of two numbers, a half each
    torch.testing.assert_close(columns.surprise(out, log_scale, x), -normal - texts - constant)


def test_drawn_rows_have_the_distribution_that_the_decoder_gives():
    columns = Columns([0], [[1, 2]])
    out = torch.tensor([[3.0, 0.0, 1.0, 0.5]]).expand(20_000, -1)
    x = columns.draw(out, torch.tensor([-1.0]), torch.Generator().manual_seed(0))
    assert x[:, 0].mean().item() == pytest.approx(3, abs=0.02)
    assert x[:, 0].std().item() == pytest.approx(torch.tensor(-1.0).exp().item(), rel=0.03)
    wanted = torch.tensor([0.0, 1.0, 0.5]).softmax(dim=0)
    torch.testing.assert_close(x[:, 1:].mean(dim=0), wanted[:2], atol=0.02, rtol=0)
    assert set(x[:, 1:].sum(dim=1).tolist()) == {0.0, 1.0}


def test_the_divergence_is_that_of_torchs_distributions():
    mean, log_variance, other, more = torch.randn(4, 5, 3)
    ours, theirs = Normal(mean, (log_variance / 2).exp()), Normal(other, (more / 2).exp())
    torch.testing.assert_close(divergence(mean, log_variance, other, more), kl_divergence(ours, theirs).sum(dim=1))
    standard = kl_divergence(ours, Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(divergence(mean, log_variance), standard)


def test_fair_classes_are_the_mean_over_groups_of_their_shares():
    vae = TableVAE(Columns.of(table()), 3, 2, latent=4, width=8)
    z, share = torch.randn(5, 4), torch.tensor([0.5, 0.3, 0.2])
    parts = [
        share[group] * vae.classifier(torch.cat([z, torch.eye(3)[[group] * 5]], dim=1)).softmax(dim=1)
        for group in range(3)
    ]
    torch.testing.assert_close(vae.fair_shares(z, share), sum(parts))
    assert vae.surprise(z, torch.tensor([0, 1, 2, 0, 1]), table(5)).shape == (5,)


def test_an_outlier_is_read_as_ten_deviations():
    encoder = torch.nn.Linear(2, 4)
    far = posterior(encoder, torch.tensor([[1e6, 0.0]]))
    torch.testing.assert_close(far, posterior(encoder, torch.tensor([[10.0, 0.0]])))
    assert posterior(torch.nn.Linear(2, 4).requires_grad_(False), torch.full((1, 2), 1e9))[1].abs().max() <= 8
