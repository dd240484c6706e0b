r"""Federated averaging: clients train from the global model, and the server averages their models.

.. math:: \theta \leftarrow \sum_i w_i \theta_i
"""

from __future__ import annotations

from dataclasses import dataclass

from fed.client.round import LocalRound
from fed.methods._method import Algorithm
from graphdistill.core.methods import MethodConfig

PAPER = "McMahan et al., AISTATS 2017, https://arxiv.org/abs/1602.05629"
FOR = ("images", "molecules")
TRAIN_ON = ("real", "subset", "virtual")
LR = 0.2


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """The method has no options."""


class Method(Algorithm[Config]):
    """Federated averaging."""

    def fit(self, local: LocalRound) -> float:
        """SGD on cross-entropy."""
        return local.train(*local.data())
