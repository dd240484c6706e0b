"""Every method is told of, does one of two things, and has a test of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe
from graphdistill.condense.methods import FAMILY
from tests.condense.samples import setting

HERE = Path(__file__).parent


def untested(names: list[str], folder: Path) -> list[str]:
    return [name for name in names if not (folder / f"test_{name.replace('-', '_')}.py").is_file()]


def test_every_method_has_a_test() -> None:
    assert untested(FAMILY.names(), HERE / "methods") == []


def test_a_method_without_one_is_found(tmp_path: Path) -> None:
    (tmp_path / "test_k_center.py").touch()
    assert untested(["dm", "k-center"], tmp_path) == ["dm"]


@pytest.mark.parametrize("name", FAMILY.names())
def test_every_method_is_told_of_and_does_one_thing(name: str) -> None:
    line, paper = FAMILY.about(name)
    assert len(line) > 20
    assert line.endswith(".")
    assert "http" in paper or name == "random"
    module = FAMILY.module(name)
    assert hasattr(module, "recipe") != hasattr(module, "select")
    assert "_" not in name
    assert module.FOR


@pytest.mark.parametrize(
    ("name", "kind"),  # graphs have theirs in test_graph_runs.py
    [(name, kind) for name in FAMILY.names() for kind in FAMILY.kinds(name) if kind != "graphs"],
)
@pytest.mark.parametrize("per_class", [1, 3])
def test_every_method_gives_what_it_should(name: str, kind: Kind, per_class: int) -> None:
    module, asked = FAMILY.module(name), setting(per_class, kind=kind)
    if hasattr(module, "recipe"):
        assert isinstance(module.recipe(asked, module.Config()), Recipe)
        return
    small = module.select(asked, module.Config())
    label = small.y if small.y.dim() == 1 else small.y.argmax(dim=1)
    assert torch.bincount(label).tolist() == [per_class] * 3


def test_a_method_that_is_not_for_the_data_is_told() -> None:
    with pytest.raises(
        ValueError, match="--method gcdm is for nodes, but the data set holds images; for images choose"
    ):
        FAMILY.check("gcdm", "images")


def test_a_slip_of_the_pen_is_told() -> None:
    with pytest.raises(ValueError, match=r"--method 'hreding' is unknown. Did you mean herding\? Choices: cda, "):
        FAMILY.check("hreding")
