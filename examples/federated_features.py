"""Clients upload coded features instead of images: ``python examples/federated_features.py``.

A server with a few labelled digits trains a split network. Three clients get its encoder, and each uploads one stream
of bytes and its coded labels, in messages of Flower; the server trains the rest on what it decodes. The same apps run
on a SuperLink. Features save bytes; they are not private.
"""

import copy
from dataclasses import replace

import torch
from flwr.app import Context, Message
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from torch import nn

from fed.config import FedConfig
from fed.features import collect, upload
from fed.runtime.in_process import run_in_process
from graphdistill import load
from graphdistill.compress import EntropicStudentConfig, compress_network, halves
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import generator
from graphdistill.kd import KDConfig, fit_labels
from graphdistill.kd.data.kinds import view_of

data = load("digits")
order = data.train[torch.randperm(len(data.train), generator=generator(0, "clients"))]
own, *clients = order[:100], *order[100:].chunk(3)
training, last = KDConfig(steps=200), KDConfig(steps=100)
client, server = ClientApp(), ServerApp()


@client.query("features")
def features(message: Message, context: Context) -> Message:
    """A client: one upload of all its digits."""
    index = clients[int(context.node_config["partition-id"])]
    return upload(message, data.images[index], data.y[index])


@server.main()
def main(grid: Grid, context: Context) -> None:
    """The server: a network on its own digits, then split, then its last stages on what the clients upload."""
    torch.manual_seed(0)
    public = replace(data, train=own)
    network = fit_labels(ConvNet((1, 8, 8), 10), public, training)
    split = compress_network(network, public, EntropicStudentConfig(beta=0.1), training).network
    found = collect(grid, split, grid.get_node_ids(), classes=10)

    # Validation and test digits are the server's: it encodes them itself.
    sender, receiver = halves(split)
    with torch.no_grad():
        received = sender(data.images)
    received[torch.cat(clients)] = found.features
    # The same upload as the floats of the network's first stage.
    plain = copy.deepcopy(network)
    with torch.no_grad():
        floats = plain.blocks[0](data.images)
    plain.blocks[0] = nn.Identity()

    count = len(found.y)
    print(f"server alone: accuracy {view_of(data).score(network, 'test'):.3f}")
    print(f"float features: accuracy {trained(plain, floats):.3f}, {floats[0].numel() * 4} bytes an image")
    size = sum(found.stream_bytes.values()) / count
    print(
        f"coded features: accuracy {trained(receiver.network, received):.3f}, {size:.1f} bytes an image with its label"
    )
    print(f"on the wire: {found.up:,} bytes up, {found.down:,} down for {count} images of {len(clients)} clients")


def trained(net: nn.Module, inputs: torch.Tensor) -> float:
    """Test accuracy of a network that is trained on features of the server's and the clients' entries."""
    seen = replace(data, images=inputs, train=order)
    return view_of(seen).score(fit_labels(net, seen, last), "test")


run_in_process(server, client, FedConfig().run_config(), len(clients))
