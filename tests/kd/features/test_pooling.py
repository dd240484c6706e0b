import pytest
import torch

from graphdistill.kd.features.pooling import pooled


def test_features_are_averaged_over_all_but_rows_and_channels():
    maps, tokens = torch.rand(6, 3, 2, 2), torch.rand(6, 5, 3)
    torch.testing.assert_close(pooled(maps, 6), maps.flatten(2).mean(-1))
    torch.testing.assert_close(pooled(tokens, 6), tokens.sum(1) / 5)
    torch.testing.assert_close(pooled(tokens, 30), tokens.view(30, 3))
    with pytest.raises(ValueError, match=r"must be of 7 entries, \[n, d\], .* got \[6, 3, 2, 2\]; name other"):
        pooled(maps, 7)
