"""FedBN: norm layers are each client's own."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from fed.client.round import Turn
from fed.methods._method import Algorithm

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
"""Layers that are not averaged."""


class Method(Algorithm):
    r"""Federated averaging of all but the norm layers.

    .. math:: \theta \leftarrow \sum_i w_i \theta_i \quad \text{without norms}, \qquad \phi_i \text{ of norms stay}

    The paper's norms are batch norm, with their statistics; here they are what the network has, which is scale and
    shift of instance norm for images. A client keeps them by round, since the model that is chosen in the end may be
    that of an earlier one. The model that is written has norms as at the beginning; a client's scores are of its own.
    """

    paper = "Li et al., ICLR 2021, https://arxiv.org/abs/2102.07623"
    rate = 0.2

    def fit(self, turn: Turn) -> float:
        """SGD on cross-entropy, then remember the norms and send back those that came."""
        loss = turn.train(*turn.data())
        remember(turn)
        turn.beside |= {name: turn.received[name] for name in norms(turn.net)}
        return loss

    def personalise(self, net: nn.Module, memory: Mapping[str, Tensor], rounds: int) -> nn.Module:
        """With the client's own norms."""
        return with_own(net, memory, rounds)


def remember(turn: Turn) -> None:
    """Keep the norms of a trained network as those of the round."""
    state = turn.net.state_dict()
    turn.memory |= {f"norm.{turn.round}.{name}": state[name].clone() for name in norms(turn.net)}


def with_own(net: nn.Module, memory: Mapping[str, Tensor], rounds: int) -> nn.Module:
    """A network with the norms that the client had after ``rounds`` rounds, those of the last in which it took part.

    Args:
        net: a global model, changed in place.
        memory: what :func:`remember` added to; without norms of that time the network stays as it is.
        rounds: how many rounds led to the model.
    """
    kept = {int(name.split(".")[1]) for name in memory if name.startswith("norm.")}
    done = [number for number in kept if number <= rounds]
    if done:
        own = {name: memory[f"norm.{max(done)}.{name}"] for name in norms(net)}
        net.load_state_dict({**net.state_dict(), **own})
    return net


def norms(net: nn.Module) -> list[str]:
    """Names of all that norm layers hold.

    Example:
        >>> norms(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)))
        ['1.weight', '1.bias']
    """
    layers = [(name, layer) for name, layer in net.named_modules() if isinstance(layer, NORMS)]
    return [f"{name}.{held}" for name, layer in layers for held in layer.state_dict()]
