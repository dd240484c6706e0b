"""Clients upload coded features instead of images: ``python examples/federated_features.py``.

A server with a few labelled digits trains a split network. Three clients get its encoder, and each uploads one stream
of bytes and its labels; the server trains the rest on what it decodes. Features save bytes; they are not private.
"""

import copy
from dataclasses import replace

import torch
from torch import nn

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

# The server: a network on its own digits, then split, with an encoder whose features take few bytes.
torch.manual_seed(0)
public = replace(data, train=own)
network = fit_labels(ConvNet((1, 8, 8), 10), public, training)
split = compress_network(network, public, EntropicStudentConfig(beta=0.1), training).network
sender, receiver = halves(split)

# The clients: a copy of the encoder each, one upload each.
uploads = [copy.deepcopy(sender).encode_batch(data.images[index]) for index in clients]
coded = torch.cat([receiver.decode_batch(upload) for upload in uploads])

# The same upload as the floats of the network's first stage.
plain = copy.deepcopy(network)
with torch.no_grad():
    floats = plain.blocks[0](data.images)
plain.blocks[0] = nn.Identity()


def trained(net: nn.Module, features: torch.Tensor) -> float:
    """Test accuracy of a network that is trained on features of the server's and the clients' entries."""
    seen = replace(data, images=features, train=order)
    return view_of(seen).score(fit_labels(net, seen, last), "test")


# Validation and test digits are the server's: it encodes them itself.
with torch.no_grad():
    received = sender(data.images)
received[torch.cat(clients)] = coded
count = len(order) - len(own)
print(f"server alone: accuracy {view_of(data).score(network, 'test'):.3f}")
print(f"float features: accuracy {trained(plain, floats):.3f}, {floats[0].numel() * 4} bytes an image")
size = sum(map(len, uploads)) / count
print(f"coded features: accuracy {trained(receiver.network, received):.3f}, {size:.1f} bytes an image")
