from graphdistill.bench.kd import asking, main
from graphdistill.bench.options import KDBench


def test_calls_by_confidence_stand_beside_random_ones(monkeypatch, capsys):
    monkeypatch.setattr(asking, "DATA", {"digits": 2})
    main(KDBench(parts=("asking",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    for word in ("by confidence", "at random", "labels alone, 10% wished", "kd, 100% wished"):
        assert word in out
