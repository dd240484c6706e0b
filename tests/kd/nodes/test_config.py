from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graphdistill.kd.nodes.config import TeacherConfig


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *((name, 0, f"{name} must be 1 or more, got 0") for name in ("epochs", "patience", "batch_size")),
        ("lr", 0.0, "lr must be above 0, got 0.0"),
        ("lr", float("nan"), "lr must be above 0, got nan"),
        ("weight_decay", -1.0, "weight_decay must be 0 or more, got -1.0"),
        ("input_dropout", 1.0, "input_dropout must be from 0 to below 1, got 1.0"),
        ("fanout", (3, -2), r"fanout must hold numbers of neighbours, or -1 for all, got \(3, -2\)"),
    ],
)
def test_a_teachers_config_says_what_it_takes(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TeacherConfig(), **{name: value})
