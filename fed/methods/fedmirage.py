"""Federated Mirage: the server mines what clients' molecules have in common, and a network is trained on that."""

from __future__ import annotations

from fed.client.round import Turn
from fed.methods._method import Algorithm


class Method(Algorithm):
    """Training on the closed frequent tree sets of all clients together, found from counts (:mod:`fed.mirage.server`).

    As ``fedmirage`` the server trains and clients only judge; as ``fedmirage-fedavg`` clients get the set and train,
    each in an order of its own.
    """

    paper = "Gupta et al., ICLR 2024, https://arxiv.org/abs/2310.09486"
    kinds = ("molecules",)
    variants = ("fedavg",)
    merges = True

    def fit(self, turn: Turn) -> float:
        """SGD on what was merged."""
        return turn.train(turn.part.entries(turn.shared), turn.budget)
