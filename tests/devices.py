"""Devices in tests without a GPU: one that is simulated, and tensors that are made on the wrong one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._C import DisableTorchFunctionSubclass
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

SIMULATED = "meta"
"""Name of the simulated device."""
_aten = torch.ops.aten


class Elsewhere(TorchFunctionMode):
    """Tensors that are made without naming a device are on ``meta``, where they cannot meet those of the inputs.

    Draws of a generator stay on the CPU, because all draws are made there.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in _device_constructors() and given.get("device") is None and given.get("generator") is None:
            given["device"] = torch.device("meta")
        return func(*args, **given)


@contextmanager
def simulated_device() -> Iterator[str]:
    """A device that computes what the CPU does, bit for bit, and refuses tensors of the CPU as a GPU does.

    Inside this context tensors and networks move there and back by ``to`` and ``cpu``.
    """
    with _Functions(), _Operators():
        yield SIMULATED


def values(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The values of a state dict, on the CPU, also outside of the context."""
    return {name: _near(value) for name, value in state.items()}


class _Far(Tensor):
    """A tensor of the simulated device, whose values are on the CPU."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> _Far:
        facts = {"strides": near.stride(), "storage_offset": near.storage_offset(), "dtype": near.dtype}
        out: _Far = Tensor._make_wrapper_subclass(cls, near.shape, device=torch.device(SIMULATED), **facts)  # type: ignore[attr-defined]
        out.near = near
        return out

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func == Tensor.data.__set__:  # type: ignore[attr-defined]
            args[0].near = args[1].near
            return None
        if func == Tensor.data.__get__:  # type: ignore[attr-defined]
            return args[0].detach()
        if func is Tensor.tolist:
            return args[0].near.tolist()
        if func is Tensor.new_tensor:
            return _Far(torch.tensor(args[1], dtype=given.get("dtype", args[0].dtype)))
        if func in (torch.matmul, Tensor.matmul, Tensor.__matmul__) and (args[0].dim(), args[1].dim()) == (1, 2):
            # The operator would change the shape of its result in place.
            return torch.mm(args[0][None], args[1]).squeeze(0)
        with DisableTorchFunctionSubclass():
            return func(*args, **given)

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """Tensors from numbers, which torch would make on the real ``meta``."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        device = given.get("device")
        if func in (torch.tensor, torch.as_tensor) and device is not None and torch.device(device).type == SIMULATED:
            return _Far(func(*args, **{**given, "device": "cpu"}))
        return func(*args, **given)


class _Operators(TorchDispatchMode):
    """Operators that move tensors to the device or make them there."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


def _near(value: Any) -> Any:
    return value.near if isinstance(value, _Far) else value


def _far(value: Any) -> Any:
    return _Far(value) if isinstance(value, Tensor) and not isinstance(value, _Far) else value


def _run(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run an operator on the CPU, after a check that all its tensors are on one device."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    far, device = any(isinstance(tensor, _Far) for tensor in tensors), kwargs.get("device")
    # As on a GPU, numbers and indices may be on the CPU.
    may_differ = func in (_aten._to_copy.default, _aten.copy_.default, _aten.index.Tensor)
    if far and not may_differ and any(tensor.dim() for tensor in tensors if not isinstance(tensor, _Far)):
        raise RuntimeError(f"{func} expects all tensors on one device, got {[str(t.device) for t in tensors]}")
    if device is not None:
        far, kwargs = torch.device(device).type == SIMULATED, {**kwargs, "device": torch.device("cpu")}
    out = func(*tree_map(_near, args), **tree_map(_near, kwargs))
    written = [a for a, s in zip(args, func._schema.arguments, strict=False) if s.alias_info and s.alias_info.is_write]
    if len(written) == 1 and isinstance(written[0], Tensor) and isinstance(out, Tensor):
        return written[0]
    return tree_map(_far, out) if far else out
