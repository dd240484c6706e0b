"""SCAFFOLD: control variates take the clients' drift out of their steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fed.client.local_training import BATCH, Terms
from fed.client.round import Turn
from fed.methods._method import Algorithm


class Method(Algorithm):
    r"""SCAFFOLD, with the second of the paper's two ways to renew a client's control.

    .. math:: \theta \leftarrow \theta - \eta\, (g_i(\theta) - c_i + c), \qquad
        c_i \leftarrow c_i - c + \frac{\theta_{global} - \theta_i}{K \eta}, \qquad
        c \leftarrow c + \frac{1}{N} \sum_{i \in S} \Delta c_i

    K is the number of steps of a round. The server's control c travels with the model and is averaged like it:
    a client sends back :math:`c + \tfrac{|S|}{N} \Delta c_i`, whose mean over the drawn clients S is the new c. A round
    takes twice the bytes of FedAvg's. Where models count by size, so do controls.
    """

    paper = "Karimireddy et al., ICML 2020, https://arxiv.org/abs/1910.06378"

    def fit(self, turn: Turn) -> float:
        """SGD with corrected gradients, then renew the controls."""
        data, count = turn.data()
        first = {f"control.{name}": p.detach().clone() for name, p in turn.net.named_parameters()}
        server = {name: turn.beside[name] for name in first}
        own = {name: turn.memory.get(name, torch.zeros_like(value)) for name, value in first.items()}
        loss = turn.train(data, count, Terms(correction=[server[name] - own[name] for name in first]))
        steps = -(-count // BATCH)
        for (name, before), p in zip(first.items(), turn.net.parameters(), strict=True):
            change = (before - p.detach()) / (steps * turn.rate) - server[name]
            turn.memory[name] = own[name] + change
            turn.beside[name] = server[name] + turn.share * change
        return loss

    def beside(self, net: nn.Module) -> dict[str, Tensor]:
        """The server's control, which begins as nought."""
        return {f"control.{name}": torch.zeros_like(p) for name, p in net.named_parameters()}
