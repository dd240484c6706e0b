import torch

from graphdistill.core.data.images import grid, in_shape


def test_images_get_the_size_and_channels_of_others():
    grey, colour = torch.rand(2, 1, 8, 8), torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(in_shape(colour, colour[:1].shape[1:]), colour)
    assert torch.equal(in_shape(grey, torch.rand(1, 3, 8, 8).shape[1:]), grey.expand(-1, 3, -1, -1))
    found = in_shape(colour, grey.shape[1:])
    assert found.shape == grey.shape
    torch.testing.assert_close(found.mean(), colour.mean(), atol=0.02, rtol=0)


def test_the_grid_holds_every_image_where_it_belongs():
    rows = [torch.rand(2, 1, 3, 4), torch.rand(1, 1, 3, 4)]
    out = grid(rows, 2)
    assert out.shape == (2 * 4 + 1, 2 * 5 + 1, 1)
    assert torch.equal(out[1:4, 6:10, 0], rows[0][1, 0])
    assert torch.equal(out[5:8, 1:5, 0], rows[1][0, 0])
    assert bool((out[5:8, 6:10] == 1).all())
    assert bool((out[::4] == 1).all())
