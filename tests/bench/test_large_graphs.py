from __future__ import annotations

import pytest
import rich.console

from graphdistill.bench import condense, large_graphs
from graphdistill.core.data.datasets import NodeDataset
from tests.condense.samples import pairs


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, root: object) -> NodeDataset:
        assert name == "facebook"
        return pairs()

    monkeypatch.setattr(large_graphs, "load", load)
    monkeypatch.setattr(large_graphs, "console", rich.console.Console(width=200))


def test_every_method_has_its_cost(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_graphs, "alone", large_graphs.measure)
    condense.main(
        condense.Bench(
            parts=("large",), datasets=("facebook",), per_class=(2,), methods=("random", "bonsai"), seeds=2, trainings=1
        )
    )
    printed = capsys.readouterr().out
    cells = {}
    for line in printed.splitlines():
        if line.startswith("│"):
            name, *rest = (cell.strip() for cell in line.strip("│").split("│"))
            cells[name] = rest
    assert list(cells) == ["random", "bonsai"]
    for test, *seconds, memory, nbytes, _ in cells.values():
        assert 0 <= float(test.split()[0]) <= 1
        assert all(float(value) >= 0 for value in seconds)
        assert float(memory) > 0.05
        assert int(nbytes) > 10
    assert cells["random"][-1] == "6"
    assert "facebook, 2 nodes a class: 2 sets, 1 trainings each" in printed
