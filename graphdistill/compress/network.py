"""A network that computes with quantised weights while its float weights, or the levels, are trained."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from graphdistill.compress.context import Compressed
from graphdistill.compress.levels import Quantizer
from graphdistill.kd.inputs import BatchModule, Inputs, call


class QuantizedNetwork(BatchModule):
    """A network and the quantizers of its weights.

    Args:
        network: the network, whose own weights stay float.
        quantizers: quantizers of its weights, by their name.

    Shapes:
        - **inputs**: named inputs of a batch
        - **output**: logits ``[n, C]``

    Example:
        >>> from graphdistill.compress.levels import even_levels
        >>> linear = nn.Linear(3, 2, bias=False)
        >>> quantized = QuantizedNetwork(linear, {"weight": Quantizer(even_levels(2), bucket_size=6)})
        >>> call(quantized, Inputs("x", {"x": torch.eye(3)})).unique().numel()
        2
    """

    def __init__(self, network: nn.Module, quantizers: Mapping[str, Quantizer]):
        super().__init__([_Plain([network])])
        self.names = tuple(quantizers)
        self.quantizers = nn.ModuleList(quantizers.values())

    @property
    def network(self) -> nn.Module:
        """The network with its float weights."""
        plain = self.members[0]
        assert isinstance(plain, _Plain)
        return plain.members[0]

    def items(self) -> list[tuple[str, nn.Parameter, Quantizer]]:
        """Name, float weights and quantizer of each quantised weight."""
        weights, found = dict(self.network.named_parameters()), []
        for name, quantizer in zip(self.names, self.quantizers, strict=True):
            assert isinstance(quantizer, Quantizer)
            found.append((name, weights[name], quantizer))
        return found

    def forward(self, inputs: Inputs) -> Tensor:
        """Logits with quantised weights."""
        weights = {f"members.0.{name}": quantizer(weight) for name, weight, quantizer in self.items()}
        logits: Tensor = functional_call(self.members[0], weights, (inputs,))
        return logits

    @torch.no_grad()
    def finished(self) -> Compressed:
        """The network itself, in evaluation mode, with its quantised weights in place of the float ones."""
        parts = {name: quantizer.quantized(weight) for name, weight, quantizer in self.items()}
        for name, weight, _ in self.items():
            weight.copy_(parts[name].weight)
        return Compressed(self.network.eval(), parts)


class _Plain(BatchModule):
    """A network that is called on a batch by the names of its arguments."""

    def forward(self, inputs: Inputs) -> Tensor:
        return call(self.members[0], inputs)


def weights_of(network: nn.Module) -> dict[str, nn.Parameter]:
    """Weights that are quantised, by name.

    Those are float32 parameters of two dimensions or more that one module alone holds; biases and norms stay.

    Example:
        >>> list(weights_of(nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))))
        ['0.weight']
    """
    every = [id(weight) for _, weight in network.named_parameters(remove_duplicate=False)]
    return {
        name: weight
        for name, weight in network.named_parameters()
        if weight.dim() > 1 and weight.dtype == torch.float32 and weight.numel() and every.count(id(weight)) == 1
    }
