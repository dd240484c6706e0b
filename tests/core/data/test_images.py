import torch

from graphdistill.core.data.images import in_shape


def test_images_get_the_size_and_channels_of_others():
    grey, colour = torch.rand(2, 1, 8, 8), torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(in_shape(colour, colour[:1].shape[1:]), colour)
    assert torch.equal(in_shape(grey, torch.rand(1, 3, 8, 8).shape[1:]), grey.expand(-1, 3, -1, -1))
    found = in_shape(colour, grey.shape[1:])
    assert found.shape == grey.shape
    torch.testing.assert_close(found.mean(), colour.mean(), atol=0.02, rtol=0)
