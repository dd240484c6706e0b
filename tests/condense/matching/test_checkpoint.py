from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from graphdistill.condense.matching.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from graphdistill.core.sets.safetensors_card import read_with_card, write_with_card
from tests.hostile import grow, refused

X = {"x": torch.arange(4.0)}
FACTS = {"method": "dm", "steps": 9}


def checked() -> Checkpoint:
    state = Checkpoint.initial(X, FACTS)
    for step, score in ((0, 0.5), (3, 0.8), (6, 0.7), (9, 0.8)):
        now = {"x": torch.full((4,), float(step))}
        state = state.after_check(
            score, now, step=step, now=now, memory={"x.momentum_buffer": now["x"]}, seconds=float(step)
        )
    return state


def test_the_first_of_the_best_checks_is_kept() -> None:
    state = checked()
    assert state.best_check == (3, 0.8)
    assert state.best["x"].tolist() == [3.0] * 4
    assert state.now["x"].tolist() == [9.0] * 4
    assert (state.step, state.checks_since_best, state.seconds) == (9, 2, 9.0)


def test_there_and_back(tmp_path: Path) -> None:
    path, state = tmp_path / "new" / "here.safetensors", checked()
    write_checkpoint(path, state)
    first = path.read_bytes()
    again = read_checkpoint(path, FACTS)
    assert (again.step, again.checks, again.scale, again.seconds) == (9, state.checks, 1.0, 9.0)
    assert dict(again.facts) == FACTS
    for part, name in (("now", "x"), ("memory", "x.momentum_buffer"), ("best", "x")):
        assert list(getattr(again, part)) == [name]
        assert torch.equal(getattr(again, part)[name], getattr(state, part)[name])
    write_checkpoint(path, again)
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == ["here.safetensors"]


def test_slower_is_half_the_step_from_the_same_place() -> None:
    state = checked().slower().slower()
    assert state.scale == 0.25
    assert state.now["x"].tolist() == [9.0] * 4
    assert state.best["x"].tolist() == [3.0] * 4
    assert state.memory == {}


def test_what_was_shown_is_kept_and_not_what_is_learnt() -> None:
    """A running average is judged; learning goes on from the values themselves."""
    shown = {"x": torch.ones(4)}
    state = Checkpoint.initial(X, FACTS).after_check(0.9, shown, step=3, now={"x": torch.zeros(4)})
    assert state.best is shown
    assert state.now["x"].tolist() == [0.0] * 4
    worse = state.after_check(0.1, X, step=6)
    assert worse.best is shown
    assert worse.checks == ((3, 0.9), (6, 0.1))


def test_the_start_is_a_copy() -> None:
    x = torch.zeros(4, requires_grad=True)
    state = Checkpoint.initial({"x": x}, FACTS)
    with torch.no_grad():
        x += 1
    assert state.now["x"].tolist() == state.best["x"].tolist() == [0.0] * 4


def test_other_words_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", checked())
    with pytest.raises(ValueError, match=r"was written with method 'dm', but now it is 'dc'; give the same"):
        read_checkpoint(tmp_path / "c", {"method": "dc"})


def test_other_data_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", Checkpoint.initial(X, {"data_digest": "aa"}).after_check(0.5, X))
    with pytest.raises(ValueError, match="is of other data, of digest 'aa', but now the digest is 'bb'; give the same"):
        read_checkpoint(tmp_path / "c", {"data_digest": "bb"})


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b"", lambda b: b.replace(b'"card"', b'"cord"')])
def test_damage_is_refused(tmp_path: Path, damage) -> None:
    path = tmp_path / "c"
    write_checkpoint(path, checked())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"is damaged.*start again without --resume"):
        read_checkpoint(path, {})


def damaged(path: Path, tensors: dict[str, torch.Tensor] | None = None, **facts: object) -> None:
    """A whole file that says other things."""
    write_checkpoint(path, checked())
    held, card = read_with_card(path)
    card = {name: value for name, value in {**card, **facts}.items() if value != "gone"}
    write_with_card(path, held if tensors is None else tensors, card)


@pytest.mark.parametrize(
    "facts",
    [
        *({"step": value} for value in ("gone", -1, 3.0, True, "3")),
        *(
            {"checks": value}
            for value in ("gone", [], 3, [3], [[0]], [[0, "a"]], [[3, 0.1], [0, 0.1]], [[0, math.nan]])
        ),
        *(
            {"checks": value}
            for value in ([[0, 0.1], [0, 0.2]], [[-3, 0.1]], [[0, None]], [[0, 0.1], [10, 0.1]], {"0": 1})
        ),
        *({"scale": value} for value in ("gone", 0, 2, -1.0, math.inf, math.nan, None)),
        *({"seconds": value} for value in ("gone", -1, math.nan, math.inf, "1")),
        *({"facts": value} for value in ("gone", [], None)),
    ],
    ids=str,
)
def test_a_card_that_cannot_be_is_refused(tmp_path: Path, facts: dict[str, object]) -> None:
    damaged(tmp_path / "c", **facts)
    with pytest.raises(ValueError, match=rf"c is damaged: .* has {next(iter(facts))} .*; start again"):
        read_checkpoint(tmp_path / "c", {}, X)


Y = {"now.x": X["x"], "best.x": X["x"]}


@pytest.mark.parametrize(
    ("tensors", "match"),
    [
        ({"now.x": X["x"]}, "holds no 'best.x'"),
        ({**Y, "now.y": X["x"]}, "holds 'now.y', which is not expected"),
        ({**Y, "other": X["x"]}, "holds 'other', which is not expected"),
        ({**Y, "now.x": torch.ones(1)}, r"holds now.x of float32 \[1\], expected .* \[4\]"),
        ({**Y, "now.x": torch.arange(4)}, "holds now.x of int64"),
        ({**Y, "memory.x.momentum_buffer": torch.ones(5)}, r"holds memory.x.momentum_buffer of float32 \[5\]"),
        ({**Y, "memory.x.step": torch.ones(4)}, r"holds memory.x.step of float32 \[4\]"),
        ({**Y, "memory.y.step": torch.ones(())}, "holds 'memory.y.step', which is not expected"),
        ({**Y, "memory.x.__class__": X["x"]}, "holds 'memory.x.__class__', which is not expected"),
        ({**Y, "best.x": torch.full((4,), math.nan)}, r"holds nan in best.x at \[0\]"),
    ],
)
def test_tensors_that_cannot_be_are_refused(tmp_path: Path, tensors: dict[str, torch.Tensor], match: str) -> None:
    damaged(tmp_path / "c", tensors)
    with refused(match):
        read_checkpoint(tmp_path / "c", {}, X)


def test_what_adam_keeps_is_taken_up(tmp_path: Path) -> None:
    damaged(tmp_path / "c", {**Y, "memory.x.step": torch.ones(()), "memory.x.exp_avg": X["x"]})
    assert read_checkpoint(tmp_path / "c", {}, X).memory.keys() == {"x.step", "x.exp_avg"}


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", checked())
    grow(tmp_path / "c", 2**33)
    with refused(r"is damaged: .*too large.*start again without --resume"):
        read_checkpoint(tmp_path / "c", {}, X)


def test_another_layout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "c", checked())
    monkeypatch.setattr("graphdistill.condense.matching.checkpoint.FORMAT", 5)
    with pytest.raises(ValueError, match=r"c has layout 4, this version reads 5; start again without --resume$"):
        read_checkpoint(tmp_path / "c", {})
