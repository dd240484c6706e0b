from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import rich.console

from graphdistill.bench import condense
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.matching.loop import distill
from graphdistill.core.evaluation import precision
from tests.condense.quick import FIT
from tests.condense.samples import bars, pairs, probe


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Easy data and few steps; what methods reach is measured elsewhere."""

    def short(data: Any, config: CondenseConfig, **more: Any) -> Any:
        steps = None if config.method in ("random", "herding") else 2
        return distill_condense(
            data, CondenseConfig(method=config.method, per_class=2, steps=steps, bits="full"), **more
        )

    monkeypatch.setattr(condense, "load", lambda name, root: bars() if name == "digits" else pairs())
    monkeypatch.setattr(condense, "distill_condense", short)
    monkeypatch.setattr(
        condense, "distill", lambda real, _, recipe, **more: distill(real, 2, replace(recipe, steps=2), **more)
    )
    monkeypatch.setattr(precision, "TRAININGS", 1)
    # So wide that no name is wrapped.
    monkeypatch.setattr(condense, "console", rich.console.Console(width=200))


def shown(capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[str, dict[str, list[str]]]:
    condense.main(condense.Bench(seeds=2, trainings=1, **options))
    printed = capsys.readouterr().out
    cells = {}
    for line in printed.splitlines():
        if line.startswith("│"):
            name, *rest = (cell.strip() for cell in line.strip("│").split("│"))
            cells[name] = rest
    return printed, cells


def test_methods_of_images_with_their_baselines(capsys: pytest.CaptureFixture[str]) -> None:
    printed, cells = shown(
        capsys, parts=("methods",), datasets=("digits",), per_class=(2,), methods=("random", "herding", "dm", "gcdm")
    )
    assert set(cells) == {
        "random",
        "RS2: new random subset every step",
        "untrained network",
        "logistic regression on pixels of the same set",
        "majority class",
        "herding",
        "dm",
        "random images, bytes of the largest set",
        "all the data",
    }
    assert int(cells["random images, bytes of the largest set"][3].replace(",", "")) <= 1.1 * int(cells["dm"][3])
    assert float(cells["random"][2]) == 0
    assert cells["dm"][4] == "6"
    assert "digits, 2 a class, dm: validation" in printed
    assert "peak memory" in printed


def test_nodes_have_further_rows(capsys: pytest.CaptureFixture[str]) -> None:
    _, cells = shown(capsys, parts=("methods",), datasets=("cora",), methods=("random", "gcdm"))
    assert {"random", "means of random groups of nodes", "gcdm"} <= set(cells)


def test_units_compare_steps_of_one_size_with_those_in_deviations(capsys: pytest.CaptureFixture[str]) -> None:
    printed, _ = shown(capsys, parts=("units",))
    assert printed.count("with one size") == 12
    assert "in deviations of each column" in printed


def test_the_sweep_is_exact_and_tesla_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(condense, "load", lambda name, root: bars())
    printed, _ = shown(capsys, parts=("unroll",))
    found = re.findall(r"sweep off by (\S+), TESLA's cosine (\S+)", printed)
    assert len(found) == 6
    assert all(float(error) < 1e-5 for error, _ in found)
    cosines = [float(cosine) for _, cosine in found]
    assert cosines[0] > 0.97 > cosines[-1]


def test_sets_without_labels_are_probed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condense, "protocol_of", lambda data, **options: replace(probe(), trainings=1, fit=FIT))
    printed, cells = shown(
        capsys, parts=("probe",), datasets=("digits", "cora"), per_class=(2,), methods=("krr-st", "dm")
    )
    assert set(cells) == {
        "krr-st",
        "random images, equal number",
        "RS2: new random subset every step",
        "untrained network",
        "logistic regression on pixels of the labelled images",
        "majority class",
        "random images, bytes of the largest set",
        "all the data",
    }
    assert float(cells["random images, equal number"][2]) == 0
    assert "digits, 2 unlabelled images: 2 sets" in printed
