"""MOON: embeddings are drawn to those of the global model, away from those of the client's last one."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from fed.client.local_training import PLAIN, Terms
from fed.client.round import Turn
from fed.methods._method import Algorithm
from graphdistill.core.networks.convnet import ConvNet

WEIGHT = 1.0
"""Weight mu of the contrastive term: of the paper's list 0.1 is as good on validation, 5 and 10 lose 3 to 6 points."""
TEMPERATURE = 0.5
"""Of the contrastive term (the paper's value)."""


class Method(Algorithm):
    r"""Model-contrastive federated learning.

    .. math:: L = CE(B) - \mu \log \frac{\exp(\cos(z, z_{global}) / \tau)}
        {\exp(\cos(z, z_{global}) / \tau) + \exp(\cos(z, z_{last}) / \tau)}

    The embeddings z are what the network's last layer reads; the paper puts a projection of two layers before it. In
    its first round a client has no last model, and the term, which would not change anything, is left out.
    """

    paper = "Li et al., CVPR 2021, https://arxiv.org/abs/2103.16257"
    rate = 0.2
    kinds = ("images",)

    def fit(self, turn: Turn) -> float:
        """SGD with the contrastive term, then remember the model."""
        data, count = turn.data()
        last = {f"last.{name}": name for name in turn.net.state_dict()}
        terms = PLAIN
        if last.keys() <= turn.memory.keys():
            near, far = copy.deepcopy(turn.net), copy.deepcopy(turn.net)
            far.load_state_dict({name: turn.memory[kept] for kept, name in last.items()})
            assert isinstance(near, ConvNet)
            assert isinstance(far, ConvNet)

            def extra(x: Tensor, z: Tensor) -> Tensor:
                with torch.no_grad():
                    others = near.embed(x), far.embed(x)
                return WEIGHT * model_contrast(z, *others)

            terms = Terms(extra=extra)
        loss = turn.train(data, count, terms)
        state = turn.net.state_dict()
        turn.memory |= {kept: state[name].clone() for kept, name in last.items()}
        return loss


def model_contrast(z: Tensor, near: Tensor, far: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Mean of the term of the equation above, without its weight.

    Args:
        z: embeddings ``[n, d]``.
        near: what they are drawn to, ``[n, d]``.
        far: what they are driven from, ``[n, d]``.
        temperature: of the softmax.

    Example:
        >>> z = torch.eye(2)
        >>> model_contrast(z, z, -z) < model_contrast(z, -z, z)
        tensor(True)
    """
    return F.softplus((F.cosine_similarity(z, far) - F.cosine_similarity(z, near)) / temperature).mean()
