"""FedProx: clients are held near the global model."""

from __future__ import annotations

from fed.client.local_training import PROXIMAL, Terms
from fed.client.round import Turn
from fed.methods._method import Algorithm


class Method(Algorithm):
    r"""FedProx.

    .. math:: \min_\theta CE(\theta) + \tfrac{\mu}{2} \|\theta - \theta_{global}\|^2
    """

    paper = "Li et al., MLSys 2020, https://arxiv.org/abs/1812.06127"

    def fit(self, turn: Turn) -> float:
        """SGD with the proximal term."""
        data, count = turn.data()
        return turn.train(data, count, Terms(proximal=PROXIMAL))
