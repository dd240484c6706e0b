"""Sentences with tagged words in the columns of CoNLL: named entities."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from graphdistill.core.data.tagged import TaggedTextDataset, characters_of
from graphdistill.datasets._text import MAX_WORDS, MIN_COUNT, SPECIAL, ids_of, read, shown, split_texts, vocabulary_of

_TRAIN, _TEST = "train.conll", "test.conll"
_EXPECTED = "each line holds a word, a tab and its tag, O, B-type or I-type, and an empty line ends a sentence"

Word = tuple[str, str, int]
"""A word, its tag and the number of its line."""


def is_tagged(source: Path) -> bool:
    """Whether a file or folder holds tagged words."""
    return (
        source.suffix == ".conll"
        if source.is_file()
        else not (source / "train.tsv").is_file() and (source / _TRAIN).is_file()
    )


def load_tagged(name: str, source: Path, seed: int) -> TaggedTextDataset:
    """The sentences of a folder or file.

    The word is the first column of a line and its tag the last one; columns are separated by tabs or, in lines without
    a tab, by spaces. A span begins at ``B-type``, and also at an ``I-type`` that continues no span of its type, as in
    files of the older tags IOB1. Sentences are cut after 64 words.

    Args:
        name: name of the data set.
        source: a ``.conll`` file, or a folder with ``train.conll`` and, if the test split is given, ``test.conll``.
        seed: seed of random splits.

    Raises:
        OSError: a file is not UTF-8.
        ValueError: a line cannot be used, a test sentence has a type that no training sentence has, or there are no
            spans; the message has file and line.
    """
    name, folder = name if name.startswith("text/") else source.name, source.is_dir()
    first = source / _TRAIN if folder else source
    sentences = _sentences(first)
    given = len(sentences)
    types = sorted({tag[2:] for words in sentences for _, tag, _ in words if tag != "O"})
    if not types:
        raise ValueError(f"{first} has no tag but O; {_EXPECTED}")
    if folder and (source / _TEST).is_file():
        sentences += _sentences(source / _TEST)
    for words in sentences[given:]:
        for _, tag, number in words:
            if tag != "O" and tag[2:] not in types:
                raise ValueError(
                    f"{source / _TEST} line {number} has the type {tag[2:]!r}, which no training sentence has; the "
                    f"types are {', '.join(types)}"
                )
    cut = sum(len(words) > MAX_WORDS for words in sentences)
    sentences = [words[:MAX_WORDS] for words in sentences]
    tags = [_tags(words, types) for words in sentences]
    kind = torch.stack([(row.max() + 1) // 2 for row in tags])
    train, valid, test, note = split_texts(kind, given, seed, name.removeprefix("text/"), "sentences")
    texts = [[word for word, _, _ in words] for words in sentences]
    lower = [[word.lower() for word in words] for words in texts]
    vocabulary = vocabulary_of((lower[i] for i in train.tolist()), MIN_COUNT)
    return TaggedTextDataset(
        name=name,
        tokens=ids_of(lower, vocabulary),
        y=pad_sequence(tags, batch_first=True, padding_value=-1),
        train=train,
        valid=valid,
        test=test,
        vocabulary=vocabulary,
        types=tuple(types),
        characters=characters_of(texts),
        notes=f"{source.name}, {note}; {len(vocabulary) - len(SPECIAL)} words; types of spans: {shown(types)}"
        + (f"; {cut} sentences are cut after {MAX_WORDS} words" if cut else ""),
    )


def _sentences(path: Path) -> list[list[Word]]:
    """The words of each sentence of a file."""
    found: list[list[Word]] = [[]]
    for number, line in enumerate(read(path).split("\n"), start=1):
        line = line.rstrip()
        if not line:
            found.append([])
            continue
        columns = [column.strip() for column in line.split("\t")] if "\t" in line else line.split()
        tag = columns[-1]
        if len(columns) < 2 or not columns[0] or not (tag == "O" or (tag[:2] in ("B-", "I-") and tag[2:])):
            raise ValueError(f"{path} line {number} is {line[:40]!r}; {_EXPECTED}")
        found[-1].append((columns[0], tag, number))
    found = [words for words in found if words]
    if not found:
        raise ValueError(f"{path} is empty; {_EXPECTED}")
    return found


def _tags(words: list[Word], types: list[str]) -> Tensor:
    """Numbers of the tags of a sentence, long; every span has a begin."""
    out = list[int]()
    for _, tag, _ in words:
        if tag == "O":
            out.append(0)
            continue
        begin = 1 + 2 * types.index(tag[2:])
        goes_on = tag[0] == "I" and bool(out) and out[-1] in (begin, begin + 1)
        out.append(begin + 1 if goes_on else begin)
    return torch.tensor(out)
