from dataclasses import replace

import pytest
import torch

from graphdistill.kd.data.kinds import readable, view_of
from graphdistill.kd.data.smiles import SmilesDataset, SmilesView, smiles_texts
from tests.kd.samples import SMILES, molecules, nodes


def test_rows_are_the_molecules_and_their_classes():
    data, texts = molecules(), smiles_texts(molecules())
    whole = torch.cat([texts.tokens, texts.y[:, -1:]], dim=1)
    assert torch.equal(texts.tokens[:, 1:], texts.y[:, :-1])
    assert texts.smiles_of(whole) == list(data.smiles)
    assert torch.equal(texts.classes_of(whole), data.y)
    for name, index in data.splits.items():
        assert torch.equal(texts.splits[name], index)
    view = view_of(texts)
    assert isinstance(view, SmilesView)
    assert view.KIND == "text"
    assert view.num_classes == len(texts.vocabulary)


def test_long_molecules_are_left_out_and_other_characters_are_unknown():
    data = molecules()
    texts = smiles_texts(data, length=11)
    kept = [i for i, text in enumerate(data.smiles) if len(text) < 11]
    assert 0 < len(texts.tokens) == len(kept) < len(data.y)
    assert f"{len(data.y) - len(kept)} molecules of 11 characters or more are left out" in texts.notes
    for name, index in texts.splits.items():
        assert [kept[i] for i in index.tolist()] == [i for i in data.splits[name].tolist() if i in kept]
    # Only validation has bromine, whose characters the vocabulary of training lacks.
    other = replace(
        data, smiles=tuple("CBr" if i == int(data.valid[0]) else text for i, text in enumerate(data.smiles))
    )
    texts = smiles_texts(other)
    assert texts.y[texts.valid[0], :3].tolist() == [texts.vocabulary.index("C"), 1, 1]


def test_texts_that_are_no_whole_molecules():
    texts = smiles_texts(molecules())
    number = {token: i for i, token in enumerate(texts.vocabulary)}
    rows = [["<0>", "C", "<end>"], ["<0>", "C", "C"], ["<0>", "<1>", "<end>"], ["<0>", "<unknown>", "<end>"]]
    rows.append(["<1>", "<end>", "C"])
    found = texts.smiles_of(torch.tensor([[number[token] for token in row] for row in rows]))
    assert found == ["C", None, None, None, None]


def test_methods_for_text_alone_read_molecules_as_texts():
    assert isinstance(readable(molecules(), ["text"]), SmilesDataset)
    assert readable(molecules(), ["text", "graphs"]) is molecules()
    assert readable(nodes(), ["text"]) is nodes()
    plain = replace(molecules(), smiles=None)
    assert readable(plain, ["text"]) is plain


def test_other_data_are_refused():
    with pytest.raises(ValueError, match="alcohols has no SMILES; give molecules that are loaded with them"):
        smiles_texts(replace(molecules(), smiles=None))
    with pytest.raises(ValueError, match="alcohols has many tasks, but texts of molecules begin with their class"):
        smiles_texts(replace(molecules(), y=torch.zeros(len(SMILES), 2), metric="rocauc"))
    with pytest.raises(ValueError, match="alcohols has targets, but texts of molecules begin"):
        smiles_texts(replace(molecules(), y=torch.rand(len(SMILES), 1), metric="rmse"))
    with pytest.raises(ValueError, match="length 1: no SMILES of the train split of alcohols is shorter; raise it"):
        smiles_texts(molecules(), length=1)
