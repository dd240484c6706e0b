from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.data.tagged import Span, TaggedTextDataset, characters_of, spans_of

TAGS = [[1, 2, 0], [0, 3, -1], [0, 0, 0]]


def dataset(tags: list[list[int]] = TAGS, characters: Tensor | None = None) -> TaggedTextDataset:
    train, valid, test = torch.arange(3)[:, None]
    tokens = torch.tensor([[2, 3, 1], [3, 2, 0], [1, 1, 1]])
    letters = (96 + tokens).where(tokens > 0, 0)[..., None].int() if characters is None else characters
    words, y = ("<padding>", "<unknown>", "a", "b"), torch.tensor(tags)
    return TaggedTextDataset("d", tokens, y, train, valid, test, words, types=("x", "y"), characters=letters)


def naive_spans(rows: list[list[int]]) -> list[Span]:
    """Word by word, as conlleval counts chunks."""
    found = []
    for number, row in enumerate(rows):
        start, kind = 0, 0
        for place, tag in enumerate([*row, 0]):
            now = (tag + 1) // 2 if tag > 0 else 0
            if kind and (now != kind or tag % 2):
                found.append(Span(number, start, place, kind - 1))
                kind = 0
            if now and not kind:
                start, kind = place, now
    return found


@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(st.integers(-1, 6), min_size=n, max_size=n), min_size=1)))
def test_spans_are_those_of_a_loop(rows: list[list[int]]) -> None:
    assert spans_of(torch.tensor(rows)) == naive_spans(rows)


def test_words_have_tags() -> None:
    data = dataset()
    assert not data.language_model
    assert data.num_outputs == 5
    assert dataset([[1, 0, 0], *TAGS[1:]]).digest != data.digest


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([[1, -1, 0], *TAGS[1:]], "sentence 0 must have a tag at every word and at no padding, see word 1"),
        ([TAGS[0], [0, 3, 0], TAGS[2]], "sentence 1 must have a tag at every word and at no padding, see word 2"),
        ([[5, 0, 0], *TAGS[1:]], "y holds tag 5, but 2 types have tags up to 4"),
        ([[1, 4, 0], *TAGS[1:]], "sentence 0 has tag 4 at word 1, inside of a span that has no begin"),
        ([[2, 0, 0], *TAGS[1:]], "sentence 0 has tag 2 at word 0, inside of a span that has no begin"),
    ],
)
def test_tags_that_do_not_fit(tags: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataset(tags)


def test_characters_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"characters must be int \[3, 3, K\], got \[3, 2, 1\]"):
        dataset(characters=torch.ones(3, 2, 1))
    with pytest.raises(ValueError, match="sentence 1 must have characters at every word and at no padding, see word 2"):
        dataset(characters=torch.ones(3, 3, 1))
    with pytest.raises(ValueError, match=r"y must be long \[3, 3\], a tag of each word, got \[3\]"):
        dataset([0, 1, 0])  # type: ignore[list-item]


def test_characters_of_words() -> None:
    found = characters_of([["a" * 30, "b"], ["é"]], length=4)
    assert found.shape == (2, 4, 24)
    assert found[0].tolist() == [[97] * 24, [98] + [0] * 23, [0] * 24, [0] * 24]
    assert found[1, 0, 0] == 233
    with pytest.raises(ValueError, match="a sentence has 2 words, more than length 1; cut it"):
        characters_of([["a", "b"]], length=1)
