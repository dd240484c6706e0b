from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import torch

from graphdistill.bench.__main__ import BENCHES
from graphdistill.bench.options import FedBench


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_runs_all_parts_by_default_and_shows_errors_when_asked(name: str) -> None:
    options: Any = BENCHES[name]()
    assert options.debug is False
    for field in fields(options):
        if field.name == "parts":
            assert len(options.parts) == len(set(options.parts)) > 1


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
