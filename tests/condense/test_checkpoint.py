from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphdistill.condense.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

X = {"x": torch.arange(4.0)}
FACTS = {"method": "dm", "steps": 9}


def looked() -> Checkpoint:
    state = Checkpoint.start(X, FACTS)
    for step, score in ((0, 0.5), (3, 0.8), (6, 0.7), (9, 0.8)):
        now = {"x": torch.full((4,), float(step))}
        state = state.look(score, now, step=step, now=now, memory={"x.momentum_buffer": now["x"]}, seconds=float(step))
    return state


def test_the_first_of_the_best_looks_is_kept() -> None:
    state = looked()
    assert state.best_look == (3, 0.8)
    assert state.best["x"].tolist() == [3.0] * 4
    assert state.now["x"].tolist() == [9.0] * 4
    assert (state.step, state.looks_since_best, state.seconds) == (9, 2, 9.0)


def test_there_and_back(tmp_path: Path) -> None:
    path, state = tmp_path / "new" / "here.safetensors", looked()
    write_checkpoint(path, state)
    first = path.read_bytes()
    again = read_checkpoint(path, FACTS)
    assert (again.step, again.looks, again.scale, again.seconds) == (9, state.looks, 1.0, 9.0)
    assert dict(again.facts) == FACTS
    for part, name in (("now", "x"), ("memory", "x.momentum_buffer"), ("best", "x")):
        assert list(getattr(again, part)) == [name]
        assert torch.equal(getattr(again, part)[name], getattr(state, part)[name])
    write_checkpoint(path, again)
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == ["here.safetensors"]


def test_slower_is_half_the_step_from_the_same_place() -> None:
    state = looked().slower().slower()
    assert state.scale == 0.25
    assert state.now["x"].tolist() == [9.0] * 4
    assert state.best["x"].tolist() == [3.0] * 4
    assert state.memory == {}


def test_what_was_shown_is_kept_and_not_what_is_learnt() -> None:
    """A running average is judged; learning goes on from the values themselves."""
    shown = {"x": torch.ones(4)}
    state = Checkpoint.start(X, FACTS).look(0.9, shown, step=3, now={"x": torch.zeros(4)})
    assert state.best is shown
    assert state.now["x"].tolist() == [0.0] * 4
    worse = state.look(0.1, X, step=6)
    assert worse.best is shown
    assert worse.looks == ((3, 0.9), (6, 0.1))


def test_the_start_is_a_copy() -> None:
    x = torch.zeros(4, requires_grad=True)
    state = Checkpoint.start({"x": x}, FACTS)
    with torch.no_grad():
        x += 1
    assert state.now["x"].tolist() == state.best["x"].tolist() == [0.0] * 4


def test_other_words_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", looked())
    with pytest.raises(ValueError, match=r"was written with method 'dm', but now it is 'dc'; give the same"):
        read_checkpoint(tmp_path / "c", {"method": "dc"})


def test_other_data_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", Checkpoint.start(X, {"data_digest": "aa"}).look(0.5, X))
    with pytest.raises(ValueError, match="is of other data, of digest aa, but now the digest is bb; give the same"):
        read_checkpoint(tmp_path / "c", {"data_digest": "bb"})


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b"", lambda b: b.replace(b'"card"', b'"cord"')])
def test_damage_is_told(tmp_path: Path, damage) -> None:
    path = tmp_path / "c"
    write_checkpoint(path, looked())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"is damaged.*start anew without --resume"):
        read_checkpoint(path, {})


def test_another_layout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "c", looked())
    monkeypatch.setattr("graphdistill.condense.checkpoint.FORMAT", 4)
    with pytest.raises(ValueError, match="has layout 3, this version reads 4"):
        read_checkpoint(tmp_path / "c", {})
