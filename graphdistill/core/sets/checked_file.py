"""Reading of untrusted files: everything that a file declares is checked before memory is allocated for it.

A safetensors file begins with the length of a JSON header with dtype, shape and offsets of every tensor. The header is
checked against the size of the file and the reader's expectation before the rest is read.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

MAX_JSON = 1 << 23
"""Largest size in bytes of a card, or of a header with a card, for readers and writers."""
MAX_ITEMS = 1 << 19
"""Largest number of commas, colons and brackets in JSON, which bounds the memory of parsing it."""
MAX_FILE = 1 << 32
"""Largest size in bytes of a file of tensors."""
HASHED_FIRST = 1 << 26
"""Largest size in bytes of a file whose digest is checked first; a larger file needs a valid header before."""
MAX_DIM = 1 << 24
"""Largest product of the other sizes of an empty tensor."""

DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}


@dataclass(frozen=True)
class Entry:
    """Entry of one tensor in a header."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


Header = dict[str, Entry]
"""Entries of a file by name of the tensor."""
Check = Callable[[Header], None]
"""Check of a header; it raises ``ValueError`` for an unexpected one."""


def brief(value: object, limit: int = 80) -> str:
    """The ``repr`` of an untrusted value, cut to one short line for errors.

    Example:
        >>> brief("a" * 100, 12)
        "'aaaaaaa ..."
    """
    text = repr(value[:limit] if isinstance(value, str | bytes | list | tuple) else value)
    return text if len(text) <= limit else f"{text[: limit - 4]} ..."


