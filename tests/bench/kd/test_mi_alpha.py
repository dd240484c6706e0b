from graphdistill.bench.kd import main, mi_alpha
from graphdistill.bench.options import KDBench
from graphdistill.kd.search import grid


def test_bounds_and_ranks_are_shown(monkeypatch, capsys):
    monkeypatch.setattr(mi_alpha, "DATASETS", ("digits", "digits-knn"))
    monkeypatch.setattr(mi_alpha, "CORRELATIONS", (0.5,))
    monkeypatch.setattr(mi_alpha, "ALPHAS", (0.9,))
    monkeypatch.setattr(mi_alpha, "grid", lambda: grid()[:4])
    main(KDBench(parts=("mi-alpha",), seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("rho 0.5, alpha 0.9", "AutoDistiller", "best on validation", "mean rank"))
