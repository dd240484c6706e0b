r"""Supernets of a differentiable search: layers that are weighted sums of candidate operations.

.. math:: h = \sum_o \mathrm{softmax}(\alpha)_o \, o(x)

Liu et al. (DARTS), ICLR 2019, https://arxiv.org/abs/1806.09055.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, SAGEConv


class MixedOperation(nn.Module):
    """The weighted sum of operations, or one of them alone once it is chosen.

    The operations that are not chosen are dropped with their weights. Loading weights of which some operations were
    dropped drops them here, too.

    Args:
        operations: modules with the same inputs and outputs of the same shape, by name.

    Attributes:
        alpha: logits of the weights, float ``[O]``.
        chosen: number of the operation that runs alone, or -1; a buffer, so that it is saved with the weights.

    Example:
        >>> mixed = MixedOperation({"skip": nn.Identity(), "relu": nn.ReLU()})
        >>> mixed(torch.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
        >>> mixed.alpha.data[1] = 1.0
        >>> mixed.discretise(), mixed(torch.tensor([-1.0, 2.0])).tolist()
        ('relu', [0.0, 2.0])
    """

    chosen: Tensor

    def __init__(self, operations: Mapping[str, nn.Module]):
        super().__init__()
        self.names = tuple(operations)
        self.operations = nn.ModuleDict(operations)
        self.alpha = nn.Parameter(torch.zeros(len(operations)))
        self.register_buffer("chosen", torch.tensor(-1))

    def forward(self, *inputs: Any) -> Tensor:
        """The weighted sum, or the chosen operation."""
        if int(self.chosen) >= 0:
            out: Tensor = self.operations[self.names[int(self.chosen)]](*inputs)
            return out
        found = torch.stack([operation(*inputs) for operation in self.operations.values()])
        total: Tensor = torch.tensordot(self.alpha.softmax(dim=0), found, dims=1)
        return total

    def discretise(self) -> str:
        """Keep the operation with the largest weight alone; returns its name."""
        number = int(self.alpha.argmax())
        self.chosen.fill_(number)
        self._keep([self.names[number]])
        return self.names[number]

    def _keep(self, names: Collection[str]) -> None:
        self.operations = nn.ModuleDict({name: of for name, of in self.operations.items() if name in names})

    def drop_absent(self, keys: Collection[str], prefix: str) -> None:
        """Drop the operations whose weights saved ones do not have.

        Args:
            keys: names of the saved weights of a network; without those of this module nothing is dropped.
            prefix: what its names begin with.
        """
        if f"{prefix}alpha" in keys:
            wanted = {name: of.state_dict(prefix=f"{prefix}operations.{name}.") for name, of in self.operations.items()}
            self._keep([name for name, weights in wanted.items() if all(key in keys for key in weights)])

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *more: Any) -> None:
        self.drop_absent(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *more)


def drop_absent(network: nn.Module, keys: Collection[str]) -> None:
    """Drop the operations of a new supernet whose weights saved ones do not have, as they were not chosen.

    Args:
        network: a network of any kind, changed in place.
        keys: names of the saved weights.

    Example:
        >>> network = MixedGNN(3, 8, 2, num_layers=1)
        >>> saved = [name for name in network.state_dict() if "gat" not in name and "linear" not in name]
        >>> drop_absent(network, saved)
        >>> list(network.layers[0].operations)
        ['gcn', 'sage', 'skip']
    """
    for path, module in network.named_modules():
        if isinstance(module, MixedOperation):
            module.drop_absent(keys, f"{path}." if path else "")


def mixed_operations(network: nn.Module) -> list[MixedOperation]:
    """The mixed operations of a network, in the order of its modules."""
    return [module for module in network.modules() if isinstance(module, MixedOperation)]


class _NodeWise(nn.Module):
    """A module on the features of each node alone."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.module(x)
        return out


class MixedGNN(nn.Module):
    """A linear layer, layers of mixed operations on nodes with ReLU, and a linear layer.

    The operations are ``gcn``, ``sage`` and ``gat``, ``linear`` without edges, and ``skip``.

    Args:
        in_channels: number of features of a node.
        hidden_channels: width of all layers.
        out_channels: number of logits.
        num_layers: number of mixed layers. (default: 2)
        dropout: probability before each layer in training. (default: 0.5)

    Shapes:
        - **input:** features ``[n, in_channels]`` and edges ``[2, E]``
        - **output:** logits ``[n, C]``

    Example:
        >>> MixedGNN(3, 8, 2)(torch.rand(4, 3), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([4, 2])
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, out_channels: int, num_layers: int = 2, dropout: float = 0.5
    ):
        super().__init__()
        width = hidden_channels
        self.first = nn.Linear(in_channels, width)
        self.layers = nn.ModuleList(
            MixedOperation(
                {
                    "gcn": GCNConv(width, width),
                    "sage": SAGEConv(width, width),
                    "gat": GATConv(width, width),
                    "linear": _NodeWise(nn.Linear(width, width)),
                    "skip": _NodeWise(nn.Identity()),
                }
            )
            for _ in range(num_layers)
        )
        self.head = nn.Linear(width, out_channels)
        self.dropout = dropout

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Logits of all nodes."""
        x = self.first(F.dropout(x, self.dropout, self.training)).relu()
        for layer in self.layers:
            x = layer(F.dropout(x, self.dropout, self.training), edge_index).relu()
        out: Tensor = self.head(x)
        return out


class MixedConvNet(nn.Module):
    """A convolution, blocks of a mixed operation, instance norm, ReLU and 2 x 2 average pooling, and a linear layer.

    The operations are convolutions of 1, 3 and 5 pixels, the maximum over 3 x 3 pixels, and ``skip``.

    Args:
        shape: channels, height and width of an image.
        num_classes: number of logits.
        width: channels of every layer. (default: 16)
        depth: number of blocks. (default: 2)

    Raises:
        ValueError: the images are too small for the blocks.

    Example:
        >>> MixedConvNet((1, 8, 8), 10)(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(self, shape: tuple[int, int, int], num_classes: int, width: int = 16, depth: int = 2):
        super().__init__()
        if min(shape[1:]) >> depth < 1:
            raise ValueError(
                f"images of {shape[1]} x {shape[2]} pixels are too small for {depth} blocks; give fewer blocks"
            )
        self.first = nn.Conv2d(shape[0], width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                MixedOperation(
                    {
                        **{f"conv-{k}": nn.Conv2d(width, width, k, padding=k // 2) for k in (1, 3, 5)},
                        "max": nn.MaxPool2d(3, stride=1, padding=1),
                        "skip": nn.Identity(),
                    }
                ),
                nn.GroupNorm(width, width),
                nn.ReLU(),
                nn.AvgPool2d(2),
            )
            for _ in range(depth)
        )
        self.head = nn.Linear(width * (shape[1] >> depth) * (shape[2] >> depth), num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[n, C]`` of images ``[n, channels, height, width]``."""
        x: Tensor = self.first(images).relu()
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(x.flatten(1))
        return out
