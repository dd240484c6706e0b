"""One safetensors file with a JSON card in it, which appears whole or not at all."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from graphdistill.core.paths import expanded


def write_carded(path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, object]) -> None:
    """Write tensors and what there is to say about them; the same input gives the same bytes.

    Args:
        path: the file; its folder is made if it is absent.
        tensors: by name.
        card: what JSON can hold.

    Raises:
        OSError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "state.safetensors"
        >>> write_carded(path, {"x": torch.ones(2)}, {"step": 3})
        >>> read_carded(path)
        ({'x': tensor([1., 1.])}, {'step': 3})
    """
    path = expanded(path)
    whole = {n: v.detach().clone(memory_format=torch.contiguous_format) for n, v in tensors.items()}
    # One after the other as JSON, for metadata are words; sorted, for the same state to be the same bytes.
    data = save(whole, {"card": json.dumps(card, sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_carded(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`write_carded` wrote.

    Raises:
        ValueError: the file is absent or damaged.
    """
    try:
        with safe_open(expanded(path), "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["card"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged or absent: {error!r}") from error
