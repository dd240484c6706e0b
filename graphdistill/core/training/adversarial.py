r"""Adversarial training by projected gradient ascent: networks are trained on the worst inputs near the given ones.

.. math:: x^{t + 1} = \Pi_{\|x' - x\|_\infty \le \epsilon} \big(x^t + \alpha \, \mathrm{sign} \nabla_x L(x^t, y)\big)

Madry et al., ICLR 2018, https://arxiv.org/abs/1706.06083.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphdistill.core.config_checks import check_positive
from graphdistill.core.training.metrics import per_sample_loss


@dataclass(frozen=True, kw_only=True)
class GradientAscent:
    """The worst images near given ones, from 0 to 1, for the cross-entropy of a network.

    Attributes:
        epsilon: largest change of a pixel. (default: 8/255, the paper's value)
        steps: steps of ascent. (default: 3; the paper has 7, which take twice the time)
        rate: step size as a share of ``epsilon``. (default: 0.5)

    Raises:
        ValueError: ``steps`` is below 1, or another value is not above 0.

    Example:
        >>> network, x = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.full((1, 1, 2, 2), 0.5)
        >>> worst = GradientAscent(epsilon=0.1)(network, x, torch.tensor([0]))
        >>> bool(((worst - x).abs() <= 0.1 + 1e-6).all())
        True
    """

    epsilon: float = 8 / 255
    steps: int = 3
    rate: float = 0.5

    def __post_init__(self) -> None:
        check_positive(self, "steps")
        for name in ("epsilon", "rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")

    def __call__(self, network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The changed images; the network and its gradients stay.

        Args:
            network: returns logits of images.
            x: float ``[n, channels, height, width]`` from 0 to 1.
            y: hard or soft label of each.
        """
        worst = x.detach()
        for _ in range(self.steps):
            worst.requires_grad_()
            loss = per_sample_loss(network(worst), y, "multiclass").sum()
            (ascent,) = torch.autograd.grad(loss, worst)
            worst = worst.detach() + self.rate * self.epsilon * ascent.sign()
            worst = worst.clamp(x - self.epsilon, x + self.epsilon).clamp(0, 1)
        return worst
