r"""A network split in two: an encoder on the client, whose coded features a decoder and the rest on the server read.

.. math:: \hat y = f_S(\dots f_2(g_d(\mathrm{round}(g_e(x)))))

where encoder and decoder stand in place of the first stage :math:`f_1` of a trained network. Both have a generalised
divisive normalisation (GDN) between two layers, :math:`v_i / \sqrt{\beta_i + \sum_j \gamma_{ij} v_j^2}` (Ballé et al.,
ICLR 2016, https://arxiv.org/abs/1511.06281).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphdistill.compress.coded_stage import CodedStage, EntropicStage
from graphdistill.kd.data.view import View
from graphdistill.kd.inputs import names_of
from graphdistill.kd.layers import stages_of
from graphdistill.kd.outputs import PENULTIMATE, record


class Sender(nn.Module):
    """The half of a split network that stays with the data.

    Args:
        stage: the coded stage, of which it takes encoder and bottleneck.

    Example:
        >>> from graphdistill.core.networks.convnet import ConvNet
        >>> network = split_network(ConvNet((1, 8, 8), 10), torch.rand(2, 1, 8, 8))
        >>> coded_stage(network).bottleneck.freeze().frozen
        True
        >>> sender, receiver = halves(network.eval())
        >>> x = torch.rand(3, 1, 8, 8)
        >>> torch.equal(receiver(receiver.decode(sender.encode(x))), network(x))
        True
    """

    def __init__(self, stage: EntropicStage):
        super().__init__()
        self.encoder, self.bottleneck = stage.encoder, stage.bottleneck

    def forward(self, x: Tensor) -> Tensor:
        """Rounded features of entries, ``[n, channels, ...]``."""
        out: Tensor = self.bottleneck(self.encoder(x))
        return out

    @torch.no_grad()
    def encode(self, x: Tensor) -> list[bytes]:
        """A stream for each entry, of the input of the first stage, such as images ``[n, C, H, W]``."""
        return self.bottleneck.encode(self.encoder(x))

    @torch.no_grad()
    def encode_batch(self, x: Tensor) -> bytes:
        """One stream of all entries, for an upload."""
        return self.bottleneck.encode_batch(self.encoder(x))


class Receiver(nn.Module):
    """The half of a split network that reads what a :class:`Sender` sends.

    Args:
        network: the network, whose coded stage becomes its decoder.
        path: path of the stage.
    """

    def __init__(self, network: nn.Module, path: str):
        super().__init__()
        stage = network.get_submodule(path)
        assert isinstance(stage, EntropicStage)
        self.bottleneck, self.shape, self.network = stage.bottleneck, stage.shape, network
        network.set_submodule(path, stage.decoder)

    def forward(self, z: Tensor) -> Tensor:
        """Logits of features that were sent, ``[n, channels, ...]``."""
        out: Tensor = self.network(z)
        return out

    def decode(self, streams: Sequence[bytes]) -> Tensor:
        """Rounded features of streams of ``encode``, ``[n, channels, ...]``."""
        return self.bottleneck.decode(streams, self.shape)

    def decode_batch(self, data: bytes, *, limit: int = 1_000_000) -> Tensor:
        """Rounded features of a stream of ``encode_batch``, of at most ``limit`` entries."""
        return self.bottleneck.decode_batch(data, self.shape, limit=limit)


def first_stage(network: nn.Module) -> str:
    """Path of the stage that is replaced.

    Raises:
        ValueError: the network has no list of stages, or its first one reads more than features.
    """
    path = stages_of(network)[0]
    if path == PENULTIMATE:
        raise ValueError(f"{type(network).__name__} has no list of stages, of which the first could be replaced")
    if sum(names_of(network.get_submodule(path)).values()) != 1:
        raise ValueError(
            f"{path} of {type(network).__name__} reads more than features, such as edges, which are not sent; give a "
            "ConvNet or an MLP"
        )
    return path


def coded_stage(network: nn.Module) -> CodedStage | None:
    """The coded stage of a network, if it has one."""
    return next((part for part in network.modules() if isinstance(part, CodedStage)), None)


def sent_bytes(view: View, network: nn.Module, split: str = "test") -> float | None:
    """Mean bytes that an entry of a split sends, each coded on its own; ``None`` of a network that sends nothing.

    Args:
        view: the data.
        network: the network, as a method of compression returned it.
        split: the split. (default: ``test``)
    """
    stage = coded_stage(network)
    if stage is None:
        return None
    layer = f"{next(name for name, part in network.named_modules() if part is stage)}:input"
    found = view.predict(network, getattr(view.data, split), (layer,)).features[layer]
    streams = stage.encode(found)
    return sum(map(len, streams)) / len(streams)


@torch.no_grad()
def split_network(network: nn.Module, x: Tensor, *, channels: int = 4, width: int = 32) -> nn.Module:
    """A copy of a network whose first stage is an encoder, a bottleneck and a decoder, all untrained.

    Args:
        network: the network.
        x: two entries or more as the network reads them, for the shapes.
        channels: channels that are sent. (default: 4)
        width: channels between the layers of encoder and decoder. (default: 32)

    Raises:
        ValueError: as of :func:`first_stage`, or the stage makes neither feature maps nor flat features.
    """
    path, made = first_stage(network), copy.deepcopy(network).eval()
    with record(made, (path, f"{path}:input")) as found:
        made(x)
    inside, outside = found[f"{path}:input"], found[path]
    if inside.dim() != outside.dim() or outside.dim() not in (2, 4):
        raise ValueError(
            f"{path} of {type(network).__name__} makes {list(outside.shape)} of {list(inside.shape)}; feature maps "
            "[n, C, H, W] or flat features [n, d] can be sent"
        )
    stage = EntropicStage(inside.shape[1:], outside.shape[1:], channels, width).to(x.device)
    made.set_submodule(path, stage)
    return made


def halves(network: nn.Module) -> tuple[Sender, Receiver]:
    """Both halves of a split network, of copies of its modules.

    Args:
        network: a network of :func:`split_network`.

    Raises:
        ValueError: it is not one.
    """
    own = copy.deepcopy(network)
    for path, part in own.named_modules():
        if isinstance(part, EntropicStage):
            # Each half has a bottleneck of its own, as on two machines.
            return Sender(copy.deepcopy(part)), Receiver(own, path)
    raise ValueError(f"{type(network).__name__} is not split; give a network of split_network or of entropic-student")
