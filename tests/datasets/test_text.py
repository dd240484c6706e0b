from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.condense.data.kinds import protocol_of
from graphdistill.core.data.datasets import TextDataset
from graphdistill.datasets import _text as text
from graphdistill.datasets import load, load_graphs
from graphdistill.kd.nodes.teachers import as_nodes

GOOD = [f"good\tA fine, fine film {n % 3}!" for n in range(20)]
BAD = [f"bad\tIt's   not a GOOD film ({n % 4})" for n in range(20)]


def folder(root: Path, name: str = "films", **files: str) -> Path:
    made = root / "text" / name
    made.mkdir(parents=True)
    given = files or {"train": "\n".join(GOOD + BAD) + "\n", "test": "good\ta novel film\n\nbad\tnot fine\n"}
    for file, content in given.items():
        (made / f"{file}.{'txt' if file == 'input' else 'tsv'}").write_text(content, encoding="utf-8")
    return made


def loaded(name: str | Path, root: Path | None = None, seed: int = 0) -> TextDataset:
    data = load(name, root, seed=seed)
    assert isinstance(data, TextDataset)
    return data


def sentence(data: TextDataset, i: int) -> list[str]:
    return [data.vocabulary[token] for token in data.tokens[i].tolist() if token]


def naive_words(line: str) -> list[str]:
    """Character by character: letters, digits, _ and ' go on a word, anything else but a space is a word."""
    out, word = [], ""
    for character in line.lower() + " ":
        if character.isalnum() or character in "_'":
            word += character
            continue
        out += [part for part in (word, character.strip()) if part]
        word = ""
    return out


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_words_are_those_of_a_loop(line: str) -> None:
    assert text.words(line) == naive_words(line)


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6), min_size=1, max_size=8), st.integers(1, 3))
def test_ids_are_those_of_a_loop(texts: list[list[str]], least: int) -> None:
    vocabulary = text.vocabulary_of(texts, least)
    flat = [token for words in texts for token in words]
    assert set(vocabulary[2:]) == {token for token in flat if flat.count(token) >= least}
    counts = [flat.count(token) for token in vocabulary[2:]]
    assert counts == sorted(counts, reverse=True)
    for words, row in zip(texts, text.ids_of(texts, vocabulary).tolist(), strict=True):
        known = [token if token in vocabulary else "<unknown>" for token in words]
        assert [vocabulary[token] for token in row] == known + ["<padding>"] * (len(row) - len(known))


def test_a_folder_of_labelled_lines(tmp_path: Path) -> None:
    folder(tmp_path)
    data = loaded("text/films", tmp_path)
    assert (data.name, data.language_model, data.num_outputs) == ("text/films", False, 2)
    assert [len(index) for index in data.splits.values()] == [36, 4, 2]
    assert [int((data.y[index] == 1).sum()) for index in data.splits.values()] == [18, 2, 1]
    assert data.test.tolist() == [40, 41]
    assert sentence(data, 40) == ["a", "<unknown>", "film"]
    assert sentence(data, 41) == ["not", "fine"]
    assert sentence(data, 20) == ["it's", "not", "a", "good", "film", "(", "0", ")"]
    assert data.y.tolist() == [1] * 20 + [0] * 20 + [1, 0]
    assert data.notes == (
        "films, its own test texts, a tenth of train for validation by seed 0; 14 words; classes: 0 bad, 1 good"
    )
    assert torch.equal(loaded("text/films", tmp_path).valid, data.valid)
    assert not torch.equal(loaded("text/films", tmp_path, seed=1).valid, data.valid)
    by_path = loaded(tmp_path / "text" / "films")
    assert (by_path.name, by_path.digest) == ("films", data.digest)


def test_the_vocabulary_is_of_the_training_texts(tmp_path: Path) -> None:
    lines = [f"{n % 2}\tword{n} {'only only ' * (n == 7)}common" for n in range(20)]
    (tmp_path / "own.tsv").write_text("\n".join(lines))
    parts = set()
    for seed in range(12):
        data = loaded(tmp_path / "own.tsv", seed=seed)
        assert [len(index) for index in data.splits.values()] == [16, 2, 2]
        trained = 7 in data.train.tolist()
        assert data.vocabulary == ("<padding>", "<unknown>", "common", *(["only"] if trained else []))
        parts.add(trained)
    assert parts == {True, False}


def test_classes_that_are_numbers_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text("".join(f"{label}\ta\n" * 10 for label in (10, 9, 2)))
    data = loaded(str(tmp_path / "own.tsv"))
    assert data.y.tolist() == [2] * 10 + [1] * 10 + [0] * 10
    assert data.notes.endswith("split of seed 0; 1 words; classes: 0 2, 1 9, 2 10")


