"""Registered operators that call their kernels directly when the dispatcher is not needed.

Torch's dispatcher takes several times as long as the kernels of small graphs. Compilers, exporters and dispatch modes
get the registered operator; all other calls take the same Python function, and the same derivative, without it.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

_Function = TypeVar("_Function", bound=Callable[..., Any])
_PLAIN = (Tensor, nn.Parameter)


class Operator:
    """An operator in the namespace of the library, made by :func:`operator`.

    Args:
        registered: result of ``torch.library.custom_op``.
        kernel: the function.
    """

    def __init__(self, registered: Any, kernel: Callable[..., Any]):
        self.registered, self.kernel = registered, kernel
        self.function: type[torch.autograd.Function] | None = None
        self._defaults = [p.default for p in signature(kernel).parameters.values()]
        self._places = {name: place for place, name in enumerate(signature(kernel).parameters)}

    def register_fake(self, function: _Function) -> _Function:
        """Register the shapes of the operator's outputs."""
        self.registered.register_fake(function)
        return function

    def register_autograd(self, backward: Callable[..., Any], *, setup_context: Callable[..., None]) -> None:
        """Register the operator's derivative, made of operators."""
        self.registered.register_autograd(backward, setup_context=setup_context)
        kernel = self.kernel

        def forward(ctx: Any, *inputs: Any) -> Any:
            # With a method setup_context torch would parse the signature in every call.
            output = kernel(*inputs)
            setup_context(ctx, inputs, output)
            return output

        body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
        self.function = type(f"{kernel.__name__}_directly", (torch.autograd.Function,), body)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Compute, by the dispatcher only for compilers, exporters and dispatch modes."""
        if torch.compiler.is_compiling() or not _unwatched(inputs):
            return self.registered(*inputs, **named)
        if named:
            values = [*inputs, *self._defaults[len(inputs) :]]
            for name, value in named.items():
                values[self._places[name]] = value
            inputs = tuple(values)
        elif len(inputs) < len(self._defaults):
            inputs = (*inputs, *self._defaults[len(inputs) :])
        if self.function is not None and torch.is_grad_enabled() and any(map(_needs_gradient, inputs)):
            return self.function.apply(*inputs)
        return self.kernel(*inputs)


def operator(name: str) -> Callable[[Callable[..., Any]], Operator]:
    """Register a function as the operator ``name``, which changes none of its inputs.

    Example:
        >>> @operator("graphdistill_example::twice")
        ... def twice(x: torch.Tensor) -> torch.Tensor:
        ...     return x + x
        >>> twice(torch.tensor(2)), torch.ops.graphdistill_example.twice(torch.tensor(2))
        (tensor(4), tensor(4))
    """
    return lambda kernel: Operator(torch.library.custom_op(name, mutates_args=())(kernel), kernel)


def _unwatched(inputs: tuple[Any, ...]) -> bool:
    return (
        all(type(value) in _PLAIN for value in inputs if isinstance(value, Tensor))
        and not is_in_torch_dispatch_mode()
        and not torch._C._are_functorch_transforms_active()
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    )


def _needs_gradient(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad
