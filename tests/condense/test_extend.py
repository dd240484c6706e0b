from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

from graphdistill.condense.extend import Recipe, Schedule, Step, distill_by
from graphdistill.core.randomness import generator
from tests.condense.samples import bars

EXAMPLE = Path(__file__).parents[2] / "examples" / "condense_own_method.py"


class Toward:
    """Draws every image towards the mean of some real ones."""

    def accumulate(self, step: Step) -> float:
        x, _ = step.real.sample(2, step.generator)
        return step.synthetic.backward((step.synthetic.inputs() - x.mean(dim=0)).square().sum())


def recipe() -> Recipe:
    return Recipe(objective=Toward(), schedule=Schedule(), steps=5, lr=0.1)


def test_a_recipe_is_all_it_takes_and_the_seed_decides() -> None:
    one, same, other = (distill_by(recipe(), bars(), 2, generator=generator(seed, "t")) for seed in (0, 0, 1))
    assert len(one) == 6
    assert one.meta["chosen_step"] in [step for step, _ in one.meta["checks"]]
    assert torch.equal(one.data, same.data)
    assert not torch.equal(one.data, other.data)


def test_it_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    whole = distill_by(recipe(), bars(), 2, checkpoint=path)
    again = distill_by(recipe(), bars(), 2, checkpoint=path, resume=True)
    assert torch.equal(whole.data, again.data)


def test_too_many_entries_of_a_class_are_refused() -> None:
    with pytest.raises(ValueError, match=r"--per-class"):
        distill_by(recipe(), bars(), 10_000)


def test_a_method_of_ones_own_takes_imports_from_two_modules() -> None:
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    used = {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and "graphdistill" in node.module
    }
    assert used == {"graphdistill", "graphdistill.condense.extend"}
