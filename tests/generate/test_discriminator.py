import pytest
import torch

from graphdistill.generate.discriminator import head_of
from graphdistill.generate.networks import NetworkConfig
from tests.generate.samples import denoiser


@pytest.mark.parametrize("network", ["mlp", "mixer"])
def test_a_head_gives_a_logit_for_each_entry_and_depends_on_its_seed_alone(network):
    model = denoiser((1, 4, 4), config=NetworkConfig(network=network, width=8, depth=1))
    hidden = model.hidden(torch.rand(5, 1, 4, 4), 0.5)
    torch.manual_seed(1)
    first = head_of(model, 0)(hidden)
    torch.manual_seed(2)
    assert torch.equal(head_of(model, 0)(hidden), first)
    assert not torch.equal(head_of(model, 1)(hidden), first)
    assert first.shape == (5, 1)
