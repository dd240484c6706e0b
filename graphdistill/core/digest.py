"""Digests of content: data sets, checkpoints and clients with equal values are equal, whatever their names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

LABELS = ("name", "notes", "smiles", "lines")
"""Fields of a data set that describe it, or its entries once more, and are not part of its content."""


class Identified:
    """Base of dataclasses that are identified by their content, not by their name."""

    @cached_property
    def digest(self) -> str:
        """Digest of all fields except name, notes, SMILES and lines; equal if the content is equal."""
        return digest({f.name: getattr(self, f.name) for f in fields(self) if f.name not in LABELS})  # type: ignore[arg-type]


def digest(value: object) -> str:
    """Digest of tensors and of containers of tensors: equal values give equal digests on every machine.

    Args:
        value: a tensor, text, bytes, number, ``None``, or a dataclass, mapping, list or tuple of such.

    Returns:
        32 hexadecimal digits of sha256.

    Raises:
        TypeError: ``value`` contains another type.

    Example:
        >>> a, b = torch.tensor([1, 2]), torch.tensor([1, 3])
        >>> digest({"x": a}) == digest({"x": a.clone()}), digest((a, b)) == digest((b, a))
        (True, False)
    """
    made = hashlib.sha256()
    _add(made, value)
    return made.hexdigest()[:32]


def _add(made: Any, value: object) -> None:
    """Add a value with its type and length, so that different values have different encodings."""
    if isinstance(value, Tensor):
        whole = value.detach().cpu().contiguous()
        made.update(f"tensor {whole.dtype} {list(whole.shape)};".encode())
        made.update(whole.reshape(-1).view(torch.uint8).numpy())
    elif isinstance(value, bytes | str):
        data = value.encode() if isinstance(value, str) else value
        made.update(f"{type(value).__name__} {len(data)};".encode())
        made.update(data)
    elif value is None or isinstance(value, bool | int | float):
        made.update(f"{type(value).__name__} {value!r};".encode())
    elif is_dataclass(value) and not isinstance(value, type):
        _add(made, {f.name: getattr(value, f.name) for f in fields(value)})
    elif isinstance(value, Mapping):
        made.update(f"mapping {len(value)};".encode())
        for name in sorted(value):
            _add(made, name)
            _add(made, value[name])
    elif isinstance(value, list | tuple):
        made.update(f"list {len(value)};".encode())
        for part in value:
            _add(made, part)
    else:
        raise TypeError(f"a {type(value).__name__} has no digest; give tensors, text, numbers, or containers of them")
