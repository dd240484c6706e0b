"""Save and load synthetic sets: tensors in safetensors, everything else in a JSON card beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from graphdistill.core.output import publish
from graphdistill.core.paths import expanded
from graphdistill.core.synthetic import SyntheticSet

FORMAT = 1
"""Number of the layout; a file of another layout is refused."""


def save_set(small: SyntheticSet, folder: str | Path) -> None:
    """Write ``set.safetensors`` and ``card.json`` into a folder, both or neither.

    The card holds the set's ``meta``, its payload bytes and the sha256 of the tensors; no pickle anywhere.

    Args:
        small: the set.
        folder: created if absent; other files in it stay.

    Raises:
        ValueError: the folder cannot be written.

    Example:
        >>> import tempfile, torch
        >>> small = SyntheticSet(torch.rand(2, 3), torch.tensor([0, 1]), torch.ones(2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_set(small, folder)
        ...     again = load_set(folder)
        >>> torch.equal(small.data, again.data)
        True
    """
    card: dict[str, object] = {
        "format": FORMAT,
        "task": small.task,
        "features": small.features,
        "entries": len(small),
        "payload_bytes": small.nbytes,
        "meta": dict(small.meta),
    }
    with publish(Path(folder)) as draft:
        card["sha256"] = write_tensors(draft / "set.safetensors", small.payload())
        write_card(draft, card)


def load_set(folder: str | Path) -> SyntheticSet:
    """Read what :func:`save_set` wrote, bit for bit.

    Args:
        folder: the folder that holds ``set.safetensors`` and ``card.json``.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is damaged, does not belong to the other, or has another layout.
    """
    folder = expanded(folder)
    card = read_card(folder, FORMAT, ("task", "features", "meta", "sha256"), writer="save_set")
    tensors = read_tensors(folder / "set.safetensors", card["sha256"], writer="save_set")
    try:
        return SyntheticSet.from_payload(tensors, **{name: card[name] for name in ("task", "features", "meta")})
    except KeyError as error:
        raise ValueError(f"{folder / 'set.safetensors'} is damaged: {error!r}; distil again") from error


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write ``card.json``, the same bytes for the same facts."""
    (folder / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_card(folder: Path, layout: int, facts: tuple[str, ...], *, writer: str) -> dict[str, Any]:
    """Read ``card.json`` of one layout.

    Args:
        folder: where it lies.
        layout: number that its ``format`` has to be.
        facts: what has to be in it besides.
        writer: name of the function that writes such folders, for the message.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged or has another layout.
    """
    path = folder / "card.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; give the folder that {writer} wrote")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        found, _ = card["format"], [card[name] for name in facts]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: {error!r}; distil again") from error
    if found != layout:
        raise ValueError(f"{folder} has layout {found}, this version reads {layout}; distil again")
    return dict(card)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors as safetensors and return the sha256 of the file."""
    data = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read_tensors(path: Path, digest: str, *, writer: str) -> dict[str, Tensor]:
    """Read a safetensors file whose sha256 is known.

    Args:
        path: the file.
        digest: its sha256, from the card.
        writer: name of the function that writes such files, for the message.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged or of another card.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; give the folder that {writer} wrote")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"{path} does not match its card; the file is damaged, distil again")
    try:
        return load(data)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error!r}; distil again") from error
