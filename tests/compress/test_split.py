import pytest
import torch
from torch import nn
from torch_geometric.nn import GCN
from torch_geometric.nn import MLP as NodeMLP

from graphdistill.compress.split import coded_stage, halves, sent_bytes, split_network
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.networks.vit import ViT
from graphdistill.kd.storage import load_network, save_network
from tests.compress.samples import trained


def split(network, x):
    torch.manual_seed(0)
    made = split_network(network, x).eval()
    coded_stage(made).bottleneck.freeze()
    return made


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (ConvNet((1, 8, 8), 3), (1, 8, 8)),
        (MLP((1, 4, 4), 3), (1, 4, 4)),
        (NodeMLP([6, 5, 3], norm=None), (6,)),
    ],
)
def test_two_machines_compute_what_the_whole_network_does(network, shape, tmp_path):
    x = 4 * torch.randn(7, *shape, generator=torch.Generator().manual_seed(0))
    made = split(network, x)
    sender, receiver = halves(made)
    save_network(sender, tmp_path / "client")
    save_network(receiver, tmp_path / "server")
    # Each side builds its half anew.
    torch.manual_seed(5)
    client, server = halves(split_network(network, x))
    client, server = load_network(client, tmp_path / "client"), load_network(server, tmp_path / "server")
    expected = made(x)
    with torch.no_grad():
        assert torch.equal(server(server.decode(client.encode(x))), expected)
        assert torch.equal(server(server.decode_batch(client.encode_batch(x))), expected)
        assert torch.equal(server.decode(client.encode(x)), client(x))
    with pytest.raises(ValueError, match="of which 6 may come"):
        server.decode_batch(client.encode_batch(x), limit=6)
    assert coded_stage(network) is None


def test_bytes_are_counted_an_entry():
    view, network = trained()
    assert sent_bytes(view, network) is None
    made = split(ConvNet((1, 8, 8), 3), view.data.images[:2])
    streams = halves(made)[0].encode(view.data.images[view.data.test])
    assert sent_bytes(view, made) == sum(map(len, streams)) / len(view.data.test)


def test_what_cannot_be_split_is_refused():
    x = torch.zeros(2, 4)
    with pytest.raises(ValueError, match="Linear has no list of stages, of which the first could be replaced"):
        split_network(nn.Linear(4, 2), x)
    with pytest.raises(ValueError, match=r"convs\.0 of GCN reads more than features, such as edges"):
        split_network(GCN(4, 5, 2, 3), x)
    with pytest.raises(ValueError, match=r"feature maps \[n, C, H, W\] or flat features \[n, d\] can be sent"):
        split_network(ViT((1, 8, 8), 3), torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match="Linear is not split; give a network of split_network"):
        halves(nn.Linear(4, 2))
