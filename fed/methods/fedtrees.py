r"""Logistic regression on counts of computation trees, federated exactly: no network, and the optimum of all data.

.. math:: \min_{w, b} \; C \sum_i \sum_{G \in D_i} c_{y_G} \, \mathrm{loss}\Bigl(y_G,
    b + \sum_t w_t \log(1 + n_t(G))\Bigr) + \tfrac12 \lVert w \rVert^2

over the trees t of depths 0 to 2 that at least ``--min-clients`` clients have, with balanced class weights c. Clients i
send sums of losses and gradients, and the server descends by :mod:`fed.trees.lbfgs` until the optimum, which is that of
the pooled data; C is the best on the clients' validation.
"""

from __future__ import annotations

from dataclasses import dataclass

from fed.client.round import LocalRound
from fed.methods._method import Algorithm
from graphdistill.core.methods import MethodConfig, Result

PAPER = "Shervashidze et al., JMLR 2011, https://jmlr.org/papers/v12/shervashidze11a.html"
RESULT = Result(
    paper="none: the paper has the features, and no federation",
    ours=(
        "four clients by scaffold, mean test ROC-AUC: pains 0.919, ogbg-molbace 0.805 (each client alone 0.888 and "
        "0.774; FedAvg of networks on all real molecules 0.816 and 0.644)"
    ),
    command="python -m graphdistill.bench fed --parts trees --molecules pains",
    differs="A linear model on log counts of the trees of several clients in place of a kernel, by sums of gradients.",
    instead="Use fedavg with --dp-noise where differential privacy is needed, which this method has not.",
)
FOR = ("molecules",)
TRAIN_ON = ("real",)
LR = 1.0
WITHOUT = {
    "rounds": "which goes on until the optimum; --max-rounds limits it",
    "lr": "whose steps are those of L-BFGS",
    "participation": "which needs the sums of all clients in every round",
    "weights": "in which all graphs count alike",
    "dp_noise": "which adds no noise to its sums of gradients",
    "dp_clip": "which adds no noise to its sums of gradients",
    "support_epsilon": "which adds no noise to its sums of gradients",
    "resume": "which is done within minutes",
}


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """The regularization, and how long to go on."""

    strength: float = 0.0
    """Inverse regularization C; 0 takes the best on validation of 0.003, 0.01, 0.03, 0.1 and 0.3."""
    max_rounds: int = 500
    """The most messages to a client; the optimum is reached in 70 to 200."""

    def __post_init__(self) -> None:
        if not 0 <= self.strength < float("inf"):
            raise ValueError(f"--strength must be 0 or more and finite, got {self.strength}")
        if self.max_rounds < 1:
            raise ValueError(f"--max-rounds must be 1 or more, got {self.max_rounds}")


class Method(Algorithm[Config]):
    """Sums of gradients: :mod:`fed.trees.driver` at the server, :mod:`fed.trees.client` at the clients."""

    keyed = True
    sums_gradients = True

    def fit(self, local: LocalRound) -> float:
        """Clients have no rounds of their own."""
        raise ValueError("fedtrees sends sums of gradients, and has no local training; give another --method")
