r"""FedBN: federated averaging of all but the norm layers, which each client keeps for itself.

.. math:: \theta \leftarrow \sum_i w_i \theta_i \quad \text{without norms}, \qquad \phi_i \text{ of norms stay}

The paper's norms are batch norm with its statistics; here they are the network's, which for images is the scale and
shift of instance norm. A client keeps its norms by round, since the model that is chosen in the end may be that of an
earlier round. The model that is written has the initial norms; the scores of a client are with its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from fed.client.round import LocalRound
from fed.methods._method import Algorithm
from graphdistill.core.methods import MethodConfig, Result

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
"""Layers that are not averaged."""


PAPER = "Li et al., ICLR 2021, https://arxiv.org/abs/2102.07623"
RESULT = Result(
    paper="no checked number at hand",
    ours="three domains of digits, 16 pixels, virtual images: 0.926 ± 0.000 (fedavg 0.913 ± 0.005)",
    command="python -m graphdistill.bench fed --parts methods --methods fedavg fedbn",
    differs=(
        "The norms are the network's, for images the scale and shift of instance norm, where the paper has batch "
        "norm with its statistics."
    ),
    instead="Where images are small, fedlgd has 0.940 ± 0.009.",
)
FOR = ("images", "molecules")
TRAIN_ON = ("real", "subset", "virtual")
LR = 0.2


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """The method has no options."""


class Method(Algorithm[Config]):
    """Federated averaging with local norm layers."""

    def fit(self, local: LocalRound) -> float:
        """SGD on cross-entropy; the norms are kept, and the received ones are sent back."""
        loss = local.train(*local.data())
        remember(local)
        local.extra_arrays |= {name: local.received[name] for name in norms(local.net)}
        return loss

    def personalise(self, net: nn.Module, memory: Mapping[str, Tensor], rounds: int) -> nn.Module:
        """The model with the client's own norms."""
        return with_own(net, memory, rounds)


def remember(local: LocalRound) -> None:
    """Keep the norms of a trained network as those of the round."""
    state = local.net.state_dict()
    local.memory |= {f"norm.{local.round}.{name}": state[name].clone() for name in norms(local.net)}


def with_own(net: nn.Module, memory: Mapping[str, Tensor], rounds: int) -> nn.Module:
    """A network with the client's norms after ``rounds`` rounds, those of the last round of its own.

    Args:
        net: a global model, changed in place.
        memory: the client's tensors, with those of :func:`remember`; without norms so early the network is unchanged.
        rounds: number of rounds of the model.
    """
    kept = {int(name.split(".")[1]) for name in memory if name.startswith("norm.")}
    done = [number for number in kept if number <= rounds]
    if done:
        own = {name: memory[f"norm.{max(done)}.{name}"] for name in norms(net)}
        net.load_state_dict({**net.state_dict(), **own})
    return net


def norms(net: nn.Module) -> list[str]:
    """Names of all parameters and buffers of norm layers.

    Example:
        >>> norms(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)))
        ['1.weight', '1.bias']
    """
    layers = [(name, layer) for name, layer in net.named_modules() if isinstance(layer, NORMS)]
    return [f"{name}.{held}" for name, layer in layers for held in layer.state_dict()]
