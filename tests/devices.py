"""Checks without a GPU that code makes its tensors on the device of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors


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
