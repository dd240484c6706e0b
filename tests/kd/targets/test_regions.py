import pytest
import torch

from graphdistill.kd.targets.regions import random_regions, self_mix


def test_a_region_is_an_interpolated_square_of_the_image():
    """On an image whose pixels name their place, a region names a square with the area that was drawn."""
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    images = torch.stack([rows, columns]).expand(50, 2, 16, 16)
    got = random_regions(images, torch.Generator().manual_seed(0), 0.2)
    height = (got[:, 0, -1, 3] - got[:, 0, 0, 3]) / 15
    width = (got[:, 1, 3, -1] - got[:, 1, 3, 0]) / 15
    torch.testing.assert_close(height, width, atol=0.02, rtol=0)
    area = height * width
    assert 0.15 < float(area.min()) < 0.35
    assert 0.85 < float(area.max()) < 1.01
    assert (got[:, 0, :, :1] - got[:, 0]).abs().max() < 1e-4  # a row names one row
    assert (got >= 0).all()
    assert (got <= 15).all()


def test_regions_are_those_of_the_generator():
    images = torch.rand(4, 3, 8, 8)
    a, b = (random_regions(images, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(a, b)


@pytest.mark.parametrize("seed", range(20))
def test_a_rectangle_of_the_other_region_is_put_in(seed):
    g = torch.Generator().manual_seed(seed)
    first, second = torch.rand(2, 3, 2, 6, 9, generator=g)
    before = first.clone()
    mixed, left = self_mix(first, second, g)
    where = (mixed == second).flatten(0, 1).all(dim=0)
    rows, columns = where.any(dim=1).nonzero().flatten(), where.any(dim=0).nonzero().flatten()
    assert int(where.sum()) == len(rows) * len(columns)  # a full rectangle
    assert len(rows) == 0 or len(rows) == int(rows[-1] - rows[0]) + 1
    assert left == pytest.approx(1 - int(where.sum()) / 54)
    assert torch.equal(mixed[..., ~where], first[..., ~where])
    assert torch.equal(first, before)


def test_all_shares_are_equally_frequent():
    g = torch.Generator().manual_seed(0)
    one = torch.zeros(1, 1, 64, 64)
    shares = torch.tensor([self_mix(one, one, g)[1] for _ in range(1000)])
    assert (torch.histc(shares, 4, 0, 1) / 1000 - 0.25).abs().max() < 0.06
