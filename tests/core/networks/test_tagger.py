from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.data.tagged import characters_of
from graphdistill.core.networks.tagger import Tagger, word_parts

WORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1, max_size=9)
BUCKETS = 2**30
"""So many that parts that differ are in different ones."""


def naive_parts(word: str) -> list[str]:
    """Trigrams in lower case, the word, and its runs of signs."""
    ends = f"^{word.lower()}$"
    signs = re.sub("[A-Z]+", "\x01", word)
    signs = re.sub("[a-z]+", "\x02", signs)
    signs = re.sub("[0-9]+", "\x03", signs)
    signs = re.sub(r"([^\x01-\x03])\1+", r"\1", signs)
    return [*(ends[i : i + 3] for i in range(len(word))), f"whole {word.lower()}", f"shape {signs}"]


@given(WORDS, WORDS)
def test_words_share_the_parts_that_they_have_in_common(first: str, second: str) -> None:
    rows = word_parts(characters_of([[first, second]]), BUCKETS)[0]
    found = [row[row > 0].tolist() for row in rows]
    names = [naive_parts(word) for word in (first, second)]
    assert [len(part) for part in found] == [len(part) for part in names]
    for i, mine in enumerate(names[0]):
        for j, other in enumerate(names[1]):
            if "^" not in first + second and "$" not in first + second:
                assert (found[0][i] == found[1][j]) == (mine == other)


def test_padding_and_other_questions_change_no_logits() -> None:
    torch.manual_seed(0)
    network = Tagger(3, 6, width=8, dropout=0.5).eval()
    short = characters_of([["Ada", "saw", "Paris"], ["it"]])
    long = characters_of([["Ada", "saw", "Paris"], ["it"]], 6)
    types = torch.tensor([2, 0])
    found = network(short, types)
    assert found.shape == (2, 3, 3)
    torch.testing.assert_close(found[0], network(long, types)[0, :3])
    torch.testing.assert_close(found[:1], network(short[:1], types[:1]))
    assert not torch.allclose(found[0], network(short, torch.tensor([1, 0]))[0])
    assert network.train()(short, types).isfinite().all()


def test_rows_are_in_range_and_0_at_padding() -> None:
    rows = word_parts(characters_of([["a" * 30, "b"], ["é"]]), 5)
    assert rows.shape == (2, 2, 26)
    assert rows[1, 1].tolist() == [0] * 26
    assert int(rows.max()) <= 5
    assert (rows[0, 0] > 0).all()


def test_questions_that_the_network_was_not_made_for() -> None:
    network, characters = Tagger(2, 3, width=8), characters_of([["a", "b"]])
    with pytest.raises(ValueError, match="the network was made for 2 types, but is asked for type 2, counted from 0"):
        network(characters, torch.tensor([2]))
    with pytest.raises(ValueError, match="the sentences have 4 words, but the network was made for length 3"):
        network(characters_of([["a"] * 4]), torch.tensor([0]))
    with pytest.raises(ValueError, match="types must be 1 or more, got 0"):
        Tagger(0, 3)