def parse_json(data: bytes, where: object) -> dict[str, Any]:
    """Parse an untrusted JSON object.

    Args:
        data: UTF-8 text.
        where: name of the object in errors.

    Raises:
        ValueError: it is too large, nested too deep, has a duplicate name, or is not a JSON object.

    Example:
        >>> parse_json(b'{"step": 3}', "card.json")
        {'step': 3}
    """
    check_json_size(data, where)
    try:
        card = json.loads(data, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError(f"{where} is damaged: it is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{where} is damaged: {brief(error)}") from None
    if not isinstance(card, dict):
        raise ValueError(f"{where} is damaged: it holds a {type(card).__name__}, not an object in {{}}")
    return card


def check_json_size(data: bytes, where: object) -> None:
    """Fail if JSON is larger than the reader's limit."""
    items = sum(data.count(mark) for mark in (b",", b":", b"[", b"{")) if len(data) <= MAX_JSON else 0
    for what, found, most in (("bytes", len(data), MAX_JSON), ("parts", items, MAX_ITEMS)):
        if found > most:
            raise ValueError(f"{where} is too large: {found:,} {what} of JSON, at most {most:,} are read")


def check_file_size(size: int, where: object, most: int = MAX_FILE) -> None:
    """Fail if a file of tensors is larger than the reader's limit."""
    if size > most:
        raise ValueError(f"{where} is too large: {size:,} bytes, at most {most:,} are read")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    for name, _ in pairs if len(found) < len(pairs) else ():
        if name not in found:
            raise ValueError(f"it names {brief(name)} twice")
        found.pop(name)
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object, of at most 8 MiB.

    Raises:
        ValueError: as of :func:`parse_json`.
        OSError: it cannot be read.
    """
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_JSON:
            raise ValueError(f"{path} is too large: {size:,} bytes of JSON, at most {MAX_JSON:,} are read")
        return parse_json(file.read(MAX_JSON + 1), path)


def read_tensors(
    path: Path, check: Check | None = None, *, digest: str | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file.

    Args:
        path: the file.
        check: called with the header before the tensors are read. (default: none)
        digest: expected sha256 of the file. (default: any)

    Returns:
        The tensors and the metadata, by name.

    Raises:
        ValueError: header and size of the file disagree, ``check`` rejects it, or the sha256 differs.
        OSError: it cannot be read.

    Example:
        >>> import tempfile
        >>> from safetensors.torch import save_file
        >>> path = Path(tempfile.mkdtemp()) / "x.safetensors"
        >>> save_file({"x": torch.ones(2)}, path)
        >>> read_tensors(path)
        ({'x': tensor([1., 1.])}, {})
    """
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= HASHED_FIRST:
            _check_digest(file, digest, path)
        header, metadata = _header(file, size, path)
        if check is not None:
            try:
                check(header)
            except ValueError as error:
                raise ValueError(f"{path} is damaged: it {error}") from None
        if size > HASHED_FIRST:
            file.seek(0)
            _check_digest(file, digest, path)
        file.seek(0)
        data = file.read(size)
    try:
        return load(data), metadata
    except (SafetensorError, RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: {brief(error)}") from None


def read_header(path: Path, most: int = MAX_FILE) -> tuple[Header, dict[str, str]]:
    """Header and metadata of a safetensors file, without its tensors.

    Args:
        path: the file.
        most: largest size in bytes. (default: 4 GiB)

    Raises:
        ValueError: header and size of the file disagree.
        OSError: it cannot be read.
    """
    with _open(path) as file:
        return _header(file, os.fstat(file.fileno()).st_size, path, most)


def _open(path: Path) -> BinaryIO:
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a file")  # a pipe or a device has no end
    return path.open("rb")


def _header(file: BinaryIO, size: int, path: Path, most: int = MAX_FILE) -> tuple[Header, dict[str, str]]:
    """Entries and metadata of the file, checked against its size."""

    def fail(what: str) -> NoReturn:
        raise ValueError(f"{path} is damaged: {what}")

    check_file_size(size, path, most)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        fail(f"it has {size:,} bytes, too few for its header of {length:,}")
    if length > MAX_JSON:
        fail(f"its header of {length:,} bytes is too large, at most {MAX_JSON:,} are read")
    declared = parse_json(file.read(length), f"the header of {path}")
    metadata = declared.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        fail("the metadata of its header is not text by name")
    header, spans = {}, []
    for name, entry in declared.items():
        here = f"tensor {brief(name)} has"
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
            fail(f"{here} no dtype, shape and data_offsets alone")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            fail(f"{here} dtype {brief(dtype)}, not one of {', '.join(DTYPES)}")
        if not _counts(shape) or len(shape) > 8:
            fail(f"{here} shape {brief(shape)}, not at most 8 sizes of 0 or more")
        if not _counts(offsets) or len(offsets) != 2:
            fail(f"{here} data_offsets {brief(offsets)}, not a begin and an end")
        tensor = Entry(DTYPES[dtype], tuple(shape))
        nbytes = tensor.nbytes
        if offsets[1] - offsets[0] != nbytes:
            fail(f"{here} shape {brief(shape)} of {dtype}, {nbytes:,} bytes, but data_offsets {brief(offsets)}")
        if not nbytes and math.prod(max(n, 1) for n in shape) > MAX_DIM:
            fail(f"{here} shape {brief(shape)}, of more than {MAX_DIM:,} values where none is")
        header[name] = tensor
        spans.append(tuple(offsets))
    end = 0
    for begin, until in sorted(spans):
        if begin != end:
            fail(f"its tensors do not lie one after the other: one ends at {end:,}, the next begins at {begin:,}")
        end = until
    if 8 + length + end != size:
        fail(f"it has {size:,} bytes, but its header declares {8 + length + end:,}")
    return header, metadata


def _counts(values: object) -> bool:
    """Whether these are integers from 0 to the largest size of a file."""
    return isinstance(values, list) and all(type(v) is int and 0 <= v <= 1 << 48 for v in values)


def _check_digest(file: BinaryIO, digest: str | None, path: Path) -> None:
    """Fail if the sha256 differs; the file is hashed without loading it into memory."""
    if digest is not None and hashlib.file_digest(file, "sha256").hexdigest() != digest:  # type: ignore[arg-type]
        raise ValueError(f"{path} does not match its card; the file is damaged")
    file.seek(0)
