"""Sentences whose words are tagged: which words are part of a span, and of what type the span is.

Shape legend: n sentences, L words of the longest sentence, K characters of a word, T types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.data.datasets import TextDataset

MAX_CHARACTERS = 24
"""Characters of a word that are read; more than 99 % of the words are shorter, addresses are not."""


class Span(NamedTuple):
    """Words ``start`` to ``end - 1`` of a row of tags, and the number of their type."""

    row: int
    start: int
    end: int
    type: int


@dataclass(frozen=True)
class TaggedTextDataset(TextDataset):
    """Sentences with a tag of each word: 0 outside of spans, 1 + 2 t at the begin and 2 + 2 t inside those of type t.

    Attributes:
        tokens: ids of the words in lower case, long ``[n, L]``, padded with 0.
        y: tags, long ``[n, L]``; -1 at padding.
        types: names of the T types of spans.
        characters: code points of the characters of each word, int ``[n, L, K]``, padded with 0; they tell words apart
            that the vocabulary does not have.

    Raises:
        ValueError: also if tags or characters do not fit the words, or a span has no begin.

    Example:
        >>> index = torch.tensor([0]), torch.tensor([1]), torch.tensor([2])
        >>> tokens, y = torch.tensor([[2, 1], [2, 0], [1, 1]]), torch.tensor([[1, 2], [0, -1], [0, 1]])
        >>> letters = torch.where(tokens > 0, 97, 0)[..., None].int()
        >>> words = ("<padding>", "<unknown>", "a")
        >>> data = TaggedTextDataset("own", tokens, y, *index, words, types=("person",), characters=letters)
        >>> data.num_outputs, spans_of(data.y)
        (3, [Span(row=0, start=0, end=2, type=0), Span(row=2, start=1, end=2, type=0)])
    """

    types: tuple[str, ...] = field(kw_only=True)
    characters: Tensor = field(kw_only=True, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = list(self.tokens.shape)
        if self.y.shape != self.tokens.shape:
            raise ValueError(f"y must be long {shape}, a tag of each word, got {list(self.y.shape)}")
        if self.characters.shape[:2] != self.tokens.shape or self.characters.dim() != 3:
            raise ValueError(f"characters must be int [{shape[0]}, {shape[1]}, K], got {list(self.characters.shape)}")
        words = self.tokens > 0
        for what, same in (("a tag", (self.y >= 0) == words), ("characters", (self.characters[..., 0] > 0) == words)):
            if not bool(same.all()):
                row, place = (~same).nonzero()[0].tolist()
                raise ValueError(f"sentence {row} must have {what} at every word and at no padding, see word {place}")
        if int(self.y.max()) >= self.num_outputs:
            raise ValueError(
                f"y holds tag {int(self.y.max())}, but {len(self.types)} types have tags up to {self.num_outputs - 1}"
            )
        before = torch.cat([torch.zeros_like(self.y[:, :1]), self.y[:, :-1]], dim=1)
        inside = (self.y > 0) & (self.y % 2 == 0)
        stray = (inside & (before != self.y) & (before != self.y - 1)).nonzero()
        if len(stray):
            row, place = stray[0].tolist()
            raise ValueError(
                f"sentence {row} has tag {int(self.y[row, place])} at word {place}, inside of a span that has no begin"
            )

    @property
    def language_model(self) -> bool:
        """No: the labels are tags."""
        return False

    @property
    def num_outputs(self) -> int:
        """Number of tags."""
        return 1 + 2 * len(self.types)


def spans_of(tags: Tensor) -> list[Span]:
    """Spans of rows of tags, which may be predictions.

    A span goes from a begin over the following inside tags of its type; an inside tag that continues no span of its
    type begins one, as in the conlleval script of CoNLL 2000.

    Args:
        tags: long ``[n, L]``; 0 and below is outside.

    Returns:
        The spans in the order of rows and words.

    Example:
        >>> spans_of(torch.tensor([[2, 2, 1, 4]]))
        [Span(row=0, start=0, end=2, type=0), Span(row=0, start=2, end=3, type=0), Span(row=0, start=3, end=4, type=1)]
    """
    tags = torch.nn.functional.pad(tags.cpu(), (1, 1))
    kind, before = (tags + 1) // 2, tags.roll(1, 1)
    same = (tags % 2 == 0) & (kind == (before + 1) // 2)
    starts = ((tags > 0) & ~same).nonzero()
    # A span ends where outside, a begin or another type follows a word of it.
    ends = (((before > 0) & ~((tags > 0) & same))[:, 1:]).nonzero()
    return [
        Span(row, start - 1, end, int(kind[row, start]) - 1)
        for (row, start), (_, end) in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def characters_of(sentences: Sequence[Sequence[str]], length: int | None = None) -> Tensor:
    """Code points of the first characters of each word.

    Args:
        sentences: the words of each sentence.
        length: number L of words. (default: that of the longest sentence)

    Returns:
        Int ``[n, L, 24]``, padded with 0.

    Raises:
        ValueError: a sentence has more words than ``length``.

    Example:
        >>> characters_of([["Go", "!"], ["a"]])[..., :2].tolist()
        [[[71, 111], [33, 0]], [[97, 0], [0, 0]]]
    """
    counts = torch.tensor([len(words) for words in sentences])
    longest = int(counts.max())
    if length is not None and longest > length:
        raise ValueError(f"a sentence has {longest} words, more than length {length}; cut it")
    words = np.array([word for words in sentences for word in words], dtype=f"<U{MAX_CHARACTERS}")
    out = torch.zeros(len(sentences), length or longest, MAX_CHARACTERS, dtype=torch.int)
    out[torch.arange(out.shape[1]) < counts[:, None]] = torch.from_numpy(words.view("<i4").reshape(-1, MAX_CHARACTERS))
    return out
