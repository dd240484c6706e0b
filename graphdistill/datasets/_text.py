"""Texts: labelled lines as words, and the characters of one text for a language model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from graphdistill.core.data.datasets import TextDataset
from graphdistill.datasets._roots import find, not_found, roots
from graphdistill.datasets._splits import stratified

KNOWN = ("trec", "reviews_films", "reviews_products", "opinions", "subjectivity", "wnut17", "shakespeare")
"""Folders that are known under ``text/``; any other name works if its folder exists."""
SPECIAL = ("<padding>", "<unknown>")
"""Tokens of ids 0 and 1."""
MAX_WORDS = 64
"""Words of a text that are read; more than 99 % of the texts of the known sets have fewer."""
MIN_COUNT = 2
"""Occurrences in the training texts that a word needs for an id of its own; others share the unknown word."""
WINDOW = 64
"""Characters of a window of a language model."""

_WORD = re.compile(r"[\w']+|[^\w\s]")
_LABELLED = "train.tsv"
_TAGGED = "train.conll"
_PLAIN = "input.txt"
_FILES = (_LABELLED, _TAGGED, _PLAIN)
_FILE_OF = {"shakespeare": _PLAIN, "wnut17": _TAGGED}
"""File of each known folder that is not of labelled lines."""

Line = tuple[str, str, int]
"""Label, text and number of a line."""


def names(root: str | Path | None) -> list[str]:
    """Known names, and those of folders under ``text/`` of the roots that hold texts."""
    found = {p.parent.name for folder in roots(root) for file in _FILES for p in folder.glob(f"text/*/{file}")}
    return [f"text/{name}" for name in [*KNOWN, *sorted(found - {*KNOWN})]]


def source_of(name: str, root: str | Path | None) -> Path | None:
    """File or folder of the texts ``name``; ``None`` if it is no name of texts.

    Raises:
        FileNotFoundError: a known name or a file has no files.
    """
    if name.endswith((".tsv", ".conll", ".txt")):
        if not Path(name).is_file():
            raise FileNotFoundError(f"name={name!r}: there is no such file")
        return Path(name)
    source = find(root, *(f"{name}/{file}" for file in _FILES)) if name.startswith("text/") else None
    if source is not None:
        return source.parent
    if any((Path(name) / file).is_file() for file in _FILES):
        return Path(name)
    if name in names(root):
        file = _FILE_OF.get(name.removeprefix("text/"), _LABELLED)
        raise not_found(name, root, f"{name}/{file}", "has no download")
    return None


def load_text(name: str, source: Path, seed: int) -> TextDataset:
    """The texts of a folder or file: labelled lines, or one text for a language model of characters.

    Args:
        name: name of the data set.
        source: a ``.tsv`` or ``.txt`` file, or a folder with ``train.tsv`` and ``test.tsv``, or with ``input.txt``.
        seed: seed of random splits.

    Raises:
        FileNotFoundError: ``test.tsv`` is missing.
        OSError: a file is not UTF-8.
        ValueError: a line cannot be used, or there are too few texts; the message has file and line.
    """
    name = name if name.startswith("text/") else source.name
    if source.is_dir() and not (source / _LABELLED).is_file():
        source = source / _PLAIN
    return _characters(name, source) if source.suffix == ".txt" else _labelled(name, source, seed)


def words(text: str) -> list[str]:
    """Words of a text in lower case, with apostrophes, and its other characters but spaces as words of their own.

    Example:
        >>> words("It's not TOO bad!")
        ["it's", 'not', 'too', 'bad', '!']
    """
    return _WORD.findall(text.lower())


def vocabulary_of(texts: Iterable[Sequence[str]], least: int) -> tuple[str, ...]:
    """Tokens that occur at least ``least`` times, the most frequent first, after padding and unknown token.

    Example:
        >>> vocabulary_of([["a", "b"], ["b", "c"], ["c", "c"]], 2)
        ('<padding>', '<unknown>', 'c', 'b')
    """
    counts = Counter(token for text in texts for token in text)
    kept = [token for token, count in counts.items() if count >= least]
    return (*SPECIAL, *sorted(kept, key=lambda token: (-counts[token], token)))


def ids_of(texts: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> Tensor:
    """Ids of the tokens of each text, long ``[n, L]`` with L the longest text, padded with 0; 1 for unknown tokens."""
    number = {token: i for i, token in enumerate(vocabulary)}
    rows = [torch.tensor([number.get(token, 1) for token in text]) for text in texts]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _labelled(name: str, source: Path, seed: int) -> TextDataset:
    """Labelled lines; the vocabulary is that of the training texts."""
    folder = source.is_dir()
    train_lines = _lines(source / _LABELLED if folder else source)
    test_lines = _lines(source / "test.tsv") if folder else []
    labels = _labels(train_lines)
    if len(labels) < 2:
        where = source / _LABELLED if folder else source
        raise ValueError(f"{where} has the single label {labels[0]!r}; give texts of two or more classes")
    for label, _, number in test_lines:
        if label not in labels:
            raise ValueError(
                f"{source / 'test.tsv'} line {number} has the label {label!r}, which no training text has; "
                f"the labels are {shown(labels)}"
            )
    lines = [*train_lines, *test_lines]
    y = torch.tensor([labels.index(label) for label, _, _ in lines])
    train, valid, test, note = split_texts(y, len(train_lines), seed, name.removeprefix("text/"))
    texts = [words(text)[:MAX_WORDS] for _, text, _ in lines]
    vocabulary = vocabulary_of((texts[i] for i in train.tolist()), MIN_COUNT)
    return TextDataset(
        name=name,
        tokens=ids_of(texts, vocabulary),
        y=y,
        train=train,
        valid=valid,
        test=test,
        vocabulary=vocabulary,
        notes=f"{source.name}, {note}; {len(vocabulary) - len(SPECIAL)} words; classes: {shown(labels)}",
    )


def split_texts(
    y: Tensor, given: int, seed: int, name: str, entries: str = "texts"
) -> tuple[Tensor, Tensor, Tensor, str]:
    """Train, valid and test indices, and where they are from; the first ``given`` entries may be trained on."""
    first, second, valid = stratified(y[:given], seed, name)
    if given == len(y):
        return first, second, valid, f"stratified 80/10/10 split of seed {seed}"
    train = torch.cat([first, second]).sort()[0]
    return (
        train,
        valid,
        torch.arange(given, len(y)),
        f"its own test {entries}, a tenth of train for validation by seed {seed}",
    )


def _labels(lines: Sequence[Line]) -> list[str]:
    """Names of the classes in their order: that of numbers if all are whole numbers."""
    found = {label for label, _, _ in lines}
    return sorted(found, key=int if all(label.isdecimal() for label in found) else None)


def shown(labels: Sequence[str]) -> str:
    """The first labels, with the numbers of their classes unless they are those numbers."""
    parts = [label if label == str(number) else f"{number} {label}" for number, label in enumerate(labels[:10])]
    return ", ".join(parts) + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")


def _characters(name: str, path: Path) -> TextDataset:
    """Windows of one text, 80 % for training, the next 10 % for validation and the rest for test.

    The label of a character is the next one. No part reaches into another, so no text is in two of them.
    """
    text = read(path)
    ends = [0, len(text) * 8 // 10, len(text) * 9 // 10, len(text)]
    parts = [text[start:end] for start, end in pairwise(ends)]
    counts = [(len(part) - 1) // WINDOW for part in parts]
    if min(counts) < 1:
        raise ValueError(
            f"{path} has {len(text)} characters; a language model needs {10 * (WINDOW + 1)} or more, so that each "
            f"split has a window of {WINDOW}"
        )
    vocabulary = vocabulary_of(parts[:1], 1)
    tokens, following = list[Tensor](), list[Tensor]()
    for part, count in zip(parts, counts, strict=True):
        ids = ids_of([part[: count * WINDOW + 1]], vocabulary)[0]
        tokens.append(ids[:-1].view(count, WINDOW))
        following.append(ids[1:].view(count, WINDOW))
    train, valid, test = torch.arange(sum(counts)).split(counts)
    return TextDataset(
        name=name,
        tokens=torch.cat(tokens),
        y=torch.cat(following),
        train=train,
        valid=valid,
        test=test,
        vocabulary=vocabulary,
        notes=f"{path.name}, windows of {WINDOW} characters, the first 80 % for train, the next 10 % for validation; "
        f"{len(vocabulary) - len(SPECIAL)} characters",
    )


def _lines(path: Path) -> list[Line]:
    """Label, text and number of each line that is not empty.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line has no label, tab or text, or there are none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; labelled texts are in {_LABELLED} and test.tsv of one folder")
    lines = list[Line]()
    for number, line in enumerate(read(path).split("\n"), start=1):
        label, tab, text = line.partition("\t")
        if tab and label.strip() and text.strip():
            lines.append((label.strip(), text, number))
        elif line.strip():
            raise ValueError(f"{path} line {number} is {line[:40]!r}; each line holds a label, a tab and a text")
    if not lines:
        raise ValueError(f"{path} is empty; each line holds a label, a tab and a text")
    return lines


def read(path: Path) -> str:
    """Text of a file.

    Raises:
        OSError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise OSError(f"{path} line {line} is not UTF-8 text ({error}); save the file as UTF-8") from error
