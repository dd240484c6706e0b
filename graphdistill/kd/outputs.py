"""What a network computes on a batch: logits, and the hidden features that forward hooks record."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from torch_geometric.nn.dense import Linear as PyGLinear

from graphdistill.kd.inputs import Inputs, call

T = TypeVar("T")

PENULTIMATE = "penultimate"
"""Path of the input of the linear layer that is called last."""


class Outputs(NamedTuple):
    """Outputs of a network on a batch.

    Attributes:
        logits: float ``[n, C]``.
        features: output of each recorded layer by its path, ``[n, ...]``.
        edge_index: edges among the rows, long ``[2, E]``, if they are nodes of one graph.
    """

    logits: Tensor
    features: Mapping[str, Tensor] = MappingProxyType({})
    edge_index: Tensor | None = None

    def take(self, index: Tensor) -> Outputs:
        """The outputs of some rows, without edges."""
        return Outputs(self.logits[index], {path: value[index] for path, value in self.features.items()})

    def detach(self) -> Outputs:
        """The same outputs without gradient."""
        features = {path: value.detach() for path, value in self.features.items()}
        return Outputs(self.logits.detach(), features, self.edge_index)


def outputs_of(module: nn.Module, inputs: Inputs, layers: Sequence[str] = ()) -> Outputs:
    """Run a network on a batch and record layers.

    Args:
        module: the network; see :func:`~graphdistill.kd.inputs.call`.
        inputs: the batch.
        layers: paths of modules whose output is recorded, such as ``blocks.0``; ``head:input`` records what goes into
            a module, and ``penultimate`` what goes into the linear layer that is called last. (default: none)

    Raises:
        ValueError: there is no such layer, or it is not called, or its output is no tensor.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        >>> found = outputs_of(net, Inputs("x", {"x": torch.ones(4, 3)}), ["1", "penultimate"])
        >>> found.features["1"].shape, torch.equal(found.features["1"], found.features["penultimate"])
        (torch.Size([4, 5]), True)
    """
    with record(module, layers) as found:
        logits = call(module, inputs)
    for path in layers:
        if not isinstance(found.get(path), Tensor):
            got = "is not called" if path not in found else f"gives {type(found[path]).__name__}, not a tensor"
            raise ValueError(f"layer {path!r} of {type(module).__name__} {got}; name another layer")
    return Outputs(logits, {path: found[path] for path in layers})


@contextlib.contextmanager
def record(module: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Record the outputs of layers while the block runs; of a layer that is called several times the last one.

    Args:
        module: the network.
        layers: paths, as of :func:`outputs_of`.

    Raises:
        ValueError: there is no such layer.
    """
    found: dict[str, Any] = {}
    handles: list[RemovableHandle] = []
    try:
        for path in layers:
            handles += _hooks(module, path, found)
        yield found
    finally:
        for handle in handles:
            handle.remove()


def last_linear(module: nn.Module, run: Callable[[], T]) -> tuple[nn.Module, T]:
    """The linear layer that is called last while a function runs, and what the function returns.

    Args:
        module: the network.
        run: calls it.

    Raises:
        ValueError: no linear layer is called.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        >>> last_linear(net, lambda: net(torch.ones(1, 3)).shape)
        (Linear(in_features=5, out_features=2, bias=True), torch.Size([1, 2]))
    """
    called: list[nn.Module] = []
    handles = [layer.register_forward_pre_hook(lambda layer, _: called.append(layer)) for layer in _linear(module)]
    try:
        found = run()
    finally:
        for handle in handles:
            handle.remove()
    if not called:
        raise ValueError(f"{type(module).__name__} has no linear layer")
    return called[-1], found


def _linear(module: nn.Module) -> list[nn.Module]:
    """Linear layers of torch and PyG."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear | PyGLinear)]


def _hooks(module: nn.Module, path: str, found: dict[str, Any]) -> list[RemovableHandle]:
    """Hooks that keep one layer's output, or its input."""

    def keep_input(_: nn.Module, args: tuple[Any, ...]) -> None:
        if args:
            found[path] = args[0]

    def keep_output(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        found[path] = output[0] if isinstance(output, tuple) and output else output

    if path == PENULTIMATE:
        linear = _linear(module)
        if not linear:
            raise ValueError(f"{type(module).__name__} has no linear layer; name the layer whose features are matched")
        return [layer.register_forward_pre_hook(keep_input) for layer in linear]
    name, _, side = path.partition(":")
    known = dict(module.named_modules())
    if name not in known or side not in ("", "input"):
        near = difflib.get_close_matches(name, known, n=3) or [key for key in known if key][:8]
        raise ValueError(f"{type(module).__name__} has no layer {path!r}; choose for example {', '.join(near)}")
    if side:
        return [known[name].register_forward_pre_hook(keep_input)]
    return [known[name].register_forward_hook(keep_output)]
