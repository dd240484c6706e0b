"""A second device without a GPU: tensors on it hold a tensor of the CPU, and refuse to meet those of the CPU.

Operations compute the same values as on the CPU, so a whole run can be compared. As on a GPU, tensors without
dimensions mix with those of any device, and so do indices of the CPU.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C import DisableTorchFunctionSubclass
from torch.overrides import TorchFunctionMode
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

SECOND = torch.device("meta")
"""A device whose kernels know shapes alone, so that a value that was not computed here cannot be read."""

aten = torch.ops.aten
COPIES = (aten.copy_.default, aten._to_copy.default)
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)


class _Away(Tensor):
    """A tensor on the second device."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> _Away:
        return torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined,no-any-return]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=SECOND,
        )

    def __init__(self, inner: Tensor):
        self.inner = inner

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func == Tensor.data.__set__:  # type: ignore[attr-defined]
            args[0].inner = args[1].inner
            return None
        if func == Tensor.data.__get__:  # type: ignore[attr-defined]
            return args[0].detach()
        if func is Tensor.tolist:
            return args[0].inner.tolist()
        with DisableTorchFunctionSubclass():
            return func(*args, **dict(kwargs or {}))

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, dict(kwargs or {}))

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"second device, {self.inner!r}"


class _SecondDevice(TorchDispatchMode):
    """Makes tensors on the second device where its name is given."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, dict(kwargs or {}))


class _FromValues(TorchFunctionMode):
    """Makes tensors from Python's numbers on the CPU, and moves them; torch makes them out of reach of other modes."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor, Tensor.new_tensor):
            device = given.pop("device", args[0].device if func is Tensor.new_tensor else None)
            if func is Tensor.new_tensor:
                given.setdefault("dtype", args[0].dtype)
                args = args[1:]
                func = torch.tensor
            made = func(*args, **given)
            return made if device is None else made.to(device)
        return func(*args, **given)


def _run(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """An operation on the tensors of the CPU that those of the second device hold."""
    leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    away = [leaf for leaf in leaves if isinstance(leaf, _Away)]
    named = kwargs.get("device")
    if away and func not in COPIES:
        compared = tree_leaves((args[0], args[2:])) if func in INDEXED else leaves
        near = [t for t in compared if isinstance(t, Tensor) and not isinstance(t, _Away) and t.dim()]
        if near or (func in INDEXED and not isinstance(args[0], _Away)):
            raise RuntimeError(f"Expected all tensors to be on the same device, but {func} got two devices")
    onto = SECOND if away and not (func in COPIES and not isinstance(args[0], _Away)) else torch.device("cpu")
    if named is not None:
        onto = torch.device(named)
        kwargs["device"] = torch.device("cpu")
    holder = {id(leaf.inner): leaf for leaf in away}
    plain_args, plain_kwargs = tree_map_only(_Away, lambda t: t.inner, (tuple(args), kwargs))
    out = func(*plain_args, **plain_kwargs)
    if onto.type == "cpu":
        return out
    if torch.Tag.inplace_view in func.tags:
        with no_dispatch():  # the shape of the tensor that holds it changes, too
            func(*args, **kwargs)
    return tree_map_only(Tensor, lambda t: holder.get(id(t)) if id(t) in holder else _Away(t), out)


@contextlib.contextmanager
def second_device() -> Iterator[torch.device]:
    """A second device in this context; modules get new parameters when they are moved to it."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with _SecondDevice(), _FromValues():
            yield SECOND
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)


def values(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The values of a state dict, on the CPU, also outside of the context."""
    return {name: value.inner if isinstance(value, _Away) else value for name, value in state.items()}
