import pytest
import torch

from graphdistill.core.sets.safetensors_card import read_with_card, write_with_card


def test_the_same_input_gives_the_same_bytes(tmp_path):
    x = torch.arange(6.0).view(2, 3).T
    for name, card in (("a", {"b": 1, "a": [2]}), ("b", {"a": [2], "b": 1})):
        write_with_card(tmp_path / "deep" / name, {"x": x}, card)
    assert (tmp_path / "deep" / "a").read_bytes() == (tmp_path / "deep" / "b").read_bytes()
    tensors, card = read_with_card(tmp_path / "deep" / "a")
    assert torch.equal(tensors["x"], x)
    assert card == {"a": [2], "b": 1}
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["a", "b"]


def test_a_cut_file_is_named(tmp_path):
    path = tmp_path / "state"
    write_with_card(path, {"x": torch.ones(9)}, {})
    path.write_bytes(path.read_bytes()[:-5])
    for bad in (path, tmp_path / "none"):
        with pytest.raises(ValueError, match=f"{bad} is damaged or absent"):
            read_with_card(bad)


def test_what_was_there_stays_where_writing_fails(tmp_path):
    path = tmp_path / "state"
    write_with_card(path, {"x": torch.ones(1)}, {"n": 1})
    with pytest.raises(TypeError):
        write_with_card(path, {"x": torch.zeros(1)}, {"n": object()})
    assert read_with_card(path)[1] == {"n": 1}
