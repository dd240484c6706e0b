"""Which entries are forgotten: those of a file, of a class, or a random share; and whether they can be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from graphdistill.core.command.paths import expanded
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.randomness import generator
from graphdistill.unlearn.context import of_classes

LARGEST = 1 << 62
"""Numbers from here on do not fit into a tensor; no data set has as many entries."""


def read_request(path: str | Path) -> Tensor:
    r"""Read the indices of a request file: a JSON list, or numbers that are separated by spaces, commas or lines.

    Args:
        path: the file.

    Returns:
        Long ``[n]``, as in the file.

    Raises:
        ValueError: there is no such file, it is empty, or it holds anything else than whole numbers.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "request.txt"
        >>> _ = path.write_text("17, 3\n4\n")
        >>> read_request(path)
        tensor([17,  3,  4])
    """
    path = expanded(path)
    what = f"--request {path.name}"
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{what} is no text; write one index a line, or a JSON list such as [3, 17]") from None
    except OSError as error:
        raise ValueError(f"{what} cannot be read: {error.strerror}; give a file of indices") from None
    words: list[object] = list(text.replace(",", " ").split())
    if text[:1] in ("[", "{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(f"{what} is damaged JSON; write a list of indices such as [3, 17]") from None
        if not isinstance(found, list):
            raise ValueError(f"{what} holds a JSON object; write a list of indices such as [3, 17]")
        words = found
    if not words:
        raise ValueError(f"{what} is empty; name one entry or more")
    return torch.tensor([_number(word, what) for word in words])


def _number(word: object, what: str) -> int:
    """An index of a request file."""
    number = word if isinstance(word, int) and not isinstance(word, bool) else None
    if isinstance(word, str) and word.removeprefix("-").isdecimal() and len(word) < 20:
        number = int(word)
    if number is None or abs(number) >= LARGEST:
        raise ValueError(
            f"{what} holds {str(word)[:30]!r}, which is no index; write one whole number a line, or a JSON list such "
            "as [3, 17]"
        )
    return number


def check_forget(data: Dataset, forget: Tensor | Sequence[int], what: str = "forget") -> Tensor:
    """Check that entries can be forgotten.

    Args:
        data: the data set.
        forget: entries, long ``[n]``.
        what: what errors call them. (default: ``forget``)

    Returns:
        The entries in ascending order, each once.

    Raises:
        ValueError: there is none, one is out of range or not in the training split, all are forgotten, or those that
            remain are of one class.

    Example:
        >>> from graphdistill.datasets import load
        >>> digits = load("digits")
        >>> check_forget(digits, digits.train[[5, 3, 5]]).shape
        torch.Size([2])
    """
    if data.y.dim() > 1:
        raise ValueError(
            f"{data.name} has no class for each entry, so none can be forgotten here; give data with classes"
        )
    index: Tensor = torch.as_tensor(forget).cpu()
    if index.dim() != 1 or (len(index) and index.dtype != torch.long):
        raise ValueError(f"{what} must be long indices [n], got {index.dtype} {list(index.shape)}")
    index, count = index.long().unique(), len(data.y)
    if not len(index):
        raise ValueError(f"{what} is empty; name one entry or more")
    for end in (int(index[0]), int(index[-1])):
        if not 0 <= end < count:
            raise ValueError(f"{what} has entry {end}, but {data.name} has entries 0 to {count - 1}")
    stray = index[~torch.isin(index, data.train)]
    if len(stray):
        raise ValueError(
            f"{what} has entry {int(stray[0])}, which is not in the training split, so the model was not trained on "
            "it; leave it out"
        )
    if len(index) == len(data.train.unique()):
        raise ValueError(
            f"{what} holds all {len(index):,} training entries, so that nothing remains; start with a new model instead"
        )
    kept = data.y[data.train[~torch.isin(data.train, index)]].unique()
    if len(kept) < 2:
        raise ValueError(
            f"{what} leaves entries of class {int(kept)} alone, which need no classifier; keep entries of two classes"
        )
    return index


def entries_of_class(data: Dataset, label: int) -> Tensor:
    """Training entries of a class, ascending.

    Raises:
        ValueError: there is none.
    """
    found = of_classes(data.y, data.train, [label]) if data.y.dim() == 1 else data.train[:0]
    if not len(found):
        known = ", ".join(map(str, data.y[data.train].unique().tolist()[:12]))
        raise ValueError(f"--forget-class {label} has no training entries in {data.name}; choose from {known}")
    index: Tensor = found.sort().values
    return index


def random_entries(data: Dataset, share: float, seed: int) -> Tensor:
    """A random share of the training entries, one at least, ascending.

    Example:
        >>> from graphdistill.datasets import load
        >>> len(random_entries(load("digits"), 0.1, seed=0))
        144
    """
    count = max(1, round(share * len(data.train)))
    order = torch.randperm(len(data.train), generator=generator(seed, "unlearn", "request"))
    index: Tensor = data.train[order[:count]].sort().values
    return index
