from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphdistill.core.data.tagged import TaggedTextDataset, spans_of
from graphdistill.datasets import load

SENTENCES = [
    "Ada\tB-person\nLovelace\tI-person\nsaw\tO\nParis\tB-place\n",
    "nobody\tO\nsaw\tO\nAda\tB-person\n",
    "it\tO\nrains\tO\n",
] * 8


def folder(root: Path, **files: str) -> Path:
    made = root / "text" / "names"
    made.mkdir(parents=True)
    given = files or {"train": "\n".join(SENTENCES), "test": "Bob\tB-person\nsaw\tO\nit\tO\n"}
    for file, content in given.items():
        (made / f"{file}.conll").write_text(content, encoding="utf-8")
    return made


def loaded(name: str | Path, root: Path | None = None, seed: int = 0) -> TaggedTextDataset:
    data = load(name, root, seed=seed)
    assert isinstance(data, TaggedTextDataset)
    return data


def words(data: TaggedTextDataset, i: int) -> list[str]:
    return ["".join(chr(point) for point in word if point) for word in data.characters[i].tolist() if word[0]]


def test_a_folder_of_tagged_words(tmp_path: Path) -> None:
    made = folder(tmp_path)
    data = loaded("text/names", tmp_path)
    assert (data.name, data.types, data.num_outputs) == ("text/names", ("person", "place"), 5)
    assert [len(index) for index in data.splits.values()] == [21, 3, 1]
    assert data.test.tolist() == [24]
    assert words(data, 0) == ["Ada", "Lovelace", "saw", "Paris"]
    assert words(data, 24) == ["Bob", "saw", "it"]
    assert data.y[:3].tolist() == [[1, 2, 0, 3], [0, 0, 1, -1], [0, 0, -1, -1]]
    assert [data.vocabulary[token] for token in data.tokens[24].tolist()] == ["<unknown>", "saw", "it", "<padding>"]
    assert data.notes == (
        "names, its own test sentences, a tenth of train for validation by seed 0; 7 words; types of spans: "
        "0 person, 1 place"
    )
    by_path = loaded(made)
    assert (by_path.name, by_path.digest) == ("names", data.digest)
    assert not torch.equal(loaded(made, seed=1).valid, data.valid)


def test_without_test_sentences_there_is_a_split_for_each_type(tmp_path: Path) -> None:
    made = folder(tmp_path, train="\n".join(SENTENCES * 2))
    data, file = loaded(made), loaded(made / "train.conll")
    assert [len(index) for index in data.splits.values()] == [36, 6, 6]
    assert {span.type for span in spans_of(data.y[data.valid])} == {0, 1}
    assert file.name == "train.conll"
    assert torch.equal(file.y, data.y)


def test_an_inside_tag_may_begin_a_span_and_columns_may_be_more(tmp_path: Path) -> None:
    lines = "New NNP I-place\nYork NNP I-place\nOslo NNP B-place\nAda NNP I-person\n\n" + "\n\n".join(["it PRP O"] * 20)
    data = loaded(folder(tmp_path, train=lines.replace("\n", "\r\n")))
    assert data.y[0].tolist() == [3, 4, 3, 1]
    assert words(data, 0) == ["New", "York", "Oslo", "Ada"]


def test_long_sentences_are_cut(tmp_path: Path) -> None:
    long = "a\tB-x\n" * 70
    data = loaded(folder(tmp_path, train="\n".join([long, *["b\tO\n"] * 20])))
    assert data.tokens.shape == (21, 64)
    assert data.notes.endswith("; 1 sentences are cut after 64 words")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train": "a\tO\nalone\n"}, "train.conll line 2 is 'alone'; each line holds a word, a tab and its tag, O, B-"),
        ({"train": "a\tO\n\tO\n"}, r"train.conll line 2 is '\\tO'; each line holds"),
        ({"train": "a\tO\nb\tperson\n"}, r"train.conll line 2 is 'b\\tperson'; each line holds"),
        ({"train": "a\tB-\n"}, r"train.conll line 1 is 'a\\tB-'; each line holds"),
        ({"train": "\n \n"}, "train.conll is empty; each line holds"),
        ({"train": "a\tO\n\nb\tO\n"}, "train.conll has no tag but O; each line holds"),
        (
            {"train": "a\tB-x\n", "test": "a\tO\n\nb\tB-y\n"},
            "test.conll line 3 has the type 'y', which no training sentence has; the types are x",
        ),
    ],
)
def test_files_that_cannot_be_used(files: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        load(folder(tmp_path, **files))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"text/wnut17 was not found .*wnut17/train\.conll\) and has no download"
    ):
        load("text/wnut17", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"absent\.conll': there is no such file"):
        load(tmp_path / "absent.conll")
    folder(tmp_path)
    with pytest.raises(ValueError, match=r"text/wnut17, text/shakespeare, text/names \(text/ under"):
        load("text/unknown", tmp_path)


def test_the_shared_set(data_root: Path) -> None:
    data = loaded("text/wnut17", data_root)
    assert data.types == ("corporation", "creative-work", "group", "location", "person", "product")
    assert [len(index) for index in data.splits.values()] == [2874, 320, 200]
    # Counted in the files by `grep -c B-`.
    assert len(spans_of(data.y[:3194])) == 1872
    assert len(spans_of(data.y[data.test])) == 103
    assert {span.type for span in spans_of(data.y[data.valid])} == set(range(6))
    assert words(data, 0)[3:5] == ["Alberto", "Moreno"]
    assert data.y[0, 3:5].tolist() == [9, 10]
