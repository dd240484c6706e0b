"""A safetensors file with a JSON card in its header, written atomically."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from graphdistill.core.command.output import write_bytes
from graphdistill.core.command.paths import expanded
from graphdistill.core.data.tensors import tensor_bytes
from graphdistill.core.sets.checked_file import (
    Check,
    Header,
    check_file_size,
    check_json_size,
    parse_json,
    read_header,
    read_tensors,
)


def write_with_card(path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, object]) -> None:
    """Write tensors and a card of facts about them; the same input gives the same bytes.

    Args:
        path: the file; its folder is created if absent.
        tensors: tensors by name.
        card: facts in JSON types.

    Raises:
        OSError: the folder cannot be written.
        ValueError: card or tensors are larger than the reader's limit.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "state.safetensors"
        >>> write_with_card(path, {"x": torch.ones(2)}, {"step": 3})
        >>> read_with_card(path)
        ({'x': tensor([1., 1.])}, {'step': 3})
    """
    path = expanded(path)
    whole = {n: v.detach().clone(memory_format=torch.contiguous_format) for n, v in tensors.items()}
    # Metadata are strings, so the card is JSON text; sorted, so that the same state gives the same bytes.
    text = json.dumps(card, sort_keys=True)
    check_json_size(json.dumps(text).encode(), f"the card of {path}")
    check_file_size(tensor_bytes(*whole.values()), path)
    data = save(whole, {"card": text})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)


def read_with_card(path: Path, check: Check | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of :func:`write_with_card`.

    Args:
        path: the file.
        check: called with dtypes and shapes before any tensor is read. (default: none)

    Raises:
        ValueError: the file is absent or damaged, or ``check`` rejects it.
    """
    with _named(path):
        tensors, metadata = read_tensors(expanded(path), check)
        return tensors, _card(metadata)


def read_card_alone(path: Path) -> tuple[Header, dict[str, Any]]:
    """Header and card of a file of :func:`write_with_card`, without reading its tensors.

    Raises:
        ValueError: the file is absent or damaged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "state.safetensors"
        >>> write_with_card(path, {"x": torch.ones(2)}, {"step": 3})
        >>> read_card_alone(path)
        ({'x': Entry(dtype=torch.float32, shape=(2,))}, {'step': 3})
    """
    with _named(path):
        header, metadata = read_header(expanded(path))
        return header, _card(metadata)


def _card(metadata: Mapping[str, str]) -> dict[str, Any]:
    if "card" not in metadata:
        raise ValueError("its header has no card")
    return parse_json(metadata["card"].encode(), "its card")


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the file's name to errors."""
    try:
        yield
    except (ValueError, OSError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error).removeprefix(f"{path} is damaged: ")
        raise ValueError(f"{path} is damaged or absent: {what}") from None
