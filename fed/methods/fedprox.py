"""FedProx: clients are held near the global model."""

from __future__ import annotations

from fed.methods._method import Algorithm
from fed.task import PROXIMAL, Terms
from fed.turn import Turn


class Method(Algorithm):
    r"""FedProx.

    .. math:: \min_\theta CE(\theta) + \tfrac{\mu}{2} \|\theta - \theta_{global}\|^2
    """

    paper = "Li et al., MLSys 2020, https://arxiv.org/abs/1812.06127"

    def fit(self, turn: Turn) -> float:
        """SGD with the proximal term."""
        data, count = turn.data()
        return turn.train(data, count, Terms(proximal=PROXIMAL))
