"""Federated averaging: clients train from the global model, the server averages what they reach."""

from __future__ import annotations

from fed.client.round import Turn
from fed.methods._method import Algorithm


class Method(Algorithm):
    r"""Federated averaging.

    .. math:: \theta \leftarrow \sum_i w_i \theta_i
    """

    paper = "McMahan et al., AISTATS 2017, https://arxiv.org/abs/1602.05629"
    rate = 0.2

    def fit(self, turn: Turn) -> float:
        """SGD on cross-entropy."""
        return turn.train(*turn.data())
