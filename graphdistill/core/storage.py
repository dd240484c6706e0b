"""Save and load synthetic sets: tensors in safetensors, everything else in a JSON card beside them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from graphdistill.core.output import publish
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
    tensors = {name: tensor.contiguous() for name, tensor in small.payload().items()}
    data = save(tensors)
    card = {
        "format": FORMAT,
        "task": small.task,
        "features": small.features,
        "entries": len(small),
        "payload_bytes": small.nbytes,
        "sha256": hashlib.sha256(data).hexdigest(),
        "meta": dict(small.meta),
    }
    with publish(Path(folder)) as draft:
        (draft / "set.safetensors").write_bytes(data)
        (draft / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_set(folder: str | Path) -> SyntheticSet:
    """Read what :func:`save_set` wrote, bit for bit.

    Args:
        folder: the folder that holds ``set.safetensors`` and ``card.json``.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is damaged, does not belong to the other, or has another layout.
    """
    folder = Path(folder)
    for name in ("card.json", "set.safetensors"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing; give the folder that save_set wrote")
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        layout, digest = card["format"], card["sha256"]
        facts = {name: card[name] for name in ("task", "features", "meta")}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / 'card.json'} is damaged: {error!r}; distil again") from error
    if layout != FORMAT:
        raise ValueError(f"{folder} has layout {layout}, this version reads {FORMAT}; distil again")
    if hashlib.sha256((folder / "set.safetensors").read_bytes()).hexdigest() != digest:
        raise ValueError(f"{folder / 'set.safetensors'} does not match its card; the file is damaged, distil again")
    try:
        return SyntheticSet.from_payload(load_file(folder / "set.safetensors"), **facts)
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{folder / 'set.safetensors'} is damaged: {error!r}; distil again") from error
