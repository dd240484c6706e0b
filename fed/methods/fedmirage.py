"""Federated Mirage: the server mines tree sets that the clients' molecules share, and a network is trained on them.

They are the closed frequent tree sets of all clients together, found from counts by :mod:`fed.mirage.server`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fed.client.round import LocalRound
from fed.methods._method import Algorithm
from graphdistill.core.methods import MethodConfig, Result

PAPER = "Gupta et al., ICLR 2024, https://arxiv.org/abs/2310.09486"
RESULT = Result(
    paper="none: this federated form is not in the paper",
    ours=(
        "pains, four clients, GIN: ROC-AUC 0.675 ± 0.051 trained at the server, 0.714 ± 0.046 by the clients (all "
        "real molecules 0.816 ± 0.003)"
    ),
    command="python -m graphdistill.bench fed --parts molecules --molecules pains",
    differs="Closed sets of all clients together, from keyed ids and counts alone; the paper mines one data set.",
    instead="Use fedavg on all real molecules where they may be trained on.",
)
FOR = ("molecules",)
TRAIN_ON = ("virtual",)
LR = 0.1


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Where the network is trained."""

    trainer: Literal["server", "clients"] = "server"
    """Who trains on the mined set: the server alone, or by federated averaging all clients, each in its own order."""

    def __post_init__(self) -> None:
        if self.trainer not in ("server", "clients"):
            raise ValueError(f"--trainer {self.trainer!r} is unknown; choose from server, clients")


class Method(Algorithm[Config]):
    """Federated averaging on the mined set, where clients train; the server's training is :mod:`fed.mirage.driver`."""

    merges = True
    keyed = True

    def fit(self, local: LocalRound) -> float:
        """SGD on the mined set."""
        return local.train(local.part.entries(local.broadcast), local.budget)
