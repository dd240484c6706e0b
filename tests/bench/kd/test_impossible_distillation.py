from graphdistill.bench.kd import _impossible_distillation as claim
from graphdistill.bench.options import KDBench
from tests.kd.samples import windows


def test_both_sets_are_compared(capsys, monkeypatch):
    monkeypatch.setattr(claim, "load", lambda name, root=None, seed=0: windows())
    claim.measure(KDBench(seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    for word in ("teacher", "unfiltered", "filtered", "one round", "two rounds"):
        assert word in out
