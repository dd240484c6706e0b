"""Every method is told of, does one of two things, and has a test of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphdistill.condense import methods
from graphdistill.condense.objective import Recipe
from tests.condense.samples import real, seeded

HERE = Path(__file__).parent


def untested(names: list[str], folder: Path) -> list[str]:
    return [name for name in names if not (folder / f"test_{name.replace('-', '_')}.py").is_file()]


def test_every_method_has_a_test() -> None:
    assert untested(methods.names(), HERE / "methods") == []


def test_a_method_without_one_is_found(tmp_path: Path) -> None:
    (tmp_path / "test_k_center.py").touch()
    assert untested(["dm", "k-center"], tmp_path) == ["dm"]


@pytest.mark.parametrize("name", methods.names())
def test_every_method_is_told_of_and_does_one_thing(name: str) -> None:
    line, paper = methods.about(name)
    assert len(line) > 20
    assert line.endswith(".")
    assert "http" in paper or name == "random"
    module = methods.find(name)
    assert hasattr(module, "recipe") != hasattr(module, "select")
    assert "_" not in name


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("per_class", [1, 3])
def test_every_method_gives_what_it_should(name: str, per_class: int) -> None:
    module = methods.find(name)
    if hasattr(module, "recipe"):
        assert isinstance(module.recipe(per_class), Recipe)
        return
    rows = module.select(real(), per_class, seeded())
    assert torch.bincount(real().y[rows]).tolist() == [per_class] * 3
    assert len(set(rows.tolist())) == 3 * per_class


def test_a_slip_of_the_pen_is_told() -> None:
    with pytest.raises(ValueError, match=r"--method 'hreding' is unknown. Did you mean herding\? Choices: dc, "):
        methods.find("hreding")
