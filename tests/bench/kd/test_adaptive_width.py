import pytest

from graphdistill.bench.kd import _tables, adaptive_width, main
from graphdistill.bench.options import KDBench
from tests.kd.samples import nodes, windows


@pytest.mark.parametrize(
    ("data", "name", "group"), [(windows, "Transformer-32", "'a'"), (nodes, "GCN", "2 neighbours")]
)
def test_every_budget_is_compared_with_fixed_truncation(data, name, group, monkeypatch, capsys):
    monkeypatch.setattr(adaptive_width, "NETWORKS", {data().name: (name, 8)})
    monkeypatch.setattr(_tables, "load", lambda name, root=None, seed=0: data())
    monkeypatch.setattr(adaptive_width, "BUDGETS", (0.5, 0.9))
    main(KDBench(parts=("adaptive-width",), seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    for word in ("accuracy - 0.5 fixed truncation", "0.9 adaptive-width", "multiply-adds", group):
        assert word in out
