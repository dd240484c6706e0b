from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graphdistill.vqgraph.config import TokenizerConfig, VQGraphConfig


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *((name, 0, f"{name} must be 1 or more, got 0") for name in ("num_codes", "hidden", "num_layers", "epochs")),
        *((name, 0, f"{name} must be 1 or more, got 0") for name in ("eval_every", "averaged_checks")),
        *((name, 1.0, f"{name} must be from 0 to below 1, got 1.0") for name in ("dropout", "input_dropout")),
        *((name, -1, f"{name} must be 0 or more, got -1") for name in ("hard_weight", "code_weight", "spread_steps")),
        *((name, -1, f"{name} must be 0 or more, got -1") for name in ("feature_neighbours", "feature_weight")),
        *(
            (name, 0.0, f"{name} must be above 0, got 0.0")
            for name in ("lr", "code_temperature", "sharpen", "confidence")
        ),
        ("targets", "best", "targets must be chosen or spread, got 'best'"),
        ("spreadings", ((0, 0.5, 0.0),), r"spreadings must hold rounds of 1 or more, .* got \(\(0, 0.5, 0.0\),\)"),
        *((name, float("nan"), f"{name} must be .* got nan") for name in ("lr", "dropout", "weight_decay", "restart")),
        ("weight_decay", -1, "weight_decay must be 0 or more, got -1"),
        ("restart", 1.5, "restart must be from 0 to 1, got 1.5"),
        ("batch_size", 0, "batch_size must be 1 or more, got 0"),
    ],
)
def test_a_config_says_what_it_takes(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(VQGraphConfig(), **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *((name, 0, f"{name} must be 1 or more, got 0") for name in ("epochs", "fanout", "kmeans_nodes", "batch_size")),
        ("dim", 0, "dim must be 1 or more, got 0"),
        ("lr", -1.0, "lr must be above 0, got -1.0"),
        *((name, -0.5, f"{name} must be 0 or more, got -0.5") for name in ("edge_weight", "commitment")),
        ("link", "softmax", "link must be sigmoid or minmax, got 'softmax'"),
        ("decay", 1.0, "decay must be from 0 to below 1, got 1.0"),
    ],
)
def test_a_tokenizers_config_says_what_it_takes(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TokenizerConfig(), **{name: value})
