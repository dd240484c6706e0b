from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphdistill.condense.config import Command, CondenseConfig


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"per_class": 0}, "--per-class must be 1 or more, got 0"),
        ({"steps": 0}, "--steps must be 1 or more, got 0"),
        ({"trainings": 0}, "--trainings must be 1 or more, got 0"),
        ({"seeds": 0}, "--seeds must be 1 or more, got 0"),
        ({"seed": -1}, "--seed must be 0 or more, got -1"),
        ({"method": "dmm"}, "--method 'dmm' is unknown. Did you mean dm"),
    ],
)
def test_a_command_says_what_it_takes(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Command(**words)


def test_every_seed_has_a_checkpoint_of_its_own() -> None:
    assert Command().checkpoint(3) == Path("runs/condense/checkpoint-3.safetensors")


def test_defaults() -> None:
    assert CondenseConfig() == CondenseConfig(method="dm", per_class=10, steps=None)
