"""A network that computes with quantised or sparse weights while its float weights, or the levels, are trained."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from graphdistill.compress.context import Compressed
from graphdistill.compress.levels import Quantizer
from graphdistill.compress.sparse import Masker
from graphdistill.kd.inputs import BatchModule, Inputs, call

Coder = Quantizer | Masker
"""Makes the weights that a network computes with of its own float ones."""


class CodedNetwork(BatchModule):
    """A network and the quantizers or masks of its weights.

    Args:
        network: the network, whose own weights stay float.
        coders: what its weights are changed by, by their name.

    Shapes:
        - **inputs**: named inputs of a batch
        - **output**: logits ``[n, C]``

    Example:
        >>> from graphdistill.compress.levels import even_levels
        >>> linear = nn.Linear(3, 2, bias=False)
        >>> quantized = CodedNetwork(linear, {"weight": Quantizer(even_levels(2), bucket_size=6)})
        >>> call(quantized, Inputs("x", {"x": torch.eye(3)})).unique().numel()
        2
    """

    PREFIX = "members.0.members.0."
    """Prefix of the paths of the network's own modules."""

    def __init__(self, network: nn.Module, coders: Mapping[str, Coder]):
        super().__init__([_Plain([network])])
        self.names = tuple(coders)
        self.coders = nn.ModuleList(coders.values())

    @property
    def network(self) -> nn.Module:
        """The network with its float weights."""
        plain = self.members[0]
        assert isinstance(plain, _Plain)
        return plain.members[0]

    def items(self) -> list[tuple[str, nn.Parameter, Coder]]:
        """Name, float weights, and quantizer or mask of each weight that is changed."""
        weights, found = dict(self.network.named_parameters()), []
        for name, coder in zip(self.names, self.coders, strict=True):
            assert isinstance(coder, Quantizer | Masker)
            found.append((name, weights[name], coder))
        return found

    def forward(self, inputs: Inputs) -> Tensor:
        """Logits with quantised or sparse weights."""
        weights = {f"members.0.{name}": coder(weight) for name, weight, coder in self.items()}
        logits: Tensor = functional_call(self.members[0], weights, (inputs,))
        return logits

    @torch.no_grad()
    def finished(self) -> Compressed:
        """The network itself, in evaluation mode, with the changed weights in place of the float ones."""
        parts = {name: coder.coded(weight) for name, weight, coder in self.items()}
        for name, weight, _ in self.items():
            weight.copy_(parts[name].weight)
        return Compressed(self.network.eval(), parts)


class _Plain(BatchModule):
    """A network that is called on a batch by the names of its arguments."""

    def forward(self, inputs: Inputs) -> Tensor:
        return call(self.members[0], inputs)


def check_weights(network: nn.Module, weights: Mapping[str, Tensor], doing: str) -> None:
    """Fail unless a network has weights to compress, all finite.

    Args:
        network: the network.
        weights: its weights by name.
        doing: what would be done with them.

    Raises:
        ValueError: it has none, or one is not finite.
    """
    if not weights:
        raise ValueError(
            f"{type(network).__name__} has no float32 weights of two or more dimensions to {doing}; give a network "
            "with linear or convolutional layers"
        )
    for name, weight in weights.items():
        if not bool(torch.isfinite(weight).all()):
            raise ValueError(f"the weights {name} hold NaN or infinity; train or fix the network first")


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
