"""Networks whose outputs are targets of regression in their own unit."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphdistill.core.data.tensors import target_moments


class StandardizedOutput(nn.Module):
    r"""A network of standardised targets, read in their unit: :math:`\hat y_t = \mu_t + \sigma_t f_t(x)`.

    A network begins with outputs of mean 0 and size 1, whatever the unit of the targets is. Mean and standard deviation
    are buffers: they are saved with the weights.

    Args:
        network: the network f, with an output for each target.
        y: targets whose mean and standard deviation are used, float ``[n, T]`` with NaN for unknown ones.

    Example:
        >>> import torch
        >>> net = StandardizedOutput(nn.Identity(), torch.tensor([[10.0], [30.0]]))
        >>> net(torch.tensor([[0.0], [1.0]])).tolist()
        [[20.0], [30.0]]
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, y: Tensor):
        super().__init__()
        self.network = network
        mean, deviation = target_moments(y)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def standardize(self, y: Tensor) -> None:
        """Use mean and standard deviation of other targets, float ``[n, T]`` with NaN for unknown ones."""
        for buffer, moment in zip((self.mean, self.deviation), target_moments(y), strict=True):
            buffer.copy_(moment)

    def forward(self, inputs: Any) -> Tensor:
        """Targets of the inputs, ``[n, T]``."""
        out: Tensor = self.mean + self.deviation * self.network(inputs)
        return out
