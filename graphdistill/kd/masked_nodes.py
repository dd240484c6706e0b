r"""Masked autoencoding of nodes by a graph network, and a teacher that is executed up to one of its layers.

Hou et al. (GraphMAE), KDD 2022, https://arxiv.org/abs/2205.10803:

.. math:: L = \frac{1}{|M|} \sum_{i \in M} \Big(1 - \frac{\langle x_i, \hat x_i \rangle}{\|x_i\| \|\hat x_i\|}\Big)^2

:math:`\hat x` are features of the masked nodes M that a convolution predicts from the hidden features of the others.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from graphdistill.kd.data.view import View
from graphdistill.kd.inputs import Inputs


def scaled_cosine_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared cosine distance of each row, ``[n]``.

    Example:
        >>> scaled_cosine_error(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])).tolist()
        [0.0, 1.0]
    """
    return (1 - F.cosine_similarity(found, wanted, dim=1)).square()


def random_nodes(x: Tensor, share: float, draws: torch.Generator) -> Tensor:
    """A random share of the nodes, one at least, as a mask ``[n]`` on the device of their features ``[n, F]``."""
    masked = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    masked[torch.randperm(len(x), generator=draws)[: max(1, round(share * len(x)))].to(x.device)] = True
    return masked


class NodeDecoder(nn.Module):
    """The features that masked nodes have instead, and a convolution that predicts their own.

    Args:
        width: width of the hidden features.
        channels: number of features of a node.
    """

    def __init__(self, width: int, channels: int):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(channels))
        self.conv = GCNConv(width, channels)

    def hide(self, x: Tensor, masked: Tensor) -> Tensor:
        """Features of all nodes, with the token in place of those of masked nodes.

        Args:
            x: float ``[n, channels]``.
            masked: bool ``[n]``.
        """
        return torch.where(masked[:, None], self.token, x)

    def forward(self, hidden: Tensor, edge_index: Tensor, x: Tensor, masked: Tensor) -> Tensor:
        """Mean error on the masked nodes; their own hidden features are set to zero.

        Args:
            hidden: float ``[n, width]``.
            edge_index: edges, long ``[2, E]``.
            x: features before masking, float ``[n, channels]``.
            masked: bool ``[n]``.
        """
        found = self.conv(hidden.masked_fill(masked[:, None], 0.0), edge_index)
        return scaled_cosine_error(found[masked], x[masked]).mean()


class _ReachedError(Exception):
    """The layer has run."""


def run_until(view: View, module: nn.Module, layer: str, index: Tensor, inputs: Inputs) -> Tensor:
    """Output of a layer, without gradient; what comes after it does not run.

    Args:
        view: the data.
        module: the network.
        layer: path of the layer.
        index: entries, long ``[n]``.
        inputs: their inputs.

    Raises:
        ValueError: the layer is not called.
    """
    found: list[Tensor] = []

    def stop(_: nn.Module, args: object, output: Tensor) -> None:
        found.append(output)
        raise _ReachedError

    handle = module.get_submodule(layer).register_forward_hook(stop)
    try:
        with torch.no_grad():
            view.run(module, index, inputs=inputs)
    except _ReachedError:
        return found[0]
    finally:
        handle.remove()
    raise ValueError(f"layer {layer!r} of {type(module).__name__} is not called; name another layer")
