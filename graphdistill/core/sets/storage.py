"""Save and load synthetic sets: tensors as safetensors, everything else in a JSON card next to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from graphdistill.core.command.output import CARD, places, publish
from graphdistill.core.command.paths import expanded
from graphdistill.core.data.datasets import FeatureKind, Task
from graphdistill.core.data.tensors import tensor_bytes
from graphdistill.core.sets import checked_file
from graphdistill.core.sets.checked_file import Check, Header, brief, check_file_size, check_json_size, read_json
from graphdistill.core.sets.payload import check_finite
from graphdistill.core.sets.synthetic import SyntheticSet

FORMAT = 3
"""Version of the layout; files of other layouts are rejected."""
CARD_TYPES = {"task": str, "features": str, "meta": dict, "sha256": str, "entries": int, "payload_bytes": int}
"""Facts in the card of a set, with their types."""


def save_set(synthetic: SyntheticSet, folder: str | Path) -> None:
    """Write ``set.safetensors`` and ``card.json`` into a folder, both or neither.

    The card holds the set's ``meta``, its payload bytes and the sha256 of the tensors; nothing is pickled.

    Args:
        synthetic: the set.
        folder: output folder, created if absent; other files in it stay.

    Raises:
        ValueError: the folder cannot be written, a feature is NaN or infinite, or the set takes more than 4 GiB.

    Example:
        >>> import tempfile, torch
        >>> synthetic = SyntheticSet(torch.rand(2, 3), torch.tensor([0, 1]), torch.ones(2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_set(synthetic, folder)
        ...     again = load_set(folder)
        >>> torch.equal(synthetic.data, again.data)
        True
    """
    floats = synthetic.arrays() if isinstance(synthetic.data, Tensor) else synthetic.payload()
    for name in ("features", "x", "edge_attr", "edge_weight"):
        if name in floats:
            try:
                check_finite(name, floats[name])
            except ValueError as error:
                raise ValueError(f"the set {error}; it could not be loaded") from None
    payload = synthetic.payload()
    write_set(folder, payload, synthetic.task, synthetic.features, len(synthetic), synthetic.meta)


def write_set(
    folder: str | Path,
    payload: Mapping[str, Tensor],
    task: Task,
    features: FeatureKind,
    entries: int,
    meta: Mapping[str, object],
) -> None:
    """Write the files of :func:`save_set` from a payload.

    Args:
        folder: as of :func:`save_set`.
        payload: tensors of ``SyntheticSet.payload``.
        task: task of the set.
        features: kind of its features.
        entries: number of its entries.
        meta: its facts.
    """
    card: dict[str, object] = {
        "format": FORMAT,
        "task": task,
        "features": features,
        "entries": entries,
        "payload_bytes": tensor_bytes(*payload.values()),
        "meta": dict(meta),
    }
    with publish(Path(folder)) as draft:
        card["sha256"] = write_tensors(draft / "set.safetensors", payload)
        write_card(draft, card)


def load_set(folder: str | Path) -> SyntheticSet:
    """Load a set of :func:`save_set`, bit for bit; graphs come in the order of the codec.

    Args:
        folder: the folder that holds ``set.safetensors`` and ``card.json``.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is damaged, does not belong to the other, or has another layout.
    """
    folder = expanded(folder)
    card = read_card(folder, FORMAT, CARD_TYPES, writer="save_set")

    def check(header: Header) -> None:
        SyntheticSet.check_payload(header)
        expect("payload_bytes", sum(entry.nbytes for entry in header.values()))

    def expect(what: str, found: int) -> None:
        if card[what] != found:
            raise ValueError(f"holds {found:,} {what}, but its card says {brief(card[what])}")

    tensors = read_tensors(folder / "set.safetensors", card["sha256"], check, writer="save_set")
    try:
        synthetic = SyntheticSet.from_payload(tensors, **{name: card[name] for name in ("task", "features", "meta")})
        expect("entries", len(synthetic))
    except ValueError as error:
        raise ValueError(f"{folder / 'set.safetensors'} is damaged: it {error}; distil again") from None
    return synthetic


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write ``card.json``, the same bytes for the same facts.

    Raises:
        ValueError: it is larger than the reader's limit.
    """
    data = (json.dumps(card, indent=2, sort_keys=True) + "\n").encode()
    check_json_size(data, folder / CARD)
    (folder / CARD).write_bytes(data)


def read_card(folder: Path, layout: int, facts: Mapping[str, type], *, writer: str) -> dict[str, Any]:
    """Read ``card.json`` of one layout.

    Args:
        folder: folder of the card.
        layout: expected value of ``format``.
        facts: further required facts with their types.
        writer: name of the function that writes such folders, for errors.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: it is damaged or has another layout.
    """
    path = folder / CARD
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; give the folder that {writer} wrote")
    try:
        card = read_json(path)
    except ValueError as error:
        raise ValueError(f"{error}; distil again") from None
    for name, kind in {"format": int, **facts}.items():
        if type(card.get(name)) is not kind:
            what = f"{name} is {brief(card[name])}" if name in card else f"it has no {name}"
            raise ValueError(f"{path} is damaged: {what}, expected {kind.__name__}; distil again")
    if card["format"] != layout:
        raise ValueError(f"{folder} has layout {brief(card['format'])}, this version reads {layout}; distil again")
    return card


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors as safetensors and return the sha256 of the file.

    Raises:
        ValueError: they take more than 4 GiB.
    """
    check_file_size(tensor_bytes(*tensors.values()), path)
    data = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    path.write_bytes(data)
    return sha256(data)


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal digits, as ``sha256sum`` prints it.

    Example:
        >>> sha256(b"")[:8]
        'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def read_tensors(path: Path, digest: str, check: Check, *, writer: str) -> dict[str, Tensor]:
    """Read a safetensors file with a known sha256, also if a killed run has not moved it into place.

    Args:
        path: the file.
        digest: its sha256, from the card.
        check: called with the header before the tensors are read.
        writer: name of the function that writes such files, for errors.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: it is damaged or does not match the card.
    """
    first: ValueError | None = None
    for place in places(path):
        try:
            if place.is_file():
                return checked_file.read_tensors(place, check, digest=digest)[0]
        except FileNotFoundError:
            continue  # it has just been moved
        except ValueError as error:
            first = first or error
    if first is None:
        raise FileNotFoundError(f"{path} is missing; give the folder that {writer} wrote")
    raise ValueError(f"{first}{',' if str(first).endswith('damaged') else ';'} distil again") from None
