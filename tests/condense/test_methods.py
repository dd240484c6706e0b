"""Every method is told of, does one of two things, and has a test of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphdistill.condense import methods
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe
from tests.condense.samples import setting

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
    assert module.FOR


@pytest.mark.parametrize(
    ("name", "kind"),  # graphs have theirs in test_graph_runs.py
    [(name, kind) for name in methods.names() for kind in methods.find(name).FOR if kind != "graphs"],
)
@pytest.mark.parametrize("per_class", [1, 3])
def test_every_method_gives_what_it_should(name: str, kind: Kind, per_class: int) -> None:
    module, asked = methods.find(name, kind), setting(per_class, kind=kind)
    if hasattr(module, "recipe"):
        assert isinstance(module.recipe(asked), Recipe)
        return
    small = module.select(asked)
    label = small.y if small.y.dim() == 1 else small.y.argmax(dim=1)
    assert torch.bincount(label).tolist() == [per_class] * 3


def test_a_method_that_is_not_for_the_data_is_told() -> None:
    with pytest.raises(
        ValueError, match="--method gcdm is for nodes, but the data set holds images; for images choose"
    ):
        methods.find("gcdm", "images")


def test_a_slip_of_the_pen_is_told() -> None:
    with pytest.raises(ValueError, match=r"--method 'hreding' is unknown. Did you mean herding\? Choices: cda, "):
        methods.find("hreding")
