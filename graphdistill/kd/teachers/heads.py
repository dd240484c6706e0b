"""A new linear layer on a trained network, for the classes of other data."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.kd.inputs import BatchModule, Inputs
from graphdistill.kd.outputs import PENULTIMATE, Outputs, outputs_of


class HeadedNetwork(BatchModule):
    """A network with a linear layer on its features in place of its own output.

    Args:
        network: the network.
        head: takes the features of :func:`features_of`.

    Example:
        >>> found = HeadedNetwork(nn.Linear(3, 5), nn.Linear(3 + 5, 2))
        >>> found(Inputs("x", {"x": torch.ones(4, 3)})).shape
        torch.Size([4, 2])
    """

    def __init__(self, network: nn.Module, head: nn.Linear):
        super().__init__([network])
        self.head = head

    def forward(self, inputs: Inputs) -> Tensor:
        """Logits of a batch."""
        logits: Tensor = self.head(features_of(outputs_of(self.members[0], inputs, (PENULTIMATE,))))
        return logits


def features_of(outputs: Outputs) -> Tensor:
    """Features before the last layer with the logits after them, ``[n, d + C]``.

    The last layer of a graph network also propagates, so its logits know more than the features before it.
    """
    return torch.cat([outputs.features[PENULTIMATE].flatten(1), outputs.logits], dim=1)


def fit_head(features: Tensor, y: Tensor, num_classes: int, decay: float) -> nn.Linear:
    r"""Logistic regression on standardised features.

    .. math:: \min_{W, b} \; \frac{1}{n} \sum_i \mathrm{CE}(y_i, W x_i + b) + \frac{\lambda}{2} \|W\|^2

    Args:
        features: float ``[n, d]``.
        y: classes, long ``[n]``.
        num_classes: width of the output.
        decay: :math:`\lambda`, above 0.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
        >>> fit_head(x, torch.tensor([0, 0, 1, 1]), 2, 0.01)(x).argmax(1).tolist()
        [0, 0, 1, 1]
    """
    mean, std = features.mean(0), features.std(0, correction=0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    x = (features - mean) / std
    weight, bias = x.new_zeros(num_classes, x.shape[1]), x.new_zeros(num_classes)
    parameters = [value.requires_grad_() for value in (weight, bias)]
    optimizer = torch.optim.LBFGS(parameters, max_iter=500, tolerance_grad=1e-7, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(x, weight, bias), y) + decay / 2 * weight.square().sum()
        loss.backward()
        return float(loss.detach())

    with torch.enable_grad():
        optimizer.step(closure)
    head: nn.Linear = nn.utils.skip_init(nn.Linear, x.shape[1], num_classes)
    head.weight.data = weight.detach() / std
    head.bias.data = bias.detach() - head.weight.data @ mean
    return head
