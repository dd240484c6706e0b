"""A supernet: one set of weights, of which every sub-net has the leading channels and layers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from graphdistill.core.device import device_of
from graphdistill.kd.architectures.space import Choice, Space


class Supernet(nn.Module):
    """The largest student of a space, whose weights all smaller ones share.

    A sub-net has the first channels of each layer, of queries, keys and values each, and the first layers; gradients
    go to the supernet's weights.

    Args:
        space: the students.
        seed: seed of the weights. (default: 0)

    Raises:
        ValueError: the students have buffers, which cannot be shared.

    Example:
        >>> space = Space("Linear", {"width": (2, 4)}, lambda width: nn.Linear(width, 3))
        >>> supernet = Supernet(space)
        >>> small = supernet.subnet((2,))
        >>> small(torch.ones(1, 2)).sum().backward()
        >>> supernet.whole.weight.grad.tolist()[0]
        [1.0, 1.0, 0.0, 0.0]
    """

    def __init__(self, space: Space, seed: int = 0):
        super().__init__()
        self.space = space
        self.smallest, self.largest = space.choices()[0], space.choices()[-1]
        self.whole = space.build(self.largest, seed)
        if any(True for _ in self.whole.buffers()):
            raise ValueError(f"sub-nets of {space.family} cannot share running statistics; give a student without them")
        self._made: dict[Choice, tuple[nn.Module, dict[str, torch.Size]]] = {}

    def subnet(self, choice: Choice) -> nn.Module:
        """The network of a choice, with weights that lead gradients to the supernet; in the supernet's mode.

        The next call with the same choice changes it in place, to the weights as they are then.
        """
        if choice not in self._made:
            self._made[choice] = self._new(choice)
        network, shapes = self._made[choice]
        for path, value in leading(dict(self.whole.named_parameters()), shapes).items():
            owner, _, name = path.rpartition(".")
            part = network.get_submodule(owner)
            # A parameter cannot be a view of another tensor that gets its gradients; a plain tensor can.
            part._parameters.pop(name, None)
            setattr(part, name, value)
        return network.train(self.training)

    @torch.no_grad()
    def extract(self, choice: Choice) -> nn.Module:
        """A network of a choice with copies of the weights, in evaluation mode."""
        network, shapes = self._new(choice)
        network.load_state_dict(leading(dict(self.whole.named_parameters()), shapes))
        return network.to(device_of(self)).eval()

    def _new(self, choice: Choice) -> tuple[nn.Module, dict[str, torch.Size]]:
        """A network of a choice, and the shapes of its parameters."""
        network = self.space.build(choice)
        return network, {path: value.shape for path, value in network.named_parameters()}


def leading(weights: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """The leading entries of tensors, to given shapes.

    Args:
        weights: tensors by path; those of a layer ``qkv`` have queries, keys and values one after the other, of which
            each has its own leading entries.
        shapes: shape of each result by path, no larger than the tensor.

    Example:
        >>> qkv = torch.arange(6.0).view(6, 1)
        >>> leading({"qkv.weight": qkv}, {"qkv.weight": torch.Size([3, 1])})["qkv.weight"].flatten().tolist()
        [0.0, 2.0, 4.0]
    """
    found = {}
    for path, shape in shapes.items():
        groups = 3 if "qkv" in path.split(".") else 1
        grouped = weights[path].unflatten(0, (groups, -1))
        part = (slice(None), slice(shape[0] // groups), *(slice(size) for size in shape[1:]))
        found[path] = grouped[part].flatten(0, 1)
    return found