def test_long_texts_are_truncated(tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text("".join(f"{n % 2}\t{'a ' * 100}\n" for n in range(20)))
    assert loaded(tmp_path / "own.tsv").tokens.shape == (20, text.MAX_WORDS)


def test_a_language_model_of_characters(tmp_path: Path) -> None:
    written = "".join(chr(97 + (n * n) % 26) for n in range(1500)) + "Z" * 99
    folder(tmp_path, "plays", input=written)
    data = loaded("text/plays", tmp_path)
    assert data.language_model
    assert data.num_outputs == len(data.vocabulary)
    # 1,599 characters: 1,279 for train, 160 for validation and 160 for test; the last of a part has no next one.
    assert [len(index) for index in data.splits.values()] == [19, 2, 2]
    assert data.notes.startswith("input.txt, windows of 64 characters, the first 80 % for train")
    for part, (start, end) in zip(data.splits.values(), ((0, 1279), (1279, 1439), (1439, 1599)), strict=True):
        for place, window in enumerate(part.tolist()):
            first = start + 64 * place
            following = [data.vocabulary[token] for token in data.y[window].tolist()]
            want = [c if c in data.vocabulary else "<unknown>" for c in written[first + 1 : first + 65]]
            assert following == want
            assert first + 65 <= end
            assert data.tokens[window, 1:].tolist() == data.y[window, :-1].tolist()
    assert "Z" not in data.vocabulary
    assert loaded(tmp_path / "text" / "plays" / "input.txt").digest == data.digest


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        (
            {"train": "a\tb\nno tab\n"},
            ValueError,
            "train.tsv line 2 is 'no tab'; each line holds a label, a tab and a text",
        ),
        ({"train": "a\tb\n\tb\n"}, ValueError, r"train.tsv line 2 is '\\tb'; each line holds a label"),
        ({"train": "a\tb\na\t \n"}, ValueError, r"train.tsv line 2 is 'a\\t '; each line holds a label"),
        ({"train": "\n \n"}, ValueError, "train.tsv is empty; each line holds a label"),
        ({"train": "a\tb\n"}, FileNotFoundError, "test.tsv is missing; labelled texts are in train.tsv and test.tsv"),
        ({"train": "a\tb\n", "test": "a\tc\n"}, ValueError, "train.tsv has the single label 'a'"),
        (
            {"train": "a\tb\nc\td", "test": "a\tx\ne\tx\n"},
            ValueError,
            "test.tsv line 2 has the label 'e', which no training text has; the labels are 0 a, 1 c",
        ),
        ({"input": "too short"}, ValueError, "input.txt has 9 characters; a language model needs 650 or more"),
    ],
)
def test_files_that_cannot_be_used(files: dict[str, str], error: type[Exception], message: str, tmp_path: Path) -> None:
    folder(tmp_path, **files)
    with pytest.raises(error, match=message):
        load("text/films", tmp_path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_bytes("a\tb\né\tc".encode("latin-1"))
    with pytest.raises(OSError, match=r"own\.tsv line 2 is not UTF-8 text .*; save the file as UTF-8"):
        load(tmp_path / "own.tsv")
    with pytest.raises(FileNotFoundError, match=r"absent\.txt': there is no such file"):
        load(tmp_path / "absent.txt")


def test_known_names_without_files_and_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"^text/trec was not found .*trec/train\.tsv\) and has no download\. Put"
    ):
        load("text/trec", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"searched .*text/shakespeare/input\.txt\)"):
        load("text/shakespeare", tmp_path)
    folder(tmp_path, "mine")
    with pytest.raises(
        ValueError, match=r"Did you mean text/trec.*text/trec, .*text/shakespeare, text/mine \(text/ under"
    ):
        load("text/treck", tmp_path)


def test_texts_are_refused_where_other_data_are_needed(tmp_path: Path) -> None:
    data = loaded(folder(tmp_path))
    with pytest.raises(ValueError, match=r"^name='.*films' is a set of labelled texts, but labelled graphs are needed"):
        load_graphs(str(tmp_path / "text" / "films"))
    with pytest.raises(
        ValueError, match=r"^films holds texts, which no method of condensation supports; choose images"
    ):
        protocol_of(data)
    with pytest.raises(ValueError, match=r"^data must be one graph with labelled nodes"):
        as_nodes(data)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"task='regression', but films is of classification"):
        load(data, task="regression")


@pytest.mark.parametrize(
    ("name", "sizes", "classes"),
    [("trec", (4906, 546, 500), 6), ("reviews_films", (7677, 853, 2132), 2), ("shakespeare", (13942, 1742, 1742), 67)],
)
def test_the_shared_sets(data_root: Path, name: str, sizes: tuple[int, ...], classes: int) -> None:
    data = loaded(f"text/{name}", data_root)
    assert tuple(len(index) for index in data.splits.values()) == sizes
    assert data.num_outputs == classes
    assert len(data.tokens) == sum(sizes)
