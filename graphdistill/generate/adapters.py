"""Low-rank adapters (LoRA): small changes of a frozen network, which alone are trained and sent."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NAMES = ("down", "up")


class LowRank(nn.Module):
    r"""A linear layer that stays, and a low-rank change: :math:`W x + b + \tfrac{\alpha}{r} B A x`.

    Hu et al., ICLR 2022, https://arxiv.org/abs/2106.09685. B begins as 0, so that nothing is changed at first.

    Args:
        layer: the layer, which is frozen.
        rank: rank r of the change.
        alpha: its scale :math:`\alpha`. (default: the rank)

    Raises:
        ValueError: ``rank`` is below 1.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> torch.equal(LowRank(layer, 1)(torch.ones(1, 3)), layer(torch.ones(1, 3)))
        True
    """

    def __init__(self, layer: nn.Linear, rank: int, alpha: float | None = None):
        super().__init__()
        if rank < 1:
            raise ValueError(f"rank must be 1 or more, got {rank}")
        self.layer = layer.requires_grad_(False)
        weight = layer.weight
        self.down = nn.Parameter((torch.randn(rank, layer.in_features) / layer.in_features**0.5).to(weight))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank).to(weight))
        self.scale = (rank if alpha is None else alpha) / rank

    def forward(self, x: Tensor) -> Tensor:
        """Output of the changed layer."""
        out: Tensor = self.layer(x) + self.scale * F.linear(F.linear(x, self.down), self.up)
        return out


def add_adapters(module: nn.Module, rank: int, alpha: float | None = None) -> None:
    """Freeze a network in place and give each of its linear layers a :class:`LowRank` change.

    The first weights of the changes come from torch's global generator.

    Args:
        module: the network.
        rank: rank of the changes.
        alpha: scale of the changes. (default: the rank)

    Raises:
        ValueError: ``rank`` is below 1, or the network has no linear layers inside.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        >>> add_adapters(net, 2)
        >>> sum(p.numel() for p in net.parameters() if p.requires_grad)
        24
    """
    module.requires_grad_(False)
    for owner in list(module.modules()):
        if isinstance(owner, LowRank):
            continue
        for name, layer in list(owner.named_children()):
            if isinstance(layer, nn.Linear):
                setattr(owner, name, LowRank(layer, rank, alpha))
    if not any(isinstance(part, LowRank) for part in module.modules()):
        raise ValueError(f"{type(module).__name__} has no linear layers to adapt; give a network that has")


def merge_adapters(module: nn.Module) -> None:
    """Add the changes of :func:`add_adapters` to the weights of the layers, in place; outputs stay.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4))
        >>> add_adapters(net, 2)
        >>> merge_adapters(net)
        >>> net
        Sequential(
          (0): Linear(in_features=3, out_features=4, bias=True)
        )
    """
    for owner in list(module.modules()):
        for name, layer in list(owner.named_children()):
            if isinstance(layer, LowRank):
                with torch.no_grad():
                    layer.layer.weight += layer.scale * layer.up @ layer.down
                setattr(owner, name, layer.layer.requires_grad_(True))


def adapter_state(module: nn.Module) -> dict[str, Tensor]:
    """The changes alone, by name: what is sent where the other side has the network."""
    return {name: value for name, value in module.state_dict().items() if name.rpartition(".")[2] in NAMES}


def load_adapters(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load changes of :func:`adapter_state` into a network with the same adapters, in place.

    Raises:
        ValueError: the changes are those of another network.
    """
    expected = {name: tuple(value.shape) for name, value in adapter_state(module).items()}
    given = {name: tuple(value.shape) for name, value in state.items()}
    if expected != given:
        differing = sorted({*expected.items()} ^ {*given.items()})
        raise ValueError(f"adapters are those of another network: {differing[0][0]} differs in name or shape")
    module.load_state_dict(dict(state), strict=False)


def extract_adapters(module: nn.Module, base: nn.Module, rank: int) -> dict[str, Tensor]:
    """The changes of a network whose adapters were merged, as :func:`adapter_state` had them, up to rounding.

    They are the leading singular vectors of the difference of the linear layers. Who has the base gives a copy of it
    adapters of the rank by :func:`add_adapters`, and loads them by :func:`load_adapters`.

    Args:
        module: the network.
        base: the network that it was before.
        rank: rank of the adapters.

    Raises:
        ValueError: ``rank`` is below 1, or the networks have other linear layers.

    Example:
        >>> base, net = nn.Sequential(nn.Linear(3, 4)), nn.Sequential(nn.Linear(3, 4))
        >>> net.load_state_dict(base.state_dict())
        <All keys matched successfully>
        >>> {name: list(value.shape) for name, value in extract_adapters(net, base, 2).items()}
        {'0.down': [2, 3], '0.up': [4, 2]}
    """
    if rank < 1:
        raise ValueError(f"rank must be 1 or more, got {rank}")
    layers, befores = (
        {name: part for name, part in whole.named_modules() if isinstance(part, nn.Linear)} for whole in (module, base)
    )
    shapes = [{name: tuple(layer.weight.shape) for name, layer in found.items()} for found in (layers, befores)]
    if shapes[0] != shapes[1]:
        differing = sorted({*shapes[0].items()} ^ {*shapes[1].items()})
        raise ValueError(f"networks have other linear layers: {differing[0][0]} differs in name or shape")
    found: dict[str, Tensor] = {}
    for name, layer in layers.items():
        change = (layer.weight - befores[name].weight).detach()
        left, size, right = torch.linalg.svd(change.double(), full_matrices=False)
        room = rank - len(size)
        up, down = left * size.sqrt(), size.sqrt()[:, None] * right
        # A layer smaller than the rank has adapters of that rank all the same.
        up, down = (F.pad(up, (0, room)), F.pad(down, (0, 0, 0, room))) if room > 0 else (up[:, :rank], down[:rank])
        found |= {f"{name}.down": down.to(change), f"{name}.up": up.to(change)}
    return found
