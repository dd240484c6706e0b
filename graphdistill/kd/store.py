"""A teacher's predictions written once and read in chunks: the most probable classes, and the mass of all others.

A store is a folder with ``card.json`` and ``logits.bin``: coded chunks of positions (see ``store_codec``), then the
length and the digest of each chunk. The card holds the digest of this index and of the data that the teacher saw.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.command.output import places, publish
from graphdistill.core.command.paths import expanded
from graphdistill.core.sets.checked_file import brief
from graphdistill.core.sets.storage import read_card, write_card
from graphdistill.kd.store_codec import MOST_CLASSES, decode, encode
from graphdistill.kd.top_k import TopK, dequantize, quantize, rechunk, select

FORMAT = 1
"""Version of the layout; stores of other layouts are rejected."""
FILE = "logits.bin"
ENTRY = 12
"""Bytes of a chunk in the index: its length in four, its digest in eight."""
MOST_VALUES = 1 << 21
"""Largest number of classes in a chunk, which bounds the memory and time of reading one."""
CARD_TYPES = {
    "num_classes": int,
    "k": int,
    "positions": int,
    "chunk": int,
    "precision": int,
    "temperature": float,
    "mass": float,
    "bytes": int,
    "data_digest": str,
    "index_sha256": str,
}
"""Facts in the card of a store, with their types."""


@dataclass
class TeacherStore:
    """Predictions of a teacher in a folder; :meth:`write` makes one, :func:`open_store` opens it.

    Attributes:
        path: the file of all chunks.
        num_classes: number of classes C.
        k: most classes of a position.
        positions: number of positions.
        chunk: positions of a chunk.
        precision: steps of a factor of two in a probability.
        temperature: the temperature of the teacher's softmax.
        mass: the probability that the classes of a position cover, where ``k`` are enough.
        data_digest: digest of the data.
        num_bytes: size of the file.
        entries: where each chunk begins, its length and its digest.
    """

    path: Path
    num_classes: int
    k: int
    positions: int
    chunk: int
    precision: int
    temperature: float
    mass: float
    data_digest: str
    num_bytes: int
    entries: list[tuple[int, int, bytes]] = field(repr=False)
    _last: tuple[int, TopK] | None = field(default=None, repr=False)

    @staticmethod
    def write(
        path: str | Path,
        batches: Iterable[Tensor],
        *,
        data_digest: str,
        num_classes: int,
        k: int,
        mass: float = 1.0,
        temperature: float = 1.0,
        precision: int = 8,
        chunk: int = 1024,
    ) -> TeacherStore:
        """Write a teacher's logits, a batch at a time; the store appears complete or not at all.

        Args:
            path: folder of the store, created if absent.
            batches: logits in the order of the positions, float ``[..., num_classes]`` each.
            data_digest: digest of the data that the positions belong to (``core.digest.digest``).
            num_classes: number of classes C, at most 2^20.
            k: most classes that are kept of a position.
            mass: a position keeps no more classes than it takes to cover this probability. (default: 1, always ``k``)
            temperature: temperature T of :math:`p = softmax(z / T)`. (default: 1)
            precision: steps of a factor of two, 1 to 512; 8 err by at most 4.4 %. (default: 8)
            chunk: positions that are coded, and read, at once. (default: 1024)

        Returns:
            The store, opened.

        Raises:
            ValueError: an option is out of its range, a batch has other classes, or a logit is NaN or infinite.

        Example:
            >>> import tempfile
            >>> folder = tempfile.mkdtemp()
            >>> logits = torch.tensor([[4.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]])
            >>> store = TeacherStore.write(folder, [logits], data_digest="d1", num_classes=4, k=2)
            >>> store.read(0, 1)
            TopK(ids=tensor([[0, 1]]), probabilities=tensor([[0.9214, 0.0444]]), rest=tensor([0.0342]))
        """
        _check("num_classes", num_classes, 2, MOST_CLASSES)
        _check("k", k, 1, num_classes)
        _check("precision", precision, 1, 512)
        _check("chunk", chunk, 1, MOST_VALUES // k)
        _check("mass", mass, 0, 1)
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature must be above 0, got {temperature}")
        code = partial(encode, most=k, classes=num_classes, scale=precision)
        index, positions, size = bytearray(), 0, 0
        with publish(Path(path)) as draft:
            with (draft / FILE).open("wb") as file:
                for part in rechunk(select(batches, num_classes, k, mass, temperature), chunk):
                    data = code(quantize(part, precision, num_classes))
                    index += len(data).to_bytes(4, "little") + _digest(data)
                    positions, size = positions + len(part[0]), size + file.write(data)
                size += file.write(index)
            card = {
                "format": FORMAT,
                "num_classes": num_classes,
                "k": k,
                "positions": positions,
                "chunk": chunk,
                "precision": precision,
                "temperature": float(temperature),
                "mass": float(mass),
                "bytes": size,
                "data_digest": data_digest,
                "index_sha256": hashlib.sha256(index).hexdigest(),
            }
            write_card(draft, card)
        return open_store(path, data_digest=data_digest, num_classes=num_classes)

    def __len__(self) -> int:
        return self.positions

    def read(self, start: int, stop: int) -> TopK:
        """Classes, probabilities and rest of the positions from ``start`` to ``stop - 1``.

        Raises:
            ValueError: the store has not all of these positions, or a chunk was changed.
        """
        if not 0 <= start <= stop <= self.positions:
            raise ValueError(f"positions {start} to {stop} are not in the store, which has 0 to {self.positions}")
        return self.read_index(torch.arange(start, stop))

    def read_index(self, index: Tensor) -> TopK:
        """Classes, probabilities and rest of any positions; those of one chunk are best next to each other.

        Args:
            index: positions, long ``[n]``.

        Raises:
            ValueError: the store has not all of these positions, or a chunk was changed.
        """
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < self.positions:
            raise ValueError(
                f"positions {int(index.min())} to {int(index.max())} are not in the store, which has 0 to "
                f"{self.positions - 1}"
            )
        out = TopK(
            torch.zeros(len(index), self.k, dtype=torch.long), torch.zeros(len(index), self.k), torch.zeros(len(index))
        )
        number = index // self.chunk
        for i in number.unique().tolist():
            mine, part = number == i, self._chunk(i)
            for to, values in zip(out, part, strict=True):
                to[mine] = values[index[mine] - i * self.chunk]
        return out

    def blocks(self, generator: torch.Generator | None = None) -> Iterator[tuple[Tensor, TopK]]:
        """All positions, a chunk at a time: their index, long ``[n]``, and what they hold.

        Args:
            generator: draws the order of the chunks, and of the positions of each. (default: as written)
        """
        chunks = len(self.entries)
        order = range(chunks) if generator is None else torch.randperm(chunks, generator=generator).tolist()
        for i in order:
            part = self._chunk(i)
            at = torch.arange(len(part.rest))
            if generator is not None:
                at = at[torch.randperm(len(at), generator=generator)]
            yield i * self.chunk + at, TopK(*(values[at] for values in part))

    def _chunk(self, i: int) -> TopK:
        """A chunk; the last one stays in memory."""
        if self._last is None or self._last[0] != i:
            start, length, digest = self.entries[i]
            with self.path.open("rb") as file:
                file.seek(start)
                data = file.read(length)
            if _digest(data) != digest:
                raise ValueError(f"{self.path} is damaged: chunk {i} does not match its digest; write the store again")
            num = min(self.chunk, self.positions - i * self.chunk)
            try:
                coded = decode(data, num, most=self.k, classes=self.num_classes, scale=self.precision)
            except ValueError as error:
                raise ValueError(f"{self.path} is damaged: chunk {i} {error}; write the store again") from None
            self._last = i, dequantize(coded, self.k, self.precision, self.num_classes)
        return self._last[1]


def open_store(path: str | Path, *, data_digest: str, num_classes: int | None = None) -> TeacherStore:
    """Open a store that :meth:`TeacherStore.write` wrote.

    Args:
        path: its folder.
        data_digest: digest of the data that it is used with.
        num_classes: classes of the student. (default: any)

    Raises:
        FileNotFoundError: there is no store.
        ValueError: it belongs to other data or has other classes, is damaged, or has another layout.
    """
    folder = expanded(Path(path))
    card = read_card(folder, FORMAT, CARD_TYPES, writer="TeacherStore.write")

    def fail(what: str) -> NoReturn:
        raise ValueError(f"{folder} is damaged: its card says {what}; write the store again")

    for name, least, most in (
        ("num_classes", 2, MOST_CLASSES),
        ("k", 1, card["num_classes"]),
        ("chunk", 1, MOST_VALUES // max(card["k"], 1)),
        ("precision", 1, 512),
        ("positions", 0, 1 << 48),
    ):
        if not least <= card[name] <= most:
            fail(f"{name} {brief(card[name], 30)}, not {least} to {most}")
    if card["data_digest"] != data_digest:
        raise ValueError(
            f"the store {folder} belongs to other data: it was written for digest {brief(card['data_digest'], 40)}, "
            f"these have {brief(data_digest, 40)}; give the data that the teacher saw, or write a store for these"
        )
    if num_classes is not None and card["num_classes"] != num_classes:
        raise ValueError(
            f"the store {folder} holds {card['num_classes']} classes, but num_classes is {num_classes}; teacher and "
            "student need the same vocabulary"
        )
    chunks = -(-card["positions"] // card["chunk"])
    file, index = _index(folder, card, chunks)
    length = np.frombuffer(index, "<u4").reshape(chunks, 3)[:, 0].astype(np.int64)
    if int(length.sum()) + len(index) != card["bytes"]:
        fail(f"{card['bytes']} bytes, but its chunks have {int(length.sum()) + len(index)}")
    ends = length.cumsum()
    digests = [index[ENTRY * i + 4 : ENTRY * (i + 1)] for i in range(chunks)]
    entries = list(zip((ends - length).tolist(), length.tolist(), digests, strict=True))
    facts = {name: card[name] for name in CARD_TYPES if name not in ("bytes", "index_sha256")}
    return TeacherStore(path=file, num_bytes=card["bytes"], entries=entries, **facts)


def _index(folder: Path, card: dict[str, Any], chunks: int) -> tuple[Path, bytes]:
    """The file and its index, also if a killed run has not moved it into place."""
    found = False
    for place in places(folder / FILE):
        if not place.is_file():
            continue
        found = True
        size = place.stat().st_size
        if size == card["bytes"] and ENTRY * chunks <= size:
            with place.open("rb") as file:
                file.seek(size - ENTRY * chunks)
                index = file.read()
            if hashlib.sha256(index).hexdigest() == card["index_sha256"]:
                return place, index
    if not found:
        raise FileNotFoundError(f"{folder / FILE} is missing; give the folder that TeacherStore.write wrote")
    raise ValueError(f"{folder / FILE} does not match its card; the file is damaged, write the store again")


def _check(name: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be {least} to {most}, got {value}")


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()
