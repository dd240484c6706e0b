from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import torch

from graphdistill.bench.__main__ import BENCHES
from graphdistill.bench.options import FedBench, GenerateBench


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_runs_all_parts_by_default_and_shows_errors_when_asked(name: str) -> None:
    options: Any = BENCHES[name]()
    assert options.debug is False
    for field in fields(options):
        if field.name == "parts":
            assert len(options.parts) == len(set(options.parts)) > 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"methods": ("sim", "dmd3")}, r"--method 'dmd3' is unknown\. Did you mean dmd2\? Choices: boot, "),
        ({"sampling_steps": (1, 0)}, r"--sampling-steps must be 1 or more, got 0"),
        ({"seeds": 0}, "--seeds must be 1 or more, got 0"),
        ({"steps": 0}, "--steps must be 1 or more, got 0"),
        ({"image_size": 4}, "--image-size must be 8 or more, got 4"),
        ({"jobs": 0}, "--jobs must be 1 or more, got 0"),
    ],
)
def test_a_bench_of_generators_that_cannot_run_is_refused_before_it_trains(words: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GenerateBench(**words)


def test_a_federation_of_the_bench_has_its_data_and_clients() -> None:
    config = FedBench(clients=2, device="auto").config("digits", "fedavg", rounds=3)
    assert config.device == "auto"
    assert (config.dataset, config.algorithm, config.clients, config.rounds) == ("digits", "fedavg", 2, 3)


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_has_a_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert BENCHES[name]().torch_device == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match=r"--device cuda: torch .* finds no GPU here"):
        _ = BENCHES[name](device="cuda").torch_device
