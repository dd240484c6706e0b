from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from graphdistill.bench import __main__ as front
from graphdistill.bench.options import ScatterBench


def test_a_bench_is_found_by_its_name_here_or_in_the_package_of_that_name() -> None:
    assert {name: front._module(name) for name in front.BENCHES} == {
        **{
            name: f"graphdistill.bench.{name}"
            for name in (
                "arrays",
                "circuits",
                "codec",
                "condense",
                "generate",
                "kd",
                "lossless",
                "mirage",
                "protect",
                "scale",
                "scatter",
                "search",
                "vqgraph",
            )
        },
        "fed": "fed.bench",
    }


def test_it_is_run_with_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    module = ModuleType("bench")
    module.main = seen.append  # type: ignore[attr-defined]
    monkeypatch.setattr(front.importlib, "import_module", lambda name: seen.append(name) or module)
    assert front.run(["scatter"]) == 0
    assert seen == ["graphdistill.bench.scatter", ScatterBench()]


def test_another_name_is_refused_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert front.run(["scater"]) == 2
    choices = (
        "arrays, circuits, codec, condense, fed, generate, kd, lossless, mirage, protect, scale, scatter, search, "
        "vqgraph"
    )
    assert f"NAME must be one of {choices}, got 'scater'" in capsys.readouterr().err
